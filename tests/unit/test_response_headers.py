"""A response header that the server refuses is an error of the service, not of the client."""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest
from gunicorn.http.errors import InvalidHeader, InvalidHeaderName

from dreamlake_assets.serving.observer import Observer
from dreamlake_assets.serving.refusals import error_response

if TYPE_CHECKING:
    from dreamlake_assets.trace import Trace

LOG = logging.getLogger("test")


@pytest.mark.parametrize("error", [InvalidHeader("Link"), InvalidHeaderName("a b")])
def test_a_parsed_request_gets_500_and_the_log_its_traceback(
    caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    assert error_response(object(), error, LOG).startswith(b"HTTP/1.1 500 ")
    [record] = caplog.records
    assert record.levelname == "ERROR"
    assert record.exc_info


def test_a_request_that_cannot_be_parsed_gets_400(caplog: pytest.LogCaptureFixture) -> None:
    assert error_response(None, InvalidHeader("Link"), LOG).startswith(b"HTTP/1.1 400 ")
    assert caplog.records[0].levelname == "WARNING"


def test_its_request_is_in_the_log() -> None:
    def application(_environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Link", "<http://bücher.example>")])
        return []

    def refuse(*_: Any) -> Any:
        raise InvalidHeader("Link")

    requests: list[Trace] = []
    observer = Observer(application)
    observer.listeners.append(requests.append)

    class Flask:
        url_rule = None

    environ = {"REQUEST_METHOD": "GET", "werkzeug.request": Flask()}
    with pytest.raises(InvalidHeader):
        observer(environ, refuse)
    [request] = requests
    assert (request.status, request.error_code) == (500, "internal_error")
    assert not request.complete
