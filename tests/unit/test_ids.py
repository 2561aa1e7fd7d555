"""Ids: version 7 of RFC 9562, ordered by time, also across processes."""

import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from uuid import RFC_4122, UUID

from dreamlake_assets.model.ids import uuid7


def test_the_version_and_the_variant() -> None:
    for _ in range(1000):
        made = uuid7()
        assert (made.version, made.variant) == (7, RFC_4122)


def test_the_milliseconds_come_first() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid7()
    after = time.time_ns() // 1_000_000

    assert before <= made.int >> 80 <= after


def test_no_two_are_the_same() -> None:
    assert len({uuid7() for _ in range(20_000)}) == 20_000


def test_the_fraction_of_the_millisecond_is_spread_over_12_bits() -> None:
    fractions = {made.int >> 64 & 0xFFF for made in (uuid7() for _ in range(20_000))}

    assert min(fractions) < 256
    assert max(fractions) >= 4096 - 256


def test_a_later_one_is_greater() -> None:
    last = uuid7()
    for _ in range(200):
        time.sleep(10e-6)
        made = uuid7()
        assert made > last
        # PostgreSQL and the API compare ids this way.
        assert str(made) > str(last)
        last = made


def test_processes_agree_on_the_order() -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        made = []
        for _ in range(20):
            made.append(executor.submit(_id_and_process).result())
            time.sleep(10e-6)
            made.append((uuid7(), os.getpid()))

    ids = [each for each, _ in made]
    assert ids == sorted(ids)
    assert len({process for _, process in made}) >= 2


def _id_and_process() -> tuple[UUID, int]:
    return uuid7(), os.getpid()
