"""Metrics as scraped by Prometheus, from gunicorn's workers or from one process."""

import platform
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

import dreamlake_assets
from dreamlake_assets.config import Settings
from tests.bench import servers
from tests.conftest import NAMESPACE, headers_of
from tests.operations.conftest import ROOT, Reply, Service, running
from tests.support.api import PROJECT, serving
from tests.support.http import HttpServer, answer
from tests.support.waiting import until

TOKEN = "the-token-of-the-metrics"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
KIND = "/assets/<kind:kind>"
THREADS = 8
PREFIX = "dreamlake_assets_"
POOL = ("pool_connections", ("requests", "primary"))

Samples = dict[tuple[str, tuple[str, ...]], float]


def samples(page: str) -> Samples:
    """The samples of a page, by name and by label values in the order of the labels."""
    return {
        (sample.name.removeprefix(PREFIX), values(sample.labels)): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def values(labels: dict[str, str]) -> tuple[str, ...]:
    return tuple(value for _, value in sorted(labels.items()))


def scrape(service: Service) -> Samples:
    reply = service.ask("/metrics", headers=BEARER)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return samples(reply.body.decode())


def registered(found: Samples) -> float:
    return found.get(("requests_total", ("POST", KIND, "201")), 0)


def workers(service: Service) -> list[psutil.Process]:
    return service.master.children()


@contextmanager
def only(worker: psutil.Process, service: Service) -> Iterator[None]:
    """Let one worker serve all requests."""
    others = [other for other in workers(service) if other != worker]
    for other in others:
        other.suspend()
    try:
        yield
    finally:
        for other in others:
            other.resume()


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """The directory in which gunicorn creates its own."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    return directory


@pytest.fixture
def service(
    populated_url: str, bss: HttpServer, tmp_path: Path, temporary: Path
) -> Iterator[Service]:
    settings = {"DREAMLAKE_METRICS_TOKEN": TOKEN, "DREAMLAKE_THREADS": str(THREADS)}
    log = tmp_path / "service.log"
    with running(populated_url, bss.url, log, **settings, TMPDIR=str(temporary)) as service:
        until(lambda: scrape(service).get(POOL) == 2 * THREADS)
        yield service


def test_workers_count_together(service: Service) -> None:
    for number, worker in enumerate(workers(service)):
        with only(worker, service):
            for _ in range(2 + number):
                assert service.register(name="/metrics/a").status == 201
            until(lambda expected=2 + 3 * number: registered(scrape(service)) >= expected)

    for worker in workers(service):
        with only(worker, service):
            found = scrape(service)
            assert registered(found) == 5
            assert found["request_seconds_count", ("POST", KIND)] == 5
            assert found["request_seconds_sum", ("POST", KIND)] > 0
            assert found["request_roundtrips_count", ("POST", KIND)] == 5
            assert found["workers", ()] == 2
            assert found[POOL] == 2 * THREADS
            assert found["pool_waiting", ("requests", "primary")] == 0


def test_a_killed_worker_leaves_what_it_has_counted_and_nothing_else(service: Service) -> None:
    killed, other = workers(service)
    with only(killed, service):
        for _ in range(3):
            assert service.register(name="/metrics/b").status == 201
        until(lambda: registered(scrape(service)) >= 3)

    killed.kill()
    until(lambda: len({*workers(service)} - {killed, other}) == 1)
    [replacement] = {*workers(service)} - {other}

    with only(replacement, service):
        # The gauges of both workers count: one serves, the other is suspended but alive.
        found = scrape(service)
        assert found["workers", ()] == 2
        assert found["build_info", (platform.python_version(), dreamlake_assets.__version__)] == 2
        assert registered(found) == 3
        until(lambda: scrape(service)[POOL] == 2 * THREADS)


def test_the_files_do_not_become_more_with_workers_that_have_ended(
    service: Service, temporary: Path
) -> None:
    [directory] = temporary.iterdir()
    for number in range(1, 6):
        killed, other = workers(service)
        with only(killed, service):
            assert service.register(name="/metrics/g").status == 201
            until(lambda number=number: registered(scrape(service)) == number)
        killed.kill()
        until(lambda gone={killed, other}: len({*workers(service)} - gone) == 1)

    until(lambda: scrape(service)["workers", ()] == 2)
    assert registered(scrape(service)) == 5
    # The files are gauge_livesum_0.db and so on: two simultaneous workers use two slots.
    assert {path.stem.rpartition("_")[2] for path in directory.iterdir()} == {"0", "1"}


def test_a_worker_that_is_being_made_is_no_error(service: Service, temporary: Path) -> None:
    [directory] = temporary.iterdir()
    for kind in ("counter", "gauge_livesum", "histogram"):
        # prometheus_client creates an empty file before it writes to it.
        (directory / f"{kind}_99.db").touch()

    assert scrape(service)["workers", ()] == 2


def test_reloading_goes_on_counting(
    populated_url: str, bss: HttpServer, tmp_path: Path, temporary: Path
) -> None:
    settings = tmp_path / "settings"
    settings.write_text("")
    log = tmp_path / "service.log"
    environment = {"DREAMLAKE_SETTINGS_FILE": str(settings), "TMPDIR": str(temporary)}

    def directories() -> list[Path]:
        return list(temporary.glob("dreamlake-assets-metrics-*"))

    def reload(content: str) -> None:
        settings.write_text(content)
        before = workers(service)
        service.master.send_signal(signal.SIGHUP)
        until(lambda: len(workers(service)) == 2 and not {*before} & {*workers(service)})

    with running(populated_url, bss.url, log, **environment) as service:
        made = directories()
        assert len(made) == 1
        assert service.ask("/metrics", headers=BEARER).status == 404

        reload(f"DREAMLAKE_METRICS_TOKEN={TOKEN}")
        assert service.register(name="/metrics/c").status == 201
        until(lambda: registered(scrape(service)) == 1)

        for content in (f"DREAMLAKE_METRICS_TOKEN={TOKEN}", "DREAMLAKE_THREADS=many"):
            reload(content)
            found = scrape(service)
            assert registered(found) == 1
            assert found["workers", ()] == 2
        assert directories() == made
        assert "DREAMLAKE_THREADS must be" in log.read_text()
    assert directories() == []


def test_only_its_own_token_is_taken(service: Service) -> None:
    refused = [
        service.ask("/metrics"),
        service.ask("/metrics", headers={"Authorization": "Bearer "}),
        service.ask("/metrics", headers={"Authorization": f"Bearer {TOKEN}x"}),
        service.ask("/metrics", headers={"Authorization": f"Bearer {TOKEN[:-1]}"}),
        service.ask("/metrics", headers={"Authorization": TOKEN}),
        service.ask("/metrics", headers={"Authorization": f"Bearer {TOKEN}\xe9"}),
    ]

    for reply in refused:
        assert reply.status == 401
        assert reply.headers["WWW-Authenticate"].startswith("Bearer ")
        assert PREFIX.encode() not in reply.body
    assert service.ask("/metrics", headers={"Authorization": f"bearer  {TOKEN}"}).status == 200
    assert TOKEN not in service.log.read_text()


def test_bss_and_errors_are_counted_by_their_codes(service: Service, bss: HttpServer) -> None:
    service.register(name="/metrics/d", bssVideoId="v")
    assert service.download("/metrics/d").status == 200
    answered = bss.answer
    bss.answer = answer(200)
    try:
        assert service.download("/metrics/d").status == 502
    finally:
        bss.answer = answered
    assert service.ask("/nowhere", "MADEUP").status == 404

    until(lambda: ("errors_total", ("not_found",)) in scrape(service))
    found = scrape(service)
    assert found["bss_seconds_count", ("ok",)] == 1
    assert found["bss_seconds_count", ("bss_no_redirect",)] == 1
    assert found["errors_total", ("bss_no_redirect",)] == 1
    assert found["requests_total", ("GET", f"{KIND}/download", "502")] == 1
    assert found["requests_total", ("other", "none", "404")] == 1


def test_what_is_turned_away_is_counted(
    populated_url: str, bss: HttpServer, tmp_path: Path, temporary: Path
) -> None:
    settings = {
        "DREAMLAKE_METRICS_TOKEN": TOKEN,
        "DREAMLAKE_THREADS": "1",
        "TMPDIR": str(temporary),
        "WEB_CONCURRENCY": "1",
    }
    log = tmp_path / "service.log"
    with (
        running(populated_url, bss.url, log, **settings) as service,
        ThreadPoolExecutor(40) as clients,
    ):
        with psycopg.connect(populated_url) as connection:
            connection.execute("LOCK TABLE namespace_member")
            asked = [clients.submit(service.ask, "/auth/me") for _ in range(31)]
            # One request is served and sixteen wait.
            until(lambda: sum(each.done() for each in asked) >= 14)
        replies: list[Reply] = [each.result() for each in asked]
        # The last of them may still be counted for a moment.
        while (reply := service.ask("/metrics", headers=BEARER)).status == 503:
            replies.append(reply)
        turned_away = sum(reply.status == 503 for reply in replies)

        assert turned_away >= 14
        assert samples(reply.body.decode())["turned_away_total", ()] == turned_away
        # The log has at most one line a second, with their number.
        until(lambda: sum(line.get("turned_away", 0) for line in service.lines()) == turned_away)


def test_one_process_counts_for_itself(populated_url: str, bss: HttpServer) -> None:
    settings = replace(
        Settings.from_environment(
            {
                "DATABASE_URL": populated_url,
                "DREAMLAKE_BSS_URL": bss.url,
                "DREAMLAKE_JWT_SECRET": servers.SECRET,
                "DREAMLAKE_METRICS_TOKEN": TOKEN,
            }
        ),
        threads=2,
    )
    with serving(settings) as app, serving(settings) as another:
        app.extensions["dreamlake_assets"].database.wait()
        client = app.test_client()
        query = {"namespace": NAMESPACE, "project": PROJECT}
        for limit in ("1", "0"):
            url = "/assets/audio"
            query["limit"] = limit
            client.get(url, query_string=query, headers=headers_of(settings)(), buffered=True)

        found = samples(client.get("/metrics", headers=BEARER).text)
        elsewhere = samples(another.test_client().get("/metrics", headers=BEARER).text)

    assert found["request_roundtrips_sum", ("GET", KIND)] == 1
    assert found["requests_total", ("GET", KIND, "400")] == 1
    assert found[POOL] == 2
    assert found["pool_available", ("requests", "primary")] == 2
    assert found["workers", ()] == 1
    assert not any(name.startswith("requests_") for name, _ in elsewhere)
    assert not any(name.endswith("_created") for name, _ in found)


def test_the_table_names_every_metric(service: Service) -> None:
    section = (ROOT / "deploy" / "README.md").read_text("utf-8").partition("## Metrics\n")[2]
    table = section.partition("\n#")[0]
    named = set(re.findall(rf"`({PREFIX}\w+)`", table))

    service.register(name="/metrics/f", bssVideoId="v")
    service.download("/metrics/f")
    service.ask("/nowhere")
    until(lambda: ("errors_total", ("not_found",)) in scrape(service))
    page = service.ask("/metrics", headers=BEARER).body.decode()

    assert named == set(re.findall(r"(?m)^# TYPE (\w+)", page))
