"""Clients that register and change assets continuously, and record what was acknowledged."""

import http.client
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.conftest import NAMESPACE
from tests.support.waiting import until

WRITERS = 16
#: Registrations and changes before and after a fault: about a second of the writers.
ENOUGH = 1000
#: Client timeout, far above every deadline of the service: only a hang reaches it.
CLIENT_SECONDS = 60.0
#: Pause after a response that asks the client to retry later.
PAUSE_SECONDS = 0.1
#: One in this many registrations creates a new episode with new folders; another is changed.
NEW_PATH = 4
#: The number of writers that also send batches: as many as a worker takes at once.
BATCH_WRITERS = 4
#: Assets of a batch.
BATCH = 10
#: The beginning of the BSS ids of the assets of a batch, which are equal.
BATCHED = "batch "

_PROJECT = {"namespace": NAMESPACE, "project": "robotics"}


class Written(NamedTuple):
    """An asset as an acknowledged registration or change left it."""

    asset_id: str
    name: str
    deleted: bool = False


@dataclass
class Tally:
    """The responses that clients received.

    :param acknowledged: every asset of every success. Those of one asset are in order, so their
        number is its revision.
    :param unanswered: changes that ended in an error, by the id of the asset. Each was made or not.
    :param errors: every other outcome, by kind: ``503 database_unavailable``, ``ConnectionReset``.
    :param slowest: seconds of the slowest response.
    """

    acknowledged: list[Written] = field(default_factory=list)
    unanswered: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0

    def add(self, other: "Tally") -> None:
        """Add the tally of another client."""
        self.acknowledged += other.acknowledged
        self.unanswered += other.unanswered
        self.errors += other.errors
        self.slowest = max(self.slowest, other.slowest)

    def await_more(self, writes: int = ENOUGH) -> None:
        """Wait until the service has acknowledged this many more registrations and changes."""
        enough = len(self.acknowledged) + writes
        until(lambda: len(self.acknowledged) >= enough)


class _Writer(threading.Thread):
    def __init__(
        self,
        number: int,
        run: str,
        port: int,
        headers: dict[str, str],
        acknowledged: list[Written],
        *,
        batches: bool,
    ):
        super().__init__(name=f"writer {number}")
        self._batches = batches
        self.tally = Tally()
        self._acknowledged = acknowledged
        self.stopping = threading.Event()
        self._names = (f"{run}-{number}-{count}" for count in itertools.count())
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=CLIENT_SECONDS)
        self._headers = headers

    def run(self) -> None:
        for count, name in enumerate(self._names):
            if self.stopping.is_set():
                break
            new_path = count % NEW_PATH == 0
            batch = self._batches and count // NEW_PATH % 2
            register = self._register_batch if batch else self._register
            written = register(name, new_path=new_path)
            # Other assets are left on the path that one of these leaves: no folder gets empty.
            if written and count % NEW_PATH == NEW_PATH - 1:
                self._change(_changes_of_many(written) if batch else _changes_of_one(*written))
        self._connection.close()

    def _register_batch(self, name: str, *, new_path: bool) -> list[Written]:
        folder = f"/{name}" if new_path else "/camera"
        assets = [
            {
                "kind": "video",
                "name": f"{folder}/{number % 3}/{name}-{number}.mp4",
                "bssVideoId": f"{BATCHED}{name}",
            }
            for number in range(BATCH)
        ]
        body = {**_PROJECT, "episodeName": name if new_path else "run", "assets": assets}
        content = self._send("POST", "/assets/batch", body) or {"assets": []}
        return self._acknowledge(Written(each["id"], each["name"]) for each in content["assets"])

    def _register(self, name: str, *, new_path: bool) -> list[Written]:
        folder = f"/{name}/front" if new_path else "/camera/front"
        body = {
            **_PROJECT,
            "episodeName": name if new_path else "run",
            "name": f"{folder}/{name}.mp4",
            "bssVideoId": name,
        }
        content = self._send("POST", "/assets/video", body)
        return self._acknowledge([Written(content["id"], content["name"])] if content else [])

    def _change(self, changes: "Iterable[_Change]") -> None:
        """Make changes until one fails: then the state of the assets is unknown."""
        for method, path, body, after in changes:
            if self._send(method, path, body) is None:
                self.tally.unanswered.update(each.asset_id for each in after)
                break
            self._acknowledge(after)

    def _acknowledge(self, written: Iterable[Written]) -> list[Written]:
        assets = list(written)
        self._acknowledged += assets
        return assets

    def _send(self, method: str, path: str, body: Mapping[str, object] | None) -> Any:
        """Return the body of a success, and None after an error."""
        begun = time.monotonic()
        text = None if body is None else json.dumps(body)
        try:
            self._connection.request(method, path, text, self._headers)
            answer = self._connection.getresponse()
            content = json.loads(answer.read() or "{}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.tally.errors[type(error).__name__] += 1
            self._connection.close()
            time.sleep(PAUSE_SECONDS)
            return None
        self.tally.slowest = max(self.tally.slowest, time.monotonic() - begun)
        if answer.status < 300:
            return content
        kind = f"{answer.status} {content.get('code')}"
        if answer.status == 503 and "Retry-After" not in answer.headers:
            kind += " without Retry-After"
        self.tally.errors[kind] += 1
        time.sleep(PAUSE_SECONDS)
        return None


#: A change: method, path, body, and its assets after it.
_Change = tuple[str, str, Mapping[str, object] | None, Sequence[Written]]


def _changes_of_one(asset: Written) -> Iterator[_Change]:
    """Correct an asset, delete it, restore it, and move it to a new path."""
    path = f"/assets/video/{asset.asset_id}"
    moved = asset._replace(name=f"/moved/{asset.asset_id}/{asset.name.rpartition('/')[2]}")
    yield "PATCH", path, {"addTags": ["checked"], "metadata": {"checked": True}}, [asset]
    yield "DELETE", path, None, [asset._replace(deleted=True)]
    yield "POST", f"{path}/restore", None, [asset]
    yield "PATCH", path, {"name": moved.name, "episodeName": asset.asset_id}, [moved]


def _changes_of_many(assets: Sequence[Written]) -> Iterator[_Change]:
    """Delete assets at once, and restore them."""
    body = {**_PROJECT, "ids": [each.asset_id for each in assets]}
    yield "POST", "/assets/delete", body, [each._replace(deleted=True) for each in assets]
    yield "POST", "/assets/restore", body, assets


_RUNS = itertools.count(1)


@contextmanager
def writing(
    port: int,
    headers: dict[str, str],
    writers: int = WRITERS,
    batch_writers: int = BATCH_WRITERS,
) -> Iterator[Tally]:
    """Run clients that write within a block.

    :param batch_writers: the number of those that also send batches.

    Their tally counts acknowledgements as they arrive; its other fields are complete at the end.
    """
    run = f"run{next(_RUNS)}"
    tally = Tally()
    running = [
        _Writer(number, run, port, headers, tally.acknowledged, batches=number < batch_writers)
        for number in range(writers)
    ]
    for each in running:
        each.start()
    try:
        yield tally
    finally:
        for each in running:
            each.stopping.set()
        for each in running:
            each.join()
            tally.add(each.tally)
