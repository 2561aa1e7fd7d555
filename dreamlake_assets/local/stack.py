"""The local stack: PostgreSQL, S3, BSS and the service, on the loopback interface only."""

import fcntl
import http.client
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn
from urllib.parse import urlencode

import click

import dreamlake_assets
from dreamlake_assets import auth
from dreamlake_assets.config import DEBUG_SECRET, TokenSettings
from dreamlake_assets.database.connection import connect
from dreamlake_assets.database.migrations import migrate
from dreamlake_assets.local import postgres, processes, s3
from dreamlake_assets.model.kinds import KINDS
from dreamlake_assets.store import namespace

PORT = 10334
BSS_PORT = 10234
NAMESPACE = "testuser"
SUBJECT = "test-001"

_TOKEN_SECONDS = 365 * 24 * 3600
_WATCH_SECONDS = 0.2


class StackError(Exception):
    """The stack cannot start or keep running; the message gives the reason."""


class _Stopped(BaseException):
    """A signal asks the stack to stop."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The directory and the ports of a stack.

    :param directory: directory of the data, the logs and the token.
    """

    directory: Path
    port: int
    bss_port: int
    database_port: int
    s3_port: int

    @property
    def url(self) -> str:
        """URL of the service."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def bss_url(self) -> str:
        """URL of the local BSS."""
        return f"http://127.0.0.1:{self.bss_port}"

    @property
    def s3_url(self) -> str:
        """URL of the local S3."""
        return f"http://127.0.0.1:{self.s3_port}"

    @property
    def database_url(self) -> str:
        """URL of the database, for its superuser."""
        return postgres.url(self.database_port)

    @property
    def header_file(self) -> Path:
        """File with the Authorization header, for ``curl -H @file``."""
        return self.directory / "authorization"


def run(directory: Path, *, port: int = PORT, bss_port: int = BSS_PORT) -> None:
    """Run the stack until SIGINT, SIGTERM or SIGHUP.

    :param directory: directory of the data, the logs and the token; created if it does not exist.
    :param port: port of the service.
    :param bss_port: port of the local BSS.
    :raises StackError: a port is in use, the directory cannot be used, or a process fails.
    """
    for wanted, option in ((port, "--port"), (bss_port, "--bss-port")):
        if not processes.is_free(wanted):
            raise StackError(
                f"port {wanted} of 127.0.0.1 is in use, perhaps by another local stack;"
                f" choose another port: make run ARGS='{option} {processes.free_port()}'"
            )
    directory = directory.absolute()
    with (
        _locked(directory),
        processes.reserved_ports(2) as (database_port, s3_port),
        _stop_signals(),
    ):
        stack = Stack(
            directory=directory,
            port=port,
            bss_port=bss_port,
            database_port=database_port,
            s3_port=s3_port,
        )
        children = processes.Processes(directory / "logs")
        try:
            _start(children, stack)
            click.echo(_introduction(stack))
            while True:
                children.check()
                time.sleep(_WATCH_SECONDS)
        except _Stopped:
            click.echo("Stopping.")
        except (processes.ProcessFailed, postgres.PostgresError) as error:
            raise StackError(str(error)) from error
        finally:
            # A second Ctrl-C must not interrupt the stop.
            _handle_stop_signals(signal.SIG_IGN)
            children.stop()


def token() -> str:
    """Return a token of the writer, signed like the tokens of the public client in debug mode."""
    return auth.sign(TokenSettings(secret=DEBUG_SECRET), SUBJECT, _TOKEN_SECONDS)


def curl_commands(stack: Stack) -> list[str]:
    """Return a curl command for each endpoint. They must run in this order."""
    curl = f"curl -s -H {shlex.quote(f'@{stack.header_file}')}"
    post = f"{curl} --json"
    place = {"namespace": NAMESPACE, "project": "robotics"}
    register, find, download = [], [], []
    # The examples in the heads of sql/ name the same assets, so that `make explain` finds rows.
    for kind in KINDS.values():
        url = f"{stack.url}/assets/{kind.name}"
        body = {**place, "episodeName": "run-042", **kind.sample}
        register.append(f"{post} {shlex.quote(json.dumps(body))} {url}")
        query = {**place, "episode": "run-042"}
        find.append(f"{curl} '{url}?{urlencode(query)}'")
        query["path"] = kind.sample["name"]
        download.append(f"{curl} '{url}/download?{urlencode(query, safe='/')}'")
    # The id of the first listed asset.
    first_id = f"""$({find[0]} | sed 's/^[^:]*:"//; s/".*//')"""
    show = f'{curl} "{stack.url}/assets/video/{first_id}"'
    patch = shlex.quote(json.dumps({"addTags": ["rain"]}))
    change = f'{post} {patch} -X PATCH "{stack.url}/assets/video/{first_id}"'
    # A deleted asset is in no list, so its URL is passed on.
    delete = f"""{curl} -X DELETE -w '%{{url_effective}}' "{stack.url}/assets/video/{first_id}\""""
    restore = f"{delete} | xargs -I URL {curl} -X POST URL/restore"
    look_around = [
        f"{curl} '{stack.url}/assets{name}?{urlencode(query)}'"
        for name, query in (
            ("", place),
            ("/lookup", {**place, "path": "/camera/front/run01.mp4"}),
            ("/projects", {"namespace": NAMESPACE}),
            ("/episodes", place),
            ("/folders", {**place, "parent": "/camera"}),
        )
    ]
    body = {**place, "items": [{"path": kind.sample["name"]} for kind in KINDS.values()]}
    download.append(f"{post} {shlex.quote(json.dumps(body))} {stack.url}/assets/download")
    identity = f"{curl} {stack.url}/auth/me"
    items = [{"kind": kind.name, **kind.sample} for kind in KINDS.values()]
    body = {**place, "episodeName": "run-043", "assets": items}
    batch = f"{post} {shlex.quote(json.dumps(body))} {stack.url}/assets/batch"
    # The response of a deletion has the ids to restore.
    chosen = shlex.quote(json.dumps({**place, "episode": "run-043"}))
    deleted = f"""sed 's/.*"ids"/{json.dumps(place)[:-1]}, "ids"/'"""
    change_many = (
        f"{post} {chosen} {stack.url}/assets/delete | {deleted}"
        f" | {post} @- {stack.url}/assets/restore"
    )
    health = [f"curl -s {stack.url}/{name}" for name in ("livez", "readyz")]
    return [
        *register,
        *find,
        *download,
        show,
        change,
        restore,
        *look_around,
        identity,
        *health,
        batch,
        change_many,
    ]


