"""The service in this process, and the local stack as `make run` starts it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.conftest import Way, shared_api, shared_connection, shared_url
from tests.local.conftest import RunningStack, no_proxy

__all__ = ["no_proxy", "shared_api", "shared_connection", "shared_url"]


@pytest.fixture(scope="session")
def way() -> Way:
    """Straight into the service."""
    return lambda settings: settings


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    stack = RunningStack(tmp_path_factory.mktemp("stack"))
    yield stack
    stack.stop()


@pytest.fixture(scope="package")
def token(stack: RunningStack) -> str:
    """Of the writer of the stack, as it stands in its file."""
    header = Path(stack.directory / "authorization").read_text()
    return header.removeprefix("Authorization: Bearer ").strip()
