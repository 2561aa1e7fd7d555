"""The service behind a client, with a database that the tests of a file share."""

import pytest

from tests.api.conftest import Way, shared_api, shared_connection, shared_url
from tests.plans.conftest import seeded

__all__ = ["seeded", "shared_api", "shared_connection", "shared_url"]


@pytest.fixture(scope="session")
def way() -> Way:
    """Straight into the service: nginx would refuse much of this before."""
    return lambda settings: settings
