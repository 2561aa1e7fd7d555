"""The service behind a client, with a database that the tests of a file share."""

import pytest

from tests.api.conftest import Way, shared_api, shared_connection, shared_url
from tests.plans.conftest import seeded

__all__ = ["seeded", "shared_api", "shared_connection", "shared_url"]


@pytest.fixture(scope="session")
def way() -> Way:
    """Connect to the service directly: nginx would refuse many of these requests."""
    return lambda settings: settings
