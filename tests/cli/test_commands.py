"""The command dreamlake-assets: its output, its exit codes and its effects."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import psycopg
import pytest
from click.testing import CliRunner, Result

import dreamlake_assets
from dreamlake_assets.auth import Authenticator
from dreamlake_assets.cli import main
from dreamlake_assets.config import TokenSettings
from dreamlake_assets.database import migrations
from tests.conftest import SECRET
from tests.support.postgres import Server
from tests.support.roles import SERVICE, as_role

Run = Callable[..., Result]

#: Variables that the command must not inherit from the environment of the tests.
VARIABLES = (
    "DATABASE_URL",
    "DREAMLAKE_JWT_SECRET",
    "DREAMLAKE_JWT_PUBLIC_KEY",
    "DREAMLAKE_JWT_JWKS_URL",
    "DREAMLAKE_SETTINGS_FILE",
)


def run(*arguments: str, **environment: str) -> Result:
    cleared = dict.fromkeys(VARIABLES)
    return CliRunner().invoke(main, arguments, env={**cleared, **environment})


@pytest.fixture
def on_database(database_url: str) -> Run:
    """A function that runs a command on a migrated database."""
    return lambda *arguments: run(*arguments, DATABASE_URL=database_url)


def members(connection: psycopg.Connection) -> set[tuple[str, str, str]]:
    return set(
        connection.execute(
            "SELECT slug, subject, role FROM namespace_member JOIN namespace USING (namespace_id)"
        )
    )


def fails(result: Result, message: str, *, exit_code: int = 1) -> None:
    """Check that a command failed with a message on standard error, and printed no result."""
    assert result.exit_code == exit_code, result.output
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1] == f"Error: {message}"
    if exit_code == 1:
        assert len(result.stderr.splitlines()) == 1


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize("command", list(commands(main)), ids=" ".join)
def test_every_command_explains_itself(command: tuple[str, ...]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    is_group = "COMMAND" in result.stdout.splitlines()[0]
    assert is_group or f"dreamlake-assets {' '.join(command)}" in result.stdout


def test_it_is_installed_under_its_name() -> None:
    program = Path(sys.executable).parent / "dreamlake-assets"
    output = subprocess.check_output([program, "--version"], text=True)
    assert output == f"dreamlake-assets {dreamlake_assets.__version__}\n"


def test_settings_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "environment"
    file.write_text("# for systemd\nDREAMLAKE_JWT_SECRET=short\n")
    program = Path(sys.executable).parent / "dreamlake-assets"

    def said(path: Path) -> str:
        environment = {"DREAMLAKE_SETTINGS_FILE": str(path), "DREAMLAKE_JWT_SECRET": SECRET}
        command = [program, "token", "alice"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        return done.stderr

    assert said(file) == "Error: DREAMLAKE_JWT_SECRET must have at least 32 bytes\n"
    assert said(tmp_path / "nothing").startswith("Error: DREAMLAKE_SETTINGS_FILE cannot be read: ")


def test_migrate(server: Server) -> None:
    names = list(migrations.required().values())
    finish = [each.name for each in migrations.load() if each.finishes]

    def shown(url: str) -> list[list[str]]:
        lines = run("migrate", "--status", DATABASE_URL=url).stdout.splitlines()
        return [line.split()[:2] for line in lines]

    with server.database() as url:
        left = [["finish", name] for name in finish]
        assert shown(url) == [["pending", name] for name in names] + left
        for options, expected in (([], names), (["--finish"], finish)):
            arguments = ["migrate", *options]
            would = run(*arguments, "--dry-run", DATABASE_URL=url).stdout
            assert would == "".join(f"would apply {name}\n" for name in expected)
            done = run(*arguments, DATABASE_URL=url).stdout
            assert done == "".join(f"applied {name}\n" for name in expected)
            for again in (arguments, [*arguments, "--dry-run"]):
                result = run(*again, DATABASE_URL=url)
                assert result.stdout == "nothing to do: the schema is up to date\n"
                assert result.exit_code == 0
            if not options:
                assert shown(url) == [["applied", name] for name in names] + left
        assert shown(url) == [["applied", name] for name in sorted(names + finish)]


def test_what_a_role_may_not_do_is_said(database_url: str) -> None:
    url = as_role(SERVICE, database_url)
    result = run("namespace", "create", "robotics", DATABASE_URL=url)
    fails(result, "42501: permission denied for table namespace")


def test_migrate_shows_what_a_later_release_has_done(
    on_database: Run, connection: psycopg.Connection
) -> None:
    connection.execute("INSERT INTO schema_migration VALUES (9999, '9999_later', 'x')")
    last = on_database("migrate", "--status").stdout.splitlines()[-1]
    assert last == "newer    9999_later  (from a later release)"


def test_migrate_refuses_a_changed_file(on_database: Run, connection: psycopg.Connection) -> None:
    connection.execute("UPDATE schema_migration SET checksum = 'x' WHERE version = 1")
    fails(
        on_database("migrate"),
        "0001_namespaces.sql was changed after it was applied; restore the file and put the change"
        " into a new migration",
    )


def test_migrate_with_options_that_exclude_each_other(on_database: Run) -> None:
    fails(
        on_database("migrate", "--status", "--dry-run"),
        "--dry-run and --status cannot be combined.",
        exit_code=2,
    )


@pytest.mark.parametrize("command", ["migrate", "namespace list", "namespace create robotics"])
def test_without_a_database(command: str) -> None:
    fails(
        run(*command.split()),
        "DATABASE_URL is required; set it to a URL such as postgresql://user@host:5432/dreamlake",
    )
    result = run(*command.split(), DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "127.0.0.1" in result.stderr


def test_without_the_schema(server: Server) -> None:
    with server.database() as url:
        fails(
            run("namespace", "list", DATABASE_URL=url),
            "The schema of the database is behind this service; run dreamlake-assets migrate.",
        )


def test_namespaces_and_members(on_database: Run, connection: psycopg.Connection) -> None:
    create = ("namespace", "create", "robotics")
    result = on_database(*create, "--member", "alice", "--member", "urn:x:bob:reader")
    assert result.stdout == (
        "created the namespace robotics\n"
        "alice is a writer of robotics\n"
        "urn:x:bob is a reader of robotics\n"
    )
    assert members(connection) == {
        ("robotics", "alice", "writer"),
        ("robotics", "urn:x:bob", "reader"),
    }

    assert on_database("namespace", "create", "empty").exit_code == 0
    assert on_database("namespace", "list").stdout == (
        "empty\nrobotics\twriter\talice\nrobotics\treader\turn:x:bob\n"
    )

    add = ("namespace", "member", "add", "robotics")
    assert on_database(*add, "alice:reader").stdout == "alice is a reader of robotics\n"
    assert on_database(*add, "urn:x:carol").stdout == "urn:x:carol is a writer of robotics\n"
    remove = ("namespace", "member", "remove", "robotics")
    assert on_database(*remove, "urn:x:bob").stdout == (
        "urn:x:bob is no longer a member of robotics\n"
    )
    assert members(connection) == {
        ("robotics", "alice", "reader"),
        ("robotics", "urn:x:carol", "writer"),
    }


def test_a_namespace_that_exists_is_left_alone(
    on_database: Run, connection: psycopg.Connection
) -> None:
    create = ("namespace", "create", "robotics", "--member")
    on_database(*create, "alice")
    fails(on_database(*create, "mallory"), "the namespace robotics already exists")
    assert members(connection) == {("robotics", "alice", "writer")}


def test_members_of_nothing(on_database: Run) -> None:
    fails(
        on_database("namespace", "member", "add", "robotics", "alice"),
        "the namespace robotics does not exist;"
        " create it with: dreamlake-assets namespace create robotics",
    )
    fails(
        on_database("namespace", "member", "remove", "robotics", "alice"),
        "alice is not a member of the namespace robotics",
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("namespace", "create"),
        ("namespace", "create", "-robotics"),
        ("namespace", "create", "two words"),
        ("namespace", "create", "x" * 129),
        ("namespace", "create", "robotics", "--member", ""),
        ("namespace", "create", "robotics", "--member", ":reader"),
        ("namespace", "member", "add", "robotics", "a\nb"),
        ("namespace", "member", "remove", "robotics", ""),
        ("token",),
        ("token", ""),
        ("token", "alice", "--ttl", "0"),
        ("token", "alice", "--ttl", "soon"),
        ("migrate", "0001"),
        ("nonsense",),
    ],
    ids=repr,
)
def test_called_wrongly(arguments: tuple[str, ...]) -> None:
    result = run(*arguments, DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    assert result.exit_code == 2
    assert "Usage: " in result.stderr
    assert result.stderr.splitlines()[-1].startswith("Error: ")


def test_a_token_verifies() -> None:
    result = run("token", "alice", "--ttl", "60", DREAMLAKE_JWT_SECRET=SECRET)
    assert result.exit_code == 0
    bearer = f"Bearer {result.stdout.strip()}"
    assert Authenticator(TokenSettings(secret=SECRET)).subject(bearer) == "alice"


def test_a_token_needs_the_secret() -> None:
    fails(
        run("token", "alice"),
        "set exactly one of DREAMLAKE_JWT_SECRET, DREAMLAKE_JWT_PUBLIC_KEY and"
        " DREAMLAKE_JWT_JWKS_URL",
    )
    fails(
        run("token", "alice", DREAMLAKE_JWT_JWKS_URL="https://issuer.example/keys"),
        "DREAMLAKE_JWT_SECRET is not set, so only the issuer of the tokens can sign one",
    )
    fails(
        run("token", "alice", DREAMLAKE_JWT_SECRET="short"),
        "DREAMLAKE_JWT_SECRET must have at least 32 bytes",
    )
