"""Clients that send batches at once."""

import http.client
import itertools
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor

from tests.conftest import NAMESPACE
from tests.faults.outcome import Outcome
from tests.faults.stage import Service, running_database, running_service
from tests.faults.writers import Tally, Written

#: Clients that send batches at once: as many as two workers take.
_BATCHING = 8
#: Bytes by which the workers may grow from a quarter of the time to its end.
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
            end = time.monotonic() + seconds
            running = [
                threads.submit(_send_batches, service, number * _BATCHING + client, end)
                for client in range(_BATCHING)
            ]
            slowest = _ask_whether_alive(outcome, service, seconds / 4)
            before = service.memory()
            slowest = max(slowest, _ask_whether_alive(outcome, service, seconds / 2))
            for each in running:
                outcome.writers_were_told(each.result())
            outcome.note(f"/livez in {slowest:.2f} s at most")
            outcome.promise("/livez answers within 2 s", kept=slowest < 2)
            growth = service.memory() - before
            outcome.note(f"the workers grew by {growth / 2**20:.1f} MiB")
            outcome.promise("their memory is flat", kept=growth < _BATCH_MEMORY)
        [[assets, folders, different]] = database.query(
            "SELECT (SELECT count(*) FROM asset), count(*), count(DISTINCT (scope_id, path))"
            " FROM node"
        )
    outcome.promise("each asset is there once", kept=assets == outcome.acknowledged)
    outcome.promise("each folder is there once", kept=folders == different)
    outcome.no_error()
    return outcome


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


def _send_batches(service: Service, client: int, end: float) -> Tally:
    """Send batches of up to 1,000 assets in 50 folders, which are new every eighth time."""
    tally = Tally()
    chosen = random.Random(client)
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    for count in itertools.count():
        if time.monotonic() > end:
            break
        assets = [
            {
                "kind": "file",
                "name": f"/{count // 8}/{chosen.randrange(50)}/{client}-{number}",
                "episodeName": chosen.choice((None, "run-1", "run-2", "run-3")),
            }
            for number in range(chosen.choice((1, 10, 100, 1000)))
        ]
        body = {"namespace": NAMESPACE, "project": f"project-{count // 64}", "assets": assets}
        begun = time.monotonic()
        connection.request("POST", "/assets/batch", json.dumps(body), service.headers())
        answer = connection.getresponse()
        content = json.loads(answer.read())
        tally.slowest = max(tally.slowest, time.monotonic() - begun)
        if answer.status == 201:
            tally.acknowledged += [Written(each["id"], each["name"]) for each in content["assets"]]
        else:
            tally.errors[f"{answer.status} {content['code']}"] += 1
    connection.close()
    return tally
