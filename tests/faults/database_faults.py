"""Kills, restarts, disconnects, freezes and replaces the database while clients write."""

import random
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from itertools import cycle, islice

from dreamlake_assets import deadlines
from tests.conftest import NAMESPACE
from tests.faults.audit import audit
from tests.faults.outcome import Outcome
from tests.faults.stage import Service, running_database, running_pair, running_service
from tests.faults.writers import Tally, writing
from tests.support.cluster import PostgresServer
from tests.support.waiting import until
from tests.support.wire import WireProxy

#: Limit for a response: the queue, the database, and a margin for a busy machine.
IN_TIME_SECONDS = deadlines.QUEUE + deadlines.DATABASE + 3.0


def killed(rounds: int) -> Outcome:
    """Kill PostgreSQL with SIGKILL and start it again."""
    outcome = Outcome("PostgreSQL killed (-9) and started again", rounds)
    with running_database() as database:
        _start_again(outcome, database, [database.kill] * rounds)
    return outcome


def restarted(rounds: int) -> Outcome:
    """Restart PostgreSQL, alternating between a fast and an immediate shutdown."""
    outcome = Outcome("PostgreSQL restarted (fast, immediate)", rounds)
    with running_database() as database:
        ends = [partial(database.stop, how) for how in (signal.SIGINT, signal.SIGQUIT)]
        _start_again(outcome, database, list(islice(cycle(ends), rounds)))
    return outcome


def _start_again(
    outcome: Outcome, database: PostgresServer, ends: list[Callable[[], None]]
) -> None:
    """Stop the server in several ways, and start it again each time."""
    written = Tally()
    away = []
    with running_service(database.url) as service:
        for end in ends:
            with writing(service.port, service.headers()) as tally:
                tally.await_more()
                begun = time.monotonic()
                end()
                database.start()
                away.append(time.monotonic() - begun)
                tally.await_more()
            written.add(tally)
    outcome.writers_were_told(written)
    outcome.note(f"away {max(away):.1f} s at most")
    outcome.only_503()
    if max(away) < deadlines.DATABASE - 1:
        outcome.no_error()
    outcome.database_holds(audit(database.url, written))
    outcome.promise("every answer in time", kept=outcome.slowest < IN_TIME_SECONDS)


def cut(rounds: int) -> Outcome:
    """Cut all database connections after a random byte of one of them."""
    outcome = Outcome("all database connections cut at a random byte", rounds)
    chance = random.Random(rounds)
    with ExitStack() as stack:
        enter = stack.enter_context
        database = enter(running_database())
        proxy = enter(WireProxy("127.0.0.1", database.port))
        service = enter(running_service(proxy.url(database.url)))
        with writing(service.port, service.headers()) as tally:
            for _ in range(rounds):
                proxy.cut(
                    after_bytes=chance.randrange(20_000),
                    sender=chance.choice(("client", "server")),
                    everything=True,
                )
                until(lambda: not proxy.is_due(), 30)
                tally.await_more(50)
        outcome.writers_were_told(tally)
        outcome.no_error()
        outcome.database_holds(audit(database.url, tally))
    return outcome


def frozen(rounds: int, seconds: float = 20) -> Outcome:
    """Freeze PostgreSQL, while its kernel continues to acknowledge received data."""
    outcome = Outcome(f"PostgreSQL frozen (SIGSTOP) for {seconds:g} s", rounds)
    written = Tally()
    recoveries = []
    slowest: list[float] = []
    with running_database() as database, running_service(database.url) as service:
        for _ in range(rounds):
            with writing(service.port, service.headers()) as tally:
                tally.await_more()
                database.freeze()
                try:
                    slowest.append(_look_at_a_frozen_one(outcome, service, seconds))
                finally:
                    database.thaw()
                recoveries.append(until(lambda: service.ask("/readyz").status == 200, 60))
                tally.await_more()
            written.add(tally)
        outcome.writers_were_told(written)
        outcome.only_503()
        outcome.database_holds(audit(database.url, written))
    outcome.note(f"/livez in {max(slowest):.2f} s at most")
    outcome.promise("/livez answers within 2 s", kept=max(slowest) < 2)
    outcome.note(f"ready again in {max(recoveries):.1f} s")
    outcome.promise("it recovers by itself within 5 s", kept=max(recoveries) < 5)
    outcome.promise("every answer in time", kept=outcome.slowest < IN_TIME_SECONDS)
    return outcome


