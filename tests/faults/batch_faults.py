"""Clients that send batches at once."""

import http.client
import itertools
import json
import random
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from dreamlake_assets.limits import BATCH
from tests.conftest import NAMESPACE
from tests.faults.outcome import Outcome
from tests.faults.stage import Service, running_database, running_service
from tests.faults.writers import Tally, Written
from tests.support.waiting import until

#: Clients that send batches at once. Each of two workers takes six of them.
_BATCHING = 8
#: Assets after which the workers have reached the memory that they need.
_WARM = 40_000
#: The columns that identify a row of each table.
_PARENTS = {
    "space": "(namespace_id, slug)",
    "episode": "(space_id, name)",
    "node": "(scope_id, path)",
}
#: Bytes by which the workers may grow after that.
_BATCH_MEMORY = 16 << 20


def overlapping_batches(rounds: int, seconds: float = 60.0) -> Outcome:
    """Send batches that create the same folders, in random orders."""
    outcome = Outcome(f"batches that overlap, {_BATCHING} clients for {seconds:g} s", rounds)
    with (
        running_database() as database,
        running_service(database.url, WEB_CONCURRENCY="2") as service,
        ThreadPoolExecutor(_BATCHING) as threads,
    ):
        for number in range(rounds):
            stopping = threading.Event()
            tallies = [Tally() for _ in range(_BATCHING)]
            running = [
                threads.submit(
                    _send_batches, service, connection, number * _BATCHING + client, tally, stopping
                )
                for client, (connection, tally) in enumerate(
                    zip(_connected_one_by_one(service), tallies, strict=True)
                )
            ]
            try:
                until(lambda tallies=tallies: _acknowledged(tallies) >= _WARM, 60)
                slowest = _ask_whether_alive(outcome, service, seconds / 3)
                before = service.memory()
                slowest = max(slowest, _ask_whether_alive(outcome, service, seconds * 2 / 3))
            finally:
                stopping.set()
            for each, tally in zip(running, tallies, strict=True):
                each.result()
                outcome.writers_were_told(tally)
            outcome.note(f"/livez in {slowest:.2f} s at most")
            outcome.promise("/livez answers within 2 s", kept=slowest < 2)
            growth = service.memory() - before
            outcome.note(f"the workers grew by {growth / 2**20:.1f} MiB after the first third")
            outcome.promise("their memory is flat", kept=growth < _BATCH_MEMORY)
        [[assets]] = database.query("SELECT count(*) FROM asset")
        for what, names in _PARENTS.items():
            [[rows, different]] = database.query(
                f"SELECT count(*), count(DISTINCT {names}) FROM {what}"
            )
            outcome.note(f"{rows:,} rows of {what}")
            outcome.promise(f"each {what} is there once", kept=rows == different)
    outcome.promise("each asset is there once", kept=assets == outcome.acknowledged)
    outcome.no_error()
    return outcome


def memory(batches: int) -> Outcome:
    """Send batches of 1,000 assets to a single worker, and watch its memory."""
    outcome = Outcome("memory of a worker that takes batches of 1,000", batches)
    tally = Tally()
    megabytes: list[float] = []
    with (
        running_database() as database,
        running_service(database.url, WEB_CONCURRENCY="1") as service,
        ThreadPoolExecutor(2) as threads,
    ):

        def send(number: int) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
            names = [f"/{each % 50}/{number}-{each}" for each in range(BATCH)]
            assets = [{"kind": "file", "name": name, "episodeName": "run"} for name in names]
            _send(service, connection, tally, "robotics", assets)
            connection.close()

        sent = 0
        for until_then in (batches // 10, batches // 2, batches):
            list(threads.map(send, range(sent, until_then)))
            sent = until_then
            megabytes.append(service.memory() / 2**20)
            outcome.note(f"{megabytes[-1]:.1f} MiB after {sent:,} batches")
        outcome.writers_were_told(tally)
        [[assets]] = database.query("SELECT count(*) FROM asset")
    growth = megabytes[-1] - megabytes[0]
    outcome.promise(f"it is flat, not {growth:.1f} MiB more", kept=growth < _BATCH_MEMORY / 2**20)
    outcome.promise("each asset is there once", kept=assets == batches * BATCH)
    outcome.no_error()
    return outcome


def _acknowledged(tallies: list[Tally]) -> int:
    return sum(len(tally.acknowledged) for tally in tallies)


def _ask_whether_alive(outcome: Outcome, service: Service, seconds: float) -> float:
    """Poll /livez.

    :returns: the seconds of the slowest response.
    """
    end = time.monotonic() + seconds
    slowest = 0.0
    while time.monotonic() < end:
        alive = service.ask("/livez")
        outcome.promise("/livez answers 200", kept=alive.status == 200)
        slowest = max(slowest, alive.seconds)
        time.sleep(0.1)
    return slowest


def _connected_one_by_one(service: Service) -> list[http.client.HTTPConnection]:
    """Connect half of the clients to each worker, so that none finds its worker full."""
    connections: list[http.client.HTTPConnection] = []
    until(lambda: not any(service.connections()), 10)
    while len(connections) < _BATCHING:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        connection.connect()
        until(lambda: sum(service.connections()) == len(connections) + 1, 10)
        if max(service.connections()) <= _BATCHING // 2:
            connections.append(connection)
        else:
            connection.close()
            until(lambda: sum(service.connections()) == len(connections), 10)
    return connections


def _send_batches(
    service: Service,
    connection: http.client.HTTPConnection,
    client: int,
    tally: Tally,
    stopping: threading.Event,
) -> None:
    """Send batches of up to 1,000 assets in 50 folders, which are new every eighth time."""
    chosen = random.Random(client)
    for count in itertools.count():
        if stopping.is_set():
            break
        assets = [
            {
                "kind": "file",
                "name": f"/{count // 8}/{chosen.randrange(50)}/{client}-{number}",
                "episodeName": chosen.choice((None, "run-1", "run-2", "run-3")),
            }
            for number in range(chosen.choice((1, 10, 100, 1000)))
        ]
        _send(service, connection, tally, f"project-{count // 64}", assets)
    connection.close()


def _send(
    service: Service,
    connection: http.client.HTTPConnection,
    tally: Tally,
    project: str,
    assets: Sequence[Mapping[str, str | None]],
) -> None:
    """Send a batch, and count the response."""
    body = {"namespace": NAMESPACE, "project": project, "assets": assets}
    begun = time.monotonic()
    connection.request("POST", "/assets/batch", json.dumps(body), service.headers())
    answer = connection.getresponse()
    content = json.loads(answer.read())
    tally.slowest = max(tally.slowest, time.monotonic() - begun)
    if answer.status == 201:
        tally.acknowledged += [Written(each["id"], each["name"]) for each in content["assets"]]
    else:
        tally.errors[f"{answer.status} {content['code']}"] += 1
