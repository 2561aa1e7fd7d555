"""The places of requests that wait for BSS."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from dreamlake_assets import places
from dreamlake_assets.errors import Overloaded
from dreamlake_assets.places import Places
from tests.support.waiting import until

MOST = 32
LEAST = 2
#: Longer than a test waits for a result, so a request that should be refused at once fails it.
PATIENCE_SECONDS = 60.0
SECONDS = 30.0


class Bss:
    """A BSS that responds when it is told to, on a clock of its own."""

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self.places = Places(MOST)
        self.now = 0.0
        self._executor = executor
        self._responds = threading.Event()

    def ask(self, count: int) -> list["Future[bool]"]:
        """Start requests. The result of each is whether it was sent."""
        return [self._executor.submit(self._ask, self._responds) for _ in range(count)]

    def _ask(self, responds: threading.Event) -> bool:
        try:
            with self.places.take():
                assert responds.wait(SECONDS)
        except Overloaded:
            return False
        return True

    def has(self, count: int) -> None:
        """Wait until this many requests are at BSS."""
        until(lambda: len(self.places._taken) == count, SECONDS)

    def respond(self) -> None:
        self._responds.set()
        self._responds = threading.Event()

    def respond_late(self) -> None:
        self.now += 2 * PATIENCE_SECONDS
        self.respond()
        self.has(0)

    def be_quick(self, responses: int) -> None:
        """Respond to this many requests at once, one after the other."""
        for _ in range(responses):
            with self.places.take():
                pass


@pytest.fixture
def bss(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bss]:
    with ThreadPoolExecutor(3 * MOST) as executor:
        bss = Bss(executor)
        monkeypatch.setattr(places, "PATIENCE_SECONDS", PATIENCE_SECONDS)
        monkeypatch.setattr(places, "monotonic", lambda: bss.now)
        yield bss
        bss.respond()


def sent(asked: list["Future[bool]"]) -> int:
    return sum(each.result(SECONDS) for each in asked)


def test_at_first_there_are_the_places_of_a_slow_bss(
    bss: Bss, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "PATIENCE_SECONDS", 0.1)
    asked = bss.ask(LEAST)
    bss.has(LEAST)

    # The speed of BSS is still unknown, so these wait for a place before they are refused.
    assert sent(bss.ask(LEAST)) == 0

    bss.respond()
    assert sent(asked) == LEAST


def test_requests_that_wait_get_the_places_of_quick_responses(bss: Bss) -> None:
    asked = bss.ask(4 * LEAST)
    until(lambda: bss.places._waiting == 3 * LEAST)

    bss.respond()

    # They were asked for before BSS responded, so it responds to them, too.
    assert sent(asked) == 4 * LEAST


def test_a_quick_bss_has_all_places_and_no_more(bss: Bss) -> None:
    bss.be_quick(2 * MOST)
    asked = bss.ask(MOST)
    bss.has(MOST)

    assert sent(bss.ask(5)) == 0

    bss.respond()
    assert sent(asked) == MOST


@pytest.mark.parametrize("hanging", [LEAST, MOST // 2])
def test_a_quick_bss_that_hangs_gets_no_more_requests(bss: Bss, hanging: int) -> None:
    bss.be_quick(MOST)
    asked = bss.ask(hanging)
    bss.has(hanging)
    bss.now += 2 * PATIENCE_SECONDS

    assert sent(bss.ask(5)) == 0

    bss.respond()
    assert sent(asked) == hanging


def test_late_requests_among_quick_ones_do_no_harm(bss: Bss) -> None:
    bss.be_quick(MOST)
    late = bss.ask(MOST // 2)
    bss.has(MOST // 2)
    bss.now += PATIENCE_SECONDS
    bss.be_quick(1)
    bss.now += PATIENCE_SECONDS

    asked = bss.ask(MOST // 2)
    bss.has(MOST)

    bss.respond()
    assert sent(late + asked) == MOST


def test_one_request_that_is_late_does_no_harm(bss: Bss) -> None:
    late = bss.ask(LEAST - 1)
    bss.has(LEAST - 1)
    bss.now += 2 * PATIENCE_SECONDS

    asked = bss.ask(1)
    bss.has(LEAST)

    bss.respond()
    assert sent(late + asked) == LEAST


def test_after_late_responses_the_next_request_is_refused_at_once(bss: Bss) -> None:
    bss.be_quick(3)
    for _ in range(3):
        bss.ask(LEAST)
        bss.has(LEAST)
        bss.respond_late()
    asked = bss.ask(LEAST)
    bss.has(LEAST)

    assert sent(bss.ask(5)) == 0

    bss.respond()
    assert sent(asked) == LEAST


def test_a_bss_that_is_quick_again_has_all_places_again(bss: Bss) -> None:
    bss.ask(LEAST)
    bss.has(LEAST)
    bss.respond_late()

    bss.be_quick(MOST)

    asked = bss.ask(MOST)
    bss.has(MOST)
    bss.respond()
    assert sent(asked) == MOST


def test_a_request_that_fails_leaves_its_place(bss: Bss) -> None:
    for _ in range(2 * MOST):
        with pytest.raises(ZeroDivisionError), bss.places.take():
            raise ZeroDivisionError
    bss.has(0)
