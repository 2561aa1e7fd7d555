"""A BSS in a separate process; the requested id selects its failure, up to its first dot."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.support.http import Answer, HttpServer, answer

HEALTHY = "healthy"
SLOW = "slow"
SLOW_SECONDS = 0.02
LOCATION = {"Location": "https://s3.example/key"}

# Created once: creating it per request would use the cores that the service shares with this BSS.
_LARGE_BODY = bytes(10_000_000)


def _hang(_: BaseHTTPRequestHandler) -> None:
    threading.Event().wait(60)


def _flood(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    try:
        answer(200, body=_LARGE_BODY)(handler)
    except OSError:
        return


def _to_itself(handler: BaseHTTPRequestHandler) -> None:
    answer(302, {"Location": f"http://{handler.headers['Host']}{handler.path}"})(handler)


def _slow(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(SLOW_SECONDS)
    answer(302, LOCATION)(handler)


#: For each id: the failure, and the code of the service's 502.
FAILURES: dict[str, tuple[Answer, str]] = {
    "hanging": (_hang, "bss_timeout"),
    "failing": (answer(500), "bss_no_redirect"),
    "200": (answer(200), "bss_no_redirect"),
    "no-location": (answer(302), "bss_no_location"),
    "ftp": (answer(302, {"Location": "ftp://s3.example/key"}), "bss_bad_location"),
    "10-mb-of-body": (_flood, "bss_no_redirect"),
    "to-itself": (_to_itself, "bss_bad_location"),
}

_ROOT = Path(__file__).parents[2]


@contextmanager
def running_bss() -> Iterator[str]:
    """Run the BSS in a process; yield its URL."""
    command = [sys.executable, "-m", "tests.faults.lying_bss"]
    process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def main() -> None:
    """Print the URL, and serve until killed."""

    redirects = {HEALTHY: answer(302, LOCATION), SLOW: _slow}

    def act(handler: BaseHTTPRequestHandler) -> None:
        kind = handler.path.split("/")[-2].partition(".")[0]
        respond = redirects.get(kind) or FAILURES[kind][0]
        respond(handler)

    with HttpServer(act) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
