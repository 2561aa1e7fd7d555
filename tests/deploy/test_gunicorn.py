"""The settings of gunicorn.conf.py that depend on settings elsewhere."""

import pytest
from gunicorn.config import Config

from dreamlake_assets import deadlines
from tests.support.gunicorn import configuration
from tests.support.nginx import SITE


@pytest.fixture
def gunicorn() -> Config:
    return configuration()


def test_connections_are_kept_longer_than_nginx_keeps_them(gunicorn: Config) -> None:
    """nginx must not send a request on a connection that gunicorn has just closed."""
    upstream = SITE.read_text().partition("upstream ")[2].partition("\n}")[0]

    assert "keepalive_timeout" not in upstream  # the default: 60 s
    assert gunicorn.keepalive > 60


def test_a_worker_that_stops_finishes_what_it_serves(gunicorn: Config) -> None:
    assert gunicorn.graceful_timeout >= deadlines.request(5.0)
    assert gunicorn.timeout > gunicorn.graceful_timeout
