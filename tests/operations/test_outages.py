"""An outage of the database takes a few lines of the log, however many requests it affects."""

import re
from pathlib import Path

import pytest

from dreamlake_assets.database import outages
from dreamlake_assets.database.migrations import migrate
from dreamlake_assets.database.outages import Outage
from tests.operations.conftest import running
from tests.support.cluster import running_postgres
from tests.support.http import HttpServer
from tests.support.waiting import until

FAILS = r"the primary has been unreachable for 0\.\d s: .+"
WORKS = r"the primary is reachable again after \d+\.\d s"
LOST = r"discarding closed connection: .+"


def test_an_outage_is_a_few_lines(bss: HttpServer, tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    with running_postgres() as server:
        migrate(server.url)
        with running(server.url, bss.url, log, WEB_CONCURRENCY="1") as service:
            server.kill()
            # Each request tries to connect several times within a second.
            for _ in range(3):
                assert service.ask("/readyz").status == 503
            server.start()
            until(lambda: service.ask("/readyz").status == 200)
            until(lambda: "reachable again" in log.read_text())
            said = [
                line["message"]
                for line in service.lines()
                if line["level"] == "WARNING" and line["message"] != "request"
            ]

    lost = [message for message in said if re.fullmatch(LOST, message)]
    fails, works = [message for message in said if message not in lost]
    assert len(lost) == 1
    assert re.fullmatch(FAILS, fails)
    assert re.fullmatch(WORKS, works)


class TestOutage:
    @pytest.fixture
    def outage(self) -> Outage:
        return Outage("replica", "unreachable", "reachable")

    def test_it_is_mentioned_once_in_a_while(
        self, outage: Outage, caplog: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(5):
            outage.failed(OSError("no\nroute"))

        [record] = caplog.records
        assert record.getMessage() == "the replica has been unreachable for 0.0 s: no route"

    def test_it_is_mentioned_again_after_a_while(
        self, outage: Outage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(outages, "PAUSE_SECONDS", 0.0)

        for _ in range(5):
            outage.failed(OSError())

        assert len(caplog.records) == 5

    def test_its_end_is_mentioned_where_it_was(
        self, outage: Outage, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A server that accepts every second connection must not cause a line for each."""
        outage.ended()
        for _ in range(5):
            outage.failed(OSError())
            outage.ended()

        fails, works = [record.getMessage() for record in caplog.records]
        assert fails.startswith("the replica has been unreachable")
        assert works == "the replica is reachable again after 0.0 s"
