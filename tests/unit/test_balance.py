"""The delay before a worker with more connections than another accepts one more."""

from multiprocessing.sharedctypes import RawArray

import pytest

from dreamlake_assets.serving import balance
from dreamlake_assets.serving.balance import Balance


@pytest.fixture(autouse=True)
def no_worker_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balance, "_connections", RawArray("i", [balance._ABSENT] * 4))


def test_the_worker_with_more_connections_waits() -> None:
    one, another = Balance(1), Balance(2)
    one.count(5)
    another.count(2)

    assert one.delay(5) == pytest.approx(3 * balance._DELAY_SECONDS)
    assert another.delay(2) == 0
    assert one.delay(10_000) == balance._MAX_DELAY_SECONDS


def test_no_worker_waits_for_one_that_has_ended() -> None:
    one, another = Balance(1), Balance(2)
    one.count(5)
    another.count(2)

    another.leave()

    assert one.delay(5) == 0
