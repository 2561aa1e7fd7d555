"""An application whose database the tests of a file share."""

from tests.api.conftest import shared_api, shared_connection, shared_url

__all__ = ["shared_api", "shared_connection", "shared_url"]
