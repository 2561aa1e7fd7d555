"""deploy/dreamlake-assets.service is valid for systemd, and its command starts the service."""

import configparser
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dreamlake_assets import deadlines
from dreamlake_assets.local.processes import Processes, accepts_connections, free_port
from tests.conftest import SECRET
from tests.support import programs

CHECKOUT = Path(__file__).parents[2]
UNIT = CHECKOUT / "deploy" / "dreamlake-assets.service"


@pytest.fixture
def service() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.read(UNIT)
    return parser["Service"]


def analyze(*arguments: str | Path) -> str:
    command = [programs.program("systemd-analyze"), *arguments]
    done = subprocess.run(
        command,
        env=programs.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_systemd_understands_it(service: configparser.SectionProxy, tmp_path: Path) -> None:
    installed = tmp_path / UNIT.name
    # systemd checks that the program exists.
    installed.write_text(
        UNIT.read_text().replace("/opt/dreamlake-assets/bin/gunicorn", sys.executable)
    )

    assert analyze("verify", "--man=no", installed) == ""


def test_it_may_do_little() -> None:
    """systemd lists the permissions of a unit; the service has only those that it needs."""
    report = analyze("security", "--offline=true", "--json=short", UNIT)

    assert {each["json_field"] for each in json.loads(report) if not each["set"]} == {
        # It serves the network and asks BSS.
        "PrivateNetwork",
        "IPAddressDeny",
        "RestrictAddressFamilies_AF_INET_INET6",
        "RestrictAddressFamilies_AF_UNIX",
        # Its files are in the file system of the machine; PrivateDevices leaves terminals.
        "RootDirectoryOrRootImage",
        "PrivateMounts",
        "DeviceAllow",
        # cffi, which PyJWT's cryptography uses, may map memory that it writes and executes.
        "MemoryDenyWriteExecute",
    }


def test_it_is_given_the_time_to_stop(service: configparser.SectionProxy) -> None:
    assert int(service["TimeoutStopSec"]) > deadlines.request(5.0) + 10


def test_what_it_starts_says_when_it_serves(
    service: configparser.SectionProxy, database_url: str, tmp_path: Path
) -> None:
    assert service["Type"] == "notify"
    program, *arguments = service["ExecStart"].split()
    assert Path(program).parent == Path(service["WorkingDirectory"]) / "bin"
    port = free_port()
    home = tmp_path / "home"
    home.mkdir()
    children = Processes(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifications:
        notifications.bind(str(tmp_path / "notify"))
        notifications.settimeout(0.05)

        def is_ready() -> bool:
            try:
                return notifications.recv(4096).startswith(b"READY=1")
            except TimeoutError:
                return False

        try:
            children.start(
                "service",
                [str(Path(sys.executable).with_name(Path(program).name)), *arguments],
                ready=is_ready,
                cwd=CHECKOUT,
                environment={
                    "PATH": os.environ["PATH"],
                    "HOME": str(home),
                    "NOTIFY_SOCKET": str(tmp_path / "notify"),
                    "DATABASE_URL": database_url,
                    "DREAMLAKE_JWT_SECRET": SECRET,
                    "PORT": str(port),
                    "WEB_CONCURRENCY": "1",
                },
            )
            assert accepts_connections(port)
        finally:
            children.stop()
    # ProtectHome forbids writes there.
    assert list(home.iterdir()) == []
