"""A local BSS in front of a local S3, over HTTP, in threads of this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from werkzeug.serving import make_server

from dreamlake_assets.local import bss, s3


@contextmanager
def running_s3() -> Iterator[str]:
    """Run an S3 server and yield its URL."""
    with _serving(s3.application()) as url:
        yield url


@contextmanager
def running_bss(s3_url: str, directory: Path) -> Iterator[str]:
    """Run a BSS that keeps its records and objects in a directory, and yield its URL."""
    with _serving(bss.create_app(bss.Store(s3_url, directory))) as url:
        yield url


@contextmanager
def _serving(app: Any) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
