"""Server-Timing: the cost of a response, as known when its headers are sent."""

import re
import threading
from typing import NamedTuple

import pytest

from dreamlake_assets import trace
from tests.conftest import STRANGER
from tests.support.api import Answer, Api


class Timing(NamedTuple):
    roundtrips: int
    database_milliseconds: float
    bss_milliseconds: float | None


def timing(response: Answer) -> Timing:
    """Parse the header, which must occur once and have this form."""
    [header] = response.headers.getlist("Server-Timing")
    read = re.fullmatch(
        r'db;dur=(\d+\.\d\d);desc="roundtrips=(\d+)"(?:, bss;dur=(\d+\.\d\d))?', header
    )
    assert read is not None, header
    bss = read[3]
    return Timing(int(read[2]), float(read[1]), None if bss is None else float(bss))


@pytest.mark.every_way
def test_registering_says_whether_the_path_was_new(api: Api) -> None:
    first, second = (timing(api.register(name="/a/b")) for _ in range(2))

    assert (first.roundtrips, second.roundtrips) == (2, 1)
    assert first.database_milliseconds > 0
    assert second.database_milliseconds > 0
    assert first.bss_milliseconds is second.bss_milliseconds is None


@pytest.mark.parametrize("query", [{}, {"limit": "1"}], ids=["all", "page"])
def test_a_list_says_it(api: Api, query: dict[str, str]) -> None:
    api.register(name="/a/b")

    said = timing(api.listing(**query))

    assert said.roundtrips == 1
    assert said.database_milliseconds > 0


@pytest.mark.every_way
def test_a_download_says_how_long_bss_was_waited_for(api: Api) -> None:
    api.register(name="/a/b", bssVideoId="v")

    said = timing(api.download(path="/a/b"))

    assert said.roundtrips == 1
    assert said.bss_milliseconds is not None
    assert said.bss_milliseconds > 0


@pytest.mark.every_way
@pytest.mark.parametrize("path", ["/livez", "/assets/nope", "/auth/me"])
def test_what_asks_nobody_says_so(shared_api: Api, path: str) -> None:
    assert timing(shared_api.ask(path)) == (0, 0, None)


@pytest.mark.every_way
def test_readiness_and_errors_say_it(shared_api: Api) -> None:
    assert timing(shared_api.ask("/readyz")).roundtrips == 1
    refused = shared_api.listing(subject=STRANGER, limit=1)
    assert refused.status_code == 404
    assert timing(refused).roundtrips == 1


def test_nothing_is_traced_once_the_answer_is_out(shared_api: Api) -> None:
    shared_api.ask("/livez").close()

    assert trace.current().request_id == ""
    assert trace.current().subject is None


def test_threads_are_traced_apart() -> None:
    here = trace.begin("here")
    with trace.Roundtrip():
        other = threading.Thread(target=trace.begin, args=["there"])
        other.start()
        other.join()
        assert trace.current() is here

    assert here.roundtrips == 1
    trace.end()
