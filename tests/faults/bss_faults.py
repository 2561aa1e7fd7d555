"""A BSS that fails, hangs and is slow, while clients download and register."""

import itertools
import statistics
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from dreamlake_assets.limits import URLS
from dreamlake_assets.local.processes import free_port
from tests.conftest import NAMESPACE
from tests.faults.lying_bss import FAILURES, HEALTHY, SLOW, SLOW_SECONDS, running_bss
from tests.faults.offer import offer
from tests.faults.outcome import Outcome
from tests.faults.stage import Reply, Service, running_database, running_service

REFUSING = "refusing"
_HANGING = "hanging"
_TIMEOUT_SECONDS = 2.0
#: Limit for a download, of one or of many: connecting, the response, and a busy machine.
_IN_TIME_SECONDS = 2 * _TIMEOUT_SECONDS + 2
_DOWNLOADERS = 8
_PROJECT = {"namespace": NAMESPACE, "project": "robotics"}


class _Download(NamedTuple):
    """A path, the body of a POST or None, and the pause before each request."""

    path: str
    body: Any = None
    pause: float = 0.1


def bss(
    rounds: int, seconds: float = 5.0, kinds: tuple[str, ...] = (REFUSING, *FAILURES)
) -> Outcome:
    """Make BSS fail in every way, during the maximum of downloads and other registrations."""
    outcome = Outcome(f"BSS {', '.join(kinds)}", rounds)
    ratios: dict[str, float] = {}
    with running_database() as database, running_bss() as url:
        for kind in kinds:
            bss_url = f"http://127.0.0.1:{free_port()}" if kind == REFUSING else url
            # A separate service for each kind, so that its circuit breaker starts closed.
            with (
                running_service(
                    database.url, bss_url=bss_url, DREAMLAKE_BSS_TIMEOUT=f"{_TIMEOUT_SECONDS:g}"
                ) as failing,
                running_service(database.url, bss_url=url) as healthy,
            ):
                _register(healthy, [HEALTHY])
                _register(failing, [kind])
                kept = []
                for _ in range(rounds):
                    # Measured between two healthy runs, so that a slower machine has no effect.
                    before, _ = _registered_beside(healthy, _one_and_many(HEALTHY), seconds)
                    ill, told = _registered_beside(failing, _one_and_many(kind), 2 * seconds)
                    after, _ = _registered_beside(healthy, _one_and_many(HEALTHY), seconds)
                    kept.append(2 * ill / (before + after))
                    _look_at_downloads(outcome, kind, [*itertools.chain(*told)])
                ratios[kind] = statistics.median(kept)
    outcome.note(
        "registering keeps "
        + ", ".join(f"{kept:.1%} beside {kind}" for kind, kept in ratios.items())
    )
    outcome.promise("registering keeps 90% of its throughput", kept=min(ratios.values()) >= 0.9)
    return outcome


def hanging(rounds: int, seconds: float = 4.0) -> Outcome:
    """Make BSS hang for downloads of one and of 200 assets, beside registrations."""
    outcome = Outcome(f"BSS hangs, for downloads of 1 and of {URLS}", rounds)
    with (
        running_database() as database,
        running_bss() as url,
        running_service(
            database.url, bss_url=url, DREAMLAKE_BSS_TIMEOUT=f"{_TIMEOUT_SECONDS:g}"
        ) as service,
    ):
        names = [f"{_HANGING}.{number:03}" for number in range(URLS)]
        _register(service, names)
        # A rare request for many: serving it costs as much as ten registrations.
        downloads = [_one(names[0]), _many(names)._replace(pause=1.0)]
        alone = [_registered_beside(service, [], seconds)[0]]
        beside = []
        ones: list[Reply] = []
        manys: list[Reply] = []
        for _ in range(rounds):
            rate, (one, many) = _registered_beside(service, downloads, seconds)
            beside.append(rate)
            alone.append(_registered_beside(service, [], seconds)[0])
            ones += one
            manys += many
            _look_at_downloads(outcome, _HANGING, [*one, *many])
    kept = statistics.median(
        2 * each / (before + after)
        for each, (before, after) in zip(beside, itertools.pairwise(alone), strict=True)
    )
    half = statistics.median(reply.seconds for reply in ones)
    refused = sum(reply.status == 503 for reply in ones)
    outcome.note(
        f"{statistics.median(alone):,.0f} registrations a second, {statistics.median(beside):,.0f}"
        f" beside downloads: {kept:.1%}"
    )
    outcome.promise("registering keeps 90% of its throughput", kept=kept >= 0.9)
    outcome.note(
        f"{len(ones):,} downloads of one, {refused} of them refused with 503, the others with 502;"
        f" half of all in {half * 1000:.0f} ms"
    )
    outcome.promise(f"downloads are refused at once, not in {half:.1f} s", kept=half < 0.1)
    slowest = max((reply.seconds for reply in manys), default=0.0)
    outcome.note(f"{len(manys):,} downloads of {URLS}, the slowest in {slowest:.2f} s")
    return outcome


