"""The processes of the local stack: started together, stopped together, none left behind."""

# ruff: noqa: S603  (no argument comes from outside)

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STOP_SECONDS = 10

_PR_SET_PDEATHSIG = 1


class ProcessFailed(Exception):
    """A process ended, or does not get ready; the message says which, and its last words."""


@dataclass
class _Process:
    name: str
    popen: subprocess.Popen[Any]
    stop_signal: signal.Signals
    log: Path


class Processes:
    """Child processes that write to a log file each.

    They end with this process, also where it is killed with SIGKILL (on Linux), and do not hear the
    Ctrl-C of its terminal, so that they can be stopped in order: :meth:`stop`.
    """

    def __init__(self, logs: Path):
        """Make the directory of the log files."""
        logs.mkdir(parents=True, exist_ok=True)
        self._logs = logs
        self._processes: list[_Process] = []

    def start(
        self,
        name: str,
        command: list[str],
        *,
        ready: Callable[[], bool],
        seconds: float = 60,
        environment: Mapping[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        **options: Any,
    ) -> None:
        """Start a process and wait until it is ready.

        :param name: of the process in messages, and of its log file.
        :param environment: all of it; that of this process where it is not given.
        :param options: for ``subprocess.Popen``.
        :raises ProcessFailed: a process has ended, or this one is not ready in time.
        """
        log = self._logs / f"{name}.log"
        parent = os.getpid()
        with log.open("ab") as output:
            popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
                preexec_fn=lambda: _end_with(parent, stop_signal),  # noqa: PLW1509
                **options,
            )
        process = _Process(name, popen, stop_signal, log)
        self._processes.append(process)
        deadline = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{name} is not ready in {seconds:g} s. {_last_words(process)}")
            time.sleep(0.05)

    def check(self) -> None:
        """Look whether all are still running.

        :raises ProcessFailed: one has ended.
        """
        for process in self._processes:
            status = process.popen.poll()
            if status is not None:
                words = _last_words(process)
                raise ProcessFailed(f"{process.name} ended with status {status}. {words}")

    def stop(self) -> None:
        """Stop all, the last started first."""
        for process in reversed(self._processes):
            process.popen.send_signal(process.stop_signal)
            try:
                process.popen.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.popen.kill()
                process.popen.wait()
        self._processes.clear()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with reserved_ports(1) as [port]:
        return port


@contextmanager
def reserved_ports(count: int) -> Iterator[list[int]]:
    """Ports of 127.0.0.1, each another one, that nobody else is given until the end of the block.

    They are bound, but nobody listens on them yet. Servers that set SO_REUSEADDR can, as most do.
    """
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each.bind(("127.0.0.1", 0))
        yield [each.getsockname()[1] for each in sockets]


def is_free(port: int) -> bool:
    """Whether a server can listen on a port of 127.0.0.1."""
    with socket.socket() as candidate:
        # As servers do: connections of an earlier run that linger do not count.
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def accepts_connections(port: int) -> bool:
    """Whether somebody listens on a port of 127.0.0.1."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _end_with(parent: int, stop_signal: signal.Signals) -> None:
    """Let the kernel stop this process when its parent is gone. Runs between fork and exec."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, stop_signal)
    if os.getppid() != parent:
        os._exit(1)


def _last_words(process: _Process) -> str:
    lines = process.log.read_text(errors="replace").splitlines()[-15:]
    return "\n".join([f"From {process.log}:", *lines])
