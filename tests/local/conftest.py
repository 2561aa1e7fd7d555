"""The local stack as a separate process, started like `make run`."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from dreamlake_assets.local.processes import reserved_ports

STOP_SECONDS = 30

#: The command `dreamlake-assets`, independent of where it is installed.
COMMAND = [sys.executable, "-c", "from dreamlake_assets.cli import main; main()"]


class RunningStack:
    """A stack in a process, and its output."""

    def __init__(self, directory: Path):
        self.directory = directory
        with reserved_ports(2) as ports:
            self.port, self.bss_port = ports
        self.url = f"http://127.0.0.1:{self.port}"
        self.bss_url = f"http://127.0.0.1:{self.bss_port}"
        self.popen = start_dev(directory, self.port, self.bss_port)
        assert self.popen.stdout is not None
        self.output = ""
        for line in self.popen.stdout:
            self.output += line
            if "make demo" in line:
                break
        else:
            pytest.fail(f"the stack did not start:\n{self.output}")
        self.children = psutil.Process(self.popen.pid).children(recursive=True)

    @property
    def commands(self) -> list[str]:
        return re.findall(r"^  (curl .*)$", self.output, re.MULTILINE)

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal, wait, and return the exit code."""
        if self.popen.poll() is None:
            self.popen.send_signal(number)
        rest, _ = self.popen.communicate(timeout=STOP_SECONDS)
        self.output += rest
        return self.popen.returncode

    def survivors(self) -> list[list[str]]:
        """The commands of child processes that do not end within 10 seconds."""
        _, alive = psutil.wait_procs(self.children, timeout=10)
        return [_command(each) for each in alive]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return [f"{process.pid}, which has ended since"]


def start_dev(directory: Path, port: int, bss_port: int) -> subprocess.Popen[str]:
    command = [*COMMAND, "dev", "--directory", str(directory)]
    command += ["--port", str(port), "--bss-port", str(bss_port)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
    )


@pytest.fixture(scope="session", autouse=True)
def no_proxy() -> Iterator[None]:
    """Bypass this machine's proxies for local requests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("no_proxy", "NO_PROXY"):
            patch.setenv(name, ",".join(filter(None, ["127.0.0.1", os.environ.get(name)])))
        yield


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], RunningStack]]:
    """A function that starts a stack, always on the same directory; all are stopped at the end."""
    started: list[RunningStack] = []

    def start_stack() -> RunningStack:
        started.append(RunningStack(tmp_path / "var"))
        return started[-1]

    yield start_stack
    for stack in started:
        stack.stop(signal.SIGTERM)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack shared by the tests of a module."""
    stack = RunningStack(tmp_path_factory.mktemp("stack") / "var")
    yield stack
    stack.stop()