def _look_at_a_frozen_one(outcome: Outcome, service: Service, seconds: float) -> float:
    """Poll /livez and /readyz.

    :returns: the seconds of the slowest response of /livez.
    """
    end = time.monotonic() + seconds
    slowest = 0.0
    while time.monotonic() < end:
        alive = service.ask("/livez")
        slowest = max(slowest, alive.seconds)
        outcome.promise("/livez answers 200", kept=alive.status == 200)
        time.sleep(0.25)
    ready = service.ask("/readyz")
    outcome.promise("/readyz answers 503", kept=ready.status == 503)
    return slowest


def read_only(rounds: int, seconds: float = 5) -> Outcome:
    """Switch PostgreSQL to read-only, as providers do when its disk is full."""
    outcome = Outcome(f"PostgreSQL read-only for {seconds:g} s", rounds)
    written = Tally()
    served, made, recoveries = 0, 0, []
    with ExitStack() as stack:
        enter = stack.enter_context
        database = enter(running_database())
        proxy = enter(WireProxy("127.0.0.1", database.port))
        service = enter(running_service(proxy.url(database.url)))
        for _ in range(rounds):
            with writing(service.port, service.headers()) as tally:
                time.sleep(1)
                database.set_read_only("on")
                before = proxy.connections
                served += _read_while_read_only(outcome, service, seconds)
                made += proxy.connections - before
                database.set_read_only("off")
                recoveries.append(until(partial(_has_more_assets, database, _assets(database)), 30))
                time.sleep(1)
            written.add(tally)
        outcome.writers_were_told(written)
        told = set(outcome.errors)
        outcome.promise(
            f"writers are told why, not {told}", kept=told == {"503 database_read_only"}
        )
        outcome.database_holds(audit(database.url, written))
    outcome.note(f"{served:,} GETs were served, {made} connections were made")
    # Each of the two workers checks once a second; after recovery, as many connections again.
    outcome.promise("no storm of connections", kept=made <= rounds * (2 * seconds + 2))
    outcome.note(f"writing again in {max(recoveries):.1f} s")
    outcome.promise("it recovers by itself within 5 s", kept=max(recoveries) < 5)
    return outcome


def _assets(database: PostgresServer) -> int:
    return database.query("SELECT count(*) FROM asset")[0][0]


def _has_more_assets(database: PostgresServer, than: int) -> bool:
    return _assets(database) > than


def _read_while_read_only(outcome: Outcome, service: Service, seconds: float) -> int:
    """Read continuously.

    :returns: the number of successful GETs.
    """
    end = time.monotonic() + seconds
    served = 0
    while time.monotonic() < end:
        for path in ("", "&limit=10"):
            listed = service.ask(f"/assets/video?namespace={NAMESPACE}&project=robotics{path}")
            outcome.promise(f"GET goes on, not {listed.status}", kept=listed.status == 200)
            served += 1
    outcome.promise(
        "/readyz answers 200 and says so",
        kept=service.body("/readyz") == {"status": "ok", "writes": "read_only"},
    )
    return served


def failover(rounds: int) -> Outcome:
    """Kill the primary and promote its synchronous standby."""
    outcome = Outcome("primary lost, replica promoted", rounds)
    away = [_fail_over(outcome) for _ in range(rounds)]
    outcome.note(f"promoted in {max(away):.1f} s at most")
    outcome.only_503()
    if max(away) < deadlines.DATABASE - 1:
        outcome.no_error()
    return outcome


def _fail_over(outcome: Outcome) -> float:
    """Fail over once.

    :returns: the seconds without a primary.
    """
    with running_pair() as (primary, standby):
        url = (
            f"postgresql://postgres@127.0.0.1:{primary.port},127.0.0.1:{standby.port}/postgres"
            "?target_session_attrs=primary"
        )
        with running_service(url) as service:
            with writing(service.port, service.headers()) as tally:
                tally.await_more()
                begun = time.monotonic()
                primary.kill()
                standby.promote()
                away = time.monotonic() - begun
                until(lambda: service.ask("/readyz").status == 200, 60)
                tally.await_more()
            outcome.writers_were_told(tally)
            outcome.database_holds(audit(standby.url, tally))
    return away
