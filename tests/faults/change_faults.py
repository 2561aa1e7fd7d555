"""Clients that delete, restore and change the same assets at random."""

import http.client
import itertools
import json
import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

from tests.conftest import NAMESPACE
from tests.faults.outcome import Outcome
from tests.faults.stage import Service, running_database, running_service
from tests.faults.writers import Tally

_CLIENTS = 8
#: Few, so that the clients meet.
_ASSETS = 3
#: Statuses and codes that a change may end in when others come first.
_EXPECTED = {"409 asset_deleted", "409 conflict"}


class _Success(NamedTuple):
    asset_id: str
    revision: int
    is_patch: bool


def at_random(rounds: int, seconds: float = 60.0) -> Outcome:
    """Delete, restore and patch assets at random.

    The ETags that the clients meet go through every number up to the last revision: no change is
    lost, and none is counted twice.
    """
    outcome = Outcome(f"changes of {_ASSETS} assets, {_CLIENTS} clients, {seconds:g} s", rounds)
    with (
        running_database() as database,
        running_service(database.url) as service,
        ThreadPoolExecutor(_CLIENTS) as clients,
    ):
        assets = [{"kind": "video"}] * _ASSETS
        body = {"namespace": NAMESPACE, "project": "robotics", "assets": assets}
        for _ in range(rounds):
            _, content = service.reply("/assets/batch", body=body)
            asset_ids = [each["id"] for each in content["assets"]]
            tallies = [Tally() for _ in range(_CLIENTS)]
            end = time.monotonic() + seconds
            change = partial(_change_at_random, service, asset_ids, end)
            met = [*itertools.chain(*clients.map(change, tallies, range(_CLIENTS)))]
            for tally in tallies:
                outcome.writers_were_told(tally)
            revisions = dict(
                database.query(
                    "SELECT asset_id::text, revision FROM asset WHERE asset_id::text"
                    f" IN ({', '.join(map(repr, asset_ids))})"
                )
            )
            _look_at_revisions(outcome, revisions, met)
    unexpected = {kind: count for kind, count in outcome.errors.items() if kind not in _EXPECTED}
    outcome.promise(f"no error but 409, not {unexpected}", kept=not unexpected)
    return outcome


def _look_at_revisions(outcome: Outcome, revisions: dict[str, int], met: list[_Success]) -> None:
    changes = sum(revisions.values()) - len(revisions)
    outcome.acknowledged += changes
    outcome.note(f"{len(met):,} successes, {changes:,} of them changes")
    patches = [each for each in met if each.is_patch]
    outcome.promise("each patch has a revision of its own", kept=len(patches) == len({*patches}))
    for asset_id, last in revisions.items():
        # A restoration without effect may meet revision 1, which registering made.
        of_asset = {each.revision for each in met if each.asset_id == asset_id} - {1}
        outcome.promise("the revision counts every success", kept=of_asset == {*range(2, last + 1)})
    outcome.promise("all assets changed often", kept=min(revisions.values()) > 10)


def _change_at_random(
    service: Service, asset_ids: Sequence[str], end: float, tally: Tally, client: int
) -> list[_Success]:
    """Change assets until a time."""
    chance = random.Random(client)
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    headers = service.headers()
    met: list[_Success] = []
    for number in itertools.count():
        begun = time.monotonic()
        if begun > end:
            break
        asset_id = chance.choice(asset_ids)
        # A value of its own, so each success of a patch is a change.
        own = f"{client}-{number}"
        method, verb, body = chance.choice(
            [
                ("DELETE", "", None),
                ("POST", "/restore", None),
                ("PATCH", "", {"bssVideoId": own}),
                ("PATCH", "", {"metadata": {"by": own}}),
            ]
        )
        text = None if body is None else json.dumps(body)
        connection.request(method, f"/assets/video/{asset_id}{verb}", text, headers)
        answer = connection.getresponse()
        content = json.loads(answer.read() or "{}")
        tally.slowest = max(tally.slowest, time.monotonic() - begun)
        if answer.status in (200, 204):
            revision = int((answer.headers["ETag"] or "").strip('"').split(".")[0])
            met.append(_Success(asset_id, revision, method == "PATCH"))
        else:
            tally.errors[f"{answer.status} {content.get('code')}"] += 1
    connection.close()
    return met
