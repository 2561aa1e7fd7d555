"""The processes of the local stack, which all end with the process that started them."""

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
    """A process ended or did not become ready; the message has its name and its last log lines."""


@dataclass
class _Process:
    name: str
    popen: subprocess.Popen[Any]
    stop_signal: signal.Signals
    log: Path


class Processes:
    """Child processes, each with a log file.

    They end when this process ends; on Linux also if it is killed with SIGKILL. A Ctrl-C of the
    terminal does not reach them, so that :meth:`stop` can stop them in order.
    """

    def __init__(self, logs: Path):
        """Create the directory of the log files."""
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

        :param name: name of the process in messages and of its log file.
        :param ready: returns whether the process is ready.
        :param seconds: how long to wait until the process is ready.
        :param environment: the whole environment of the process; by default that of this one.
        :param stop_signal: the signal that stops the process.
        :param options: further parameters of ``subprocess.Popen``.
        :raises ProcessFailed: a process ended, or this one is not ready in time.
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
                preexec_fn=lambda: _stop_with_parent(parent, stop_signal),  # noqa: PLW1509
                **options,
            )
        process = _Process(name, popen, stop_signal, log)
        self._processes.append(process)
        deadline = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                lines = _last_lines(process)
                raise ProcessFailed(f"{name} was not ready within {seconds:g} s. {lines}")
            time.sleep(0.05)

    def check(self) -> None:
        """Check that all processes are running.

        :raises ProcessFailed: a process ended.
        """
        for process in self._processes:
            status = process.popen.poll()
            if status is not None:
                lines = _last_lines(process)
                raise ProcessFailed(f"{process.name} ended with status {status}. {lines}")

    def stop(self) -> None:
        """Stop all processes in the reverse order of their start."""
        for process in reversed(self._processes):
            process.popen.send_signal(process.stop_signal)
            try:
                process.popen.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.popen.kill()
                process.popen.wait()
        self._processes.clear()


def free_port() -> int:
    """Return a port of 127.0.0.1 on which no process listens."""
    with reserved_ports(1) as [port]:
        return port


@contextmanager
def reserved_ports(count: int) -> Iterator[list[int]]:
    """Reserve different ports of 127.0.0.1 until the end of the block.

    The ports are bound, so the system gives them to no other process. Servers that set
    SO_REUSEADDR, as most do, can listen on them.
    """
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each.bind(("127.0.0.1", 0))
        yield [each.getsockname()[1] for each in sockets]


def is_free(port: int) -> bool:
    """Return whether a server can listen on a port of 127.0.0.1."""
    with socket.socket() as candidate:
        # As servers do, ignore connections of an earlier run that are in the state TIME_WAIT.
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def accepts_connections(port: int) -> bool:
    """Return whether a process listens on a port of 127.0.0.1."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _stop_with_parent(parent: int, stop_signal: signal.Signals) -> None:
    """Have the kernel stop this process when its parent ends. Runs between fork and exec."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, stop_signal)
    if os.getppid() != parent:
        os._exit(1)


def _last_lines(process: _Process) -> str:
    lines = process.log.read_text(errors="replace").splitlines()[-15:]
    return "\n".join([f"The end of {process.log}:", *lines])