def _start(children: processes.Processes, stack: Stack) -> None:
    children.start(
        "postgresql",
        postgres.command(postgres.data_directory(stack.directory), stack.database_port),
        ready=lambda: postgres.is_ready(stack.database_port),
        # A fast shutdown. After SIGTERM, PostgreSQL waits for all clients to disconnect.
        stop_signal=signal.SIGINT,
        **postgres.process_options(),
    )
    children.start(
        "s3",
        s3.command(stack.s3_port),
        ready=lambda: processes.accepts_connections(stack.s3_port),
    )
    bss = [sys.executable, "-m", "dreamlake_assets.local.bss"]
    children.start(
        "bss",
        [*bss, str(stack.bss_port), stack.s3_url, str(stack.directory / "bss")],
        ready=lambda: processes.accepts_connections(stack.bss_port),
    )
    # No other release runs on a database that this process has just started.
    migrate(stack.database_url, finish=True)
    with connect(stack.database_url) as connection:
        namespace.create(connection, namespace=NAMESPACE)
        namespace.add_member(connection, namespace=NAMESPACE, subject=SUBJECT, role="writer")
    children.start(
        "service",
        _service_command(stack.port),
        environment=_service_environment(stack),
        ready=lambda: _is_ready(stack.port),
    )
    stack.header_file.write_text(f"Authorization: Bearer {token()}\n")


def _service_command(port: int) -> list[str]:
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}"]
    configuration = Path(dreamlake_assets.__file__).parents[1] / "gunicorn.conf.py"
    if configuration.exists():
        command += ["--config", str(configuration)]
    # gunicorn.conf.py has the same setting, but a wheel does not contain that file.
    command += ["--logger-class", "dreamlake_assets.serving.logs.GunicornLogger"]
    return [*command, "dreamlake_assets:create_app()"]


def _service_environment(stack: Stack) -> dict[str, str]:
    # Leave out the settings in the environment, which are meant for other services.
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DATABASE_", "DREAMLAKE_", "PG"))
    }
    return {
        "WEB_CONCURRENCY": "2",
        **inherited,
        "DATABASE_URL": stack.database_url,
        "DREAMLAKE_BSS_URL": stack.bss_url,
        "DREAMLAKE_JWT_SECRET": DEBUG_SECRET,
        "DREAMLAKE_LOCAL_STACK": "1",
        "DREAMLAKE_LOG_FORMAT": "text",
        "PORT": str(stack.port),
    }


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _introduction(stack: Stack) -> str:
    demo = "make demo"
    if (stack.port, stack.bss_port) != (PORT, BSS_PORT):
        demo += f" ARGS='--url {stack.url} --bss-url {stack.bss_url}'"
    lines = [
        "The local stack is running. Ctrl-C stops it.",
        "",
        f"  service     {stack.url} (documentation: {stack.url}/docs)",
        f"  browse      {stack.url}/browse",
        f"  BSS         {stack.bss_url}",
        f"  S3          {stack.s3_url}",
        f"  PostgreSQL  {stack.database_url}",
        f"  data        {stack.directory} (logs in {stack.directory / 'logs'})",
        "",
        f"{SUBJECT} is a writer of {NAMESPACE}. Its token, and its Authorization header in a file:",
        "",
        f"  {token()}",
        f"  {stack.header_file}",
        "",
        "A command for each endpoint, to run in this order:",
        "",
        *(f"  {command}" for command in curl_commands(stack)),
        "",
        f"To upload, register and download a real video: {demo}",
    ]
    return "\n".join(lines)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the lock of a directory, so that only one stack uses it."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / "lock").open("w")
    except OSError as error:
        raise StackError(
            f"cannot write to {directory} ({error.strerror}); choose another --directory"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(
                f"another local stack uses {directory}; stop it, or choose another --directory"
            ) from None
        yield


@contextmanager
def _stop_signals() -> Iterator[None]:
    """Raise :class:`_Stopped` on each signal that asks to stop."""
    previous = _handle_stop_signals(_raise_stopped)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _handle_stop_signals(handler: Any) -> dict[signal.Signals, Any]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    return {number: signal.signal(number, handler) for number in numbers}


def _raise_stopped(_number: int, _frame: FrameType | None) -> NoReturn:
    raise _Stopped
