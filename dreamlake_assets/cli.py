"""The command ``dreamlake-assets``.

Results go to standard output, all other messages to standard error. The exit code is 0 for success,
1 if the command fails, and 2 for a usage error.
"""

import os
import stat
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

import click
import orjson

from dreamlake_assets import __version__, auth, config, settings_file
from dreamlake_assets.cli_parameters import Age, Member, Slug, Subject
from dreamlake_assets.database import explain, migrations
from dreamlake_assets.database.connection import Connection, Error, connect
from dreamlake_assets.database.heads import FILES
from dreamlake_assets.errors import AssetsError, NamespaceNotFound
from dreamlake_assets.store import namespace as namespaces
from dreamlake_assets.store import purge as purging

DEFAULT_TTL_SECONDS = 3600


class Commands(click.Group):
    """A group of commands that reports each expected error in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. An expected error prints its message and exits with 1."""
        try:
            return super().invoke(ctx)
        except (AssetsError, Error, config.SettingsError, migrations.MigrationError) as error:
            # An internal error only has a general sentence for clients; its cause has the reason.
            internal = getattr(error, "code", None) == AssetsError.code
            reason = error.__cause__ if internal else error
            raise click.ClickException(" ".join(str(reason).split())) from error


class Main(Commands):
    """The top-level commands. Those of the local stack are imported on first use."""

    _LOCAL_COMMANDS = ("demo", "dev")

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted([*super().list_commands(ctx), *self._LOCAL_COMMANDS])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name."""
        if cmd_name in self._LOCAL_COMMANDS:
            from dreamlake_assets.local import commands  # noqa: PLC0415

            return getattr(commands, cmd_name)
        return super().get_command(ctx, cmd_name)


@click.group(cls=Main, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def main() -> None:
    """Administer the DreamLake assets service.

    DATABASE_URL names the database, such as postgresql://dreamlake@localhost:5432/dreamlake.
    DREAMLAKE_SETTINGS_FILE may name a file with settings.

    \b
    To try the service on this machine, with nothing else to set up:
      dreamlake-assets dev
    """
    settings_file.read()


@main.command()
@click.option(
    "--finish",
    is_flag=True,
    help="Also remove what only the previous release needs. No process of it may be left.",
)
@click.option("--dry-run", is_flag=True, help="Only list the migrations to apply.")
@click.option("--status", is_flag=True, help="Only list applied, pending and newer migrations.")
def migrate(*, finish: bool, dry_run: bool, status: bool) -> None:
    """Apply the pending migrations to the database.

    The files of sql/migrations are applied in order, each in a transaction unless it says
    otherwise. It is safe to repeat the command and to run it several times at once. DATABASE_URL
    must name the server itself, not PgBouncer.

    Run it before a new release starts, and with --finish when all machines run that release, or
    on a new database.

    \b
    Example:
      DATABASE_URL=postgresql://dreamlake@localhost/dreamlake dreamlake-assets migrate
    """
    if dry_run and status:
        raise click.UsageError("--dry-run and --status cannot be combined.")
    url = config.read("database_url")
    if status:
        with connect(url) as connection:
            _show(migrations.status(connection))
        return
    if dry_run:
        names = migrations.migrate(url, finish=finish, dry_run=True)
        for name in names:
            click.echo(f"would apply {name}")
    else:
        names = migrations.migrate(
            url, finish=finish, announce=lambda name: click.echo(f"applied {name}")
        )
    if not names:
        click.echo("nothing to do: the schema is up to date")


def _show(status: migrations.Status) -> None:
    for name in status.applied:
        click.echo(f"applied  {name}")
    for name in status.pending:
        click.echo(f"pending  {name}")
    for name in status.finishing:
        click.echo(f"finish   {name}  (with --finish, after the last restart)")
    for name in status.unknown:
        click.echo(f"newer    {name}  (from a later release)")


@main.command("explain")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE...",
    help="Parameters that replace the examples in the head of the file. Repeat the option, or list"
    " several parameters in one. Each statement takes the parameters that it has.",
)
def explain_(names: tuple[str, ...], params: tuple[str, ...]) -> None:
    """Show the execution plans of statements of sql/.

    Each statement runs once, with the session settings of the service and with the examples in the
    head of its file as parameters. All writes are rolled back. On a Citus cluster, statements that
    write are planned but not run.

    For one NAME, such as asset/list_by_prefix, the output is the plan of PostgreSQL with rows,
    buffers (pages of 8 KiB) and milliseconds. For several NAMEs, or for all statements if there is
    no NAME, the output is one line for each statement.

    DATABASE_URL names the database. Without it, the command uses the local stack in ./var.

    \b
    Example:
      dreamlake-assets explain asset/list_by_prefix --param "project=archive row_limit=10"
    """
    try:
        given = explain.values(" ".join(params))
        statements = explain.statements(names) or FILES
        with connect(_url_to_explain(), as_service=True) as connection:
            if len(names) == 1:
                click.echo(explain.text(connection, statements[0], given))
            elif not _summarised(connection, statements, given):
                raise click.exceptions.Exit(1)
    except (explain.UnknownStatement, Error) as error:
        # Only the first line: the others point into the text of the statement.
        raise click.ClickException(str(error).splitlines()[0]) from error


def _url_to_explain() -> str:
    if "DATABASE_URL" not in os.environ:
        from dreamlake_assets.local import postgres  # noqa: PLC0415

        url = postgres.serving_url(Path("var"))
        if url is None:
            raise click.ClickException(
                "no database: set DATABASE_URL, or start the local stack with `make run`"
            )
        return url
    return config.read("database_url")


def _summarised(
    connection: Connection, names: Sequence[str], given: Mapping[str, str | None]
) -> bool:
    """Print a line for each statement, and return whether all of them ran without an error."""
    width = max(map(len, names))
    parameters = explain.parameters(names, given)
    complete = True
    for name in names:
        try:
            line = explain.line(connection, name, parameters[name])
        except Error as error:
            complete = False
            line = str(error).splitlines()[0]
        click.echo(f"{name:{width}}  {line}")
    return complete


@main.command()
@click.option(
    "--older-than",
    type=Age(),
    required=True,
    metavar="AGE",
    help="How long ago an asset was deleted at least: a number and d, h, m or s, such as 30d.",
)
@click.option("--namespace", type=Slug(), metavar="SLUG", help="Purge this namespace only.")
@click.option("--dry-run", is_flag=True, help="Print the same lines, and purge nothing.")
def purge(*, older_than: timedelta, namespace: str | None, dry_run: bool) -> None:
    """Remove assets that were deleted long ago from the database, oldest first.

    Each removed asset is a line of JSON on standard output, so that the owner of the bytes can
    delete them: they may be deleted only where "inUse" is false. Otherwise another asset of any
    namespace, live or deleted, has the same kind and bssId. Lines are written before their
    transaction of 1,000 assets commits: after an interruption, the next run goes on, and prints the
    lines of an unfinished transaction again.

    A purged asset cannot be restored. Its idempotency key is removed with it, and can be used for
    another request. The key of a batch stays until all assets of the batch are purged.

    DATABASE_URL must name the server itself, not PgBouncer, and the role that owns the tables. Only
    one purge runs at a time.

    \b
    Example:
      dreamlake-assets purge --older-than 30d >> purged.ndjson
    """
    verb = "would purge" if dry_run else "purged"
    total = 0

    def announce(assets: list[dict[str, Any]]) -> None:
        nonlocal total
        lines = (orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in assets)
        _write(sys.stdout.buffer, b"".join(lines))
        total += len(assets)
        click.echo(f"{total} assets so far", err=True)

    with connect(config.read("database_url")) as connection:
        try:
            purging.purge(
                connection,
                older_than=older_than,
                namespace=namespace,
                dry_run=dry_run,
                announce=announce,
            )
        except NamespaceNotFound:
            raise click.ClickException(f"the namespace {namespace} does not exist") from None
        except purging.PurgeInProgress:
            raise click.ClickException("another purge is in progress") from None
    click.echo(f"{verb} {total} assets", err=True)


def _write(output: BinaryIO, lines: bytes) -> None:
    """Write to a file or a pipe; to a file, so that a crash of the machine does not undo it."""
    output.write(lines)
    output.flush()
    if stat.S_ISREG(os.fstat(output.fileno()).st_mode):
        os.fsync(output.fileno())


@main.group(cls=Commands)
def namespace() -> None:
    """Create namespaces and manage their members."""


@namespace.command()
@click.argument("slug", type=Slug())
@click.option(
    "--member",
    "members",
    type=Member(),
    multiple=True,
    metavar="SUBJECT[:ROLE]",
    help="A member: the claim 'sub' of its tokens, and the role reader or writer (the default)."
    " Repeat the option to add several.",
)
def create(slug: str, members: tuple[tuple[str, str], ...]) -> None:
    """Create the namespace SLUG.

    \b
    Example:
      dreamlake-assets namespace create robotics --member alice --member bob:reader
    """
    with connect(config.read("database_url")) as connection, connection.transaction():
        if not namespaces.create(connection, namespace=slug):
            raise click.ClickException(f"the namespace {slug} already exists")
        for subject, role in members:
            namespaces.add_member(connection, namespace=slug, subject=subject, role=role)
    click.echo(f"created the namespace {slug}")
    for subject, role in members:
        click.echo(f"{subject} is a {role} of {slug}")


@namespace.command("list")
def list_() -> None:
    """List the namespaces and their members.

    The output has a line for each member: the namespace, the role and the subject, separated by
    tabs. A namespace without members is a line of its own.

    \b
    Example:
      dreamlake-assets namespace list
    """
    with connect(config.read("database_url")) as connection:
        for slug, readers, writers in namespaces.list_all(connection):
            members = [("writer", subject) for subject in writers]
            members += [("reader", subject) for subject in readers]
            for role, subject in members:
                click.echo(f"{slug}\t{role}\t{subject}")
            if not members:
                click.echo(slug)


@namespace.group(cls=Commands)
def member() -> None:
    """Manage the members of a namespace."""


@member.command()
@click.argument("slug", metavar="NAMESPACE", type=Slug())
@click.argument("new", metavar="SUBJECT[:ROLE]", type=Member())
def add(slug: str, new: tuple[str, str]) -> None:
    """Add SUBJECT to NAMESPACE as a reader or writer (the default), or change its role.

    \b
    Example:
      dreamlake-assets namespace member add robotics bob:reader
    """
    subject, role = new
    with connect(config.read("database_url")) as connection:
        try:
            namespaces.add_member(connection, namespace=slug, subject=subject, role=role)
        except NamespaceNotFound:
            raise click.ClickException(
                f"the namespace {slug} does not exist;"
                f" create it with: dreamlake-assets namespace create {slug}"
            ) from None
    click.echo(f"{subject} is a {role} of {slug}")


@member.command()
@click.argument("slug", metavar="NAMESPACE", type=Slug())
@click.argument("subject", type=Subject())
def remove(slug: str, subject: str) -> None:
    """Remove SUBJECT from NAMESPACE.

    \b
    Example:
      dreamlake-assets namespace member remove robotics bob
    """
    with connect(config.read("database_url")) as connection:
        if not namespaces.remove_member(connection, namespace=slug, subject=subject):
            raise click.ClickException(f"{subject} is not a member of the namespace {slug}")
    click.echo(f"{subject} is no longer a member of {slug}")


@main.command()
@click.argument("subject", type=Subject())
@click.option(
    "--ttl",
    type=click.IntRange(min=1),
    default=DEFAULT_TTL_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="Lifetime of the token.",
)
def token(subject: str, ttl: int) -> None:
    """Print a token for SUBJECT, signed with DREAMLAKE_JWT_SECRET.

    If the service verifies tokens with a public key, only the token issuer can sign them.

    \b
    Example:
      curl -H "Authorization: Bearer $(dreamlake-assets token alice)" localhost:10334/auth/me
    """
    try:
        settings = config.TokenSettings.from_environment()
        auth.check_keys(settings)
        click.echo(auth.sign(settings, subject, ttl))
    except ValueError as error:
        raise click.ClickException(str(error)) from error