def slow(rounds: int) -> Outcome:
    """Get 200 URLs from a BSS that takes 20 ms, and from one that fails for a tenth of them."""
    outcome = Outcome(f"{URLS} URLs, BSS takes {SLOW_SECONDS * 1000:g} ms", rounds)
    failing = range(3, URLS, 10)
    whole = [f"{SLOW}.{number:03}" for number in range(URLS)]
    partly = [
        f"{'no-location' if number in failing else SLOW}.1{number:03}" for number in range(URLS)
    ]
    took: list[float] = []
    with (
        running_database() as database,
        running_bss() as url,
        running_service(database.url, bss_url=url) as service,
    ):
        for names in (whole, partly):
            _register(service, names)
        for _ in range(rounds):
            for names, failed in ((whole, []), (partly, [*failing])):
                download = _many(names)
                reply, content = service.reply(download.path, body=download.body)
                took.append(reply.seconds)
                assets = content.get("assets", [])
                order = [each.get("name", each.get("path")) for each in assets]
                codes = {n: each["code"] for n, each in enumerate(assets) if "code" in each}
                outcome.promise(f"200, not {reply.status}", kept=reply.status == 200)
                outcome.promise("in the order of the request", kept=order == _paths(names))
                outcome.promise(
                    f"failed: {len(failed)}, not {codes}",
                    kept=content.get("failed") == len(failed)
                    and codes == dict.fromkeys(failed, "bss_no_location"),
                )
    first, *later = took
    outcome.slowest = max(took)
    outcome.note(
        f"the first in {first:.2f} s, then half of them in {statistics.median(later):.2f} s, the"
        f" slowest in {max(later):.2f} s; {len(failing)} of {URLS} fail in every second one"
    )
    outcome.promise("in 0.5 s", kept=statistics.median(later) <= 0.5)
    return outcome


def _paths(bss_ids: Sequence[str]) -> list[str]:
    return [f"/{bss_id}" for bss_id in bss_ids]


def _register(service: Service, bss_ids: Sequence[str]) -> None:
    """Register a video for each file of BSS."""
    assets = [
        {"kind": "video", "name": name, "bssVideoId": bss_id}
        for name, bss_id in zip(_paths(bss_ids), bss_ids, strict=True)
    ]
    reply, content = service.reply("/assets/batch", body={**_PROJECT, "assets": assets})
    assert reply.status == 201, content


def _one(bss_id: str) -> _Download:
    return _Download(Service.download_path(f"/{bss_id}"))


def _many(bss_ids: Sequence[str]) -> _Download:
    items = [{"path": path} for path in _paths(bss_ids)]
    return _Download("/assets/download", {**_PROJECT, "items": items})


def _one_and_many(bss_id: str) -> list[_Download]:
    return [_one(bss_id), _many([bss_id])]


def _registered_beside(
    service: Service, downloads: Sequence[_Download], seconds: float
) -> tuple[float, list[list[Reply]]]:
    """Measure registrations while clients download.

    :returns: registrations per second, and the replies to each download.
    """
    with _downloading(service, downloads) as told:
        load = offer(service.port, service.requests(), connections=16, seconds=seconds)
    return load.per_second("201"), told


@contextmanager
def _downloading(service: Service, downloads: Sequence[_Download]) -> Iterator[list[list[Reply]]]:
    stopping = threading.Event()
    told: list[list[Reply]] = [[] for _ in downloads]

    def download(number: int) -> None:
        path, body, pause = downloads[number]
        while not stopping.wait(pause):
            told[number].append(service.ask(path, body=body))

    threads = [
        threading.Thread(target=download, args=[number % len(downloads)])
        for number in range(_DOWNLOADERS if downloads else 0)
    ]
    for thread in threads:
        thread.start()
    try:
        yield told
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


def _look_at_downloads(outcome: Outcome, kind: str, told: Sequence[Reply]) -> None:
    code = "bss_unreachable" if kind == REFUSING else FAILURES[kind][1]
    errors = Counter(f"{reply.status} {reply.code}" for reply in told)
    slowest = max(reply.seconds for reply in told)
    outcome.errors += errors
    outcome.slowest = max(outcome.slowest, slowest)
    outcome.promise(
        f"BSS {kind}: 502 {code}, or 503 overloaded, not {dict(errors)}",
        kept=f"502 {code}" in errors and set(errors) <= {f"502 {code}", "503 overloaded"},
    )
    outcome.promise(
        f"BSS {kind}: in time, not after {slowest:.1f} s", kept=slowest < _IN_TIME_SECONDS
    )
