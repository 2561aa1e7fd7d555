"""Clients that register continuously, and record the acknowledged registrations."""

import http.client
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.conftest import NAMESPACE
from tests.support.waiting import until

WRITERS = 16
#: Registrations before and after a fault: about a second of the writers.
ENOUGH = 1000
#: Client timeout, far above every deadline of the service: only a hang reaches it.
CLIENT_SECONDS = 60.0
#: Pause after a response that asks the client to retry later.
PAUSE_SECONDS = 0.1
#: One in this many registrations creates a new episode with new folders.
NEW_PATH = 4
#: Of the writers, those that also send batches: as many as a worker takes at once.
BATCH_WRITERS = 4
#: Assets of a batch.
BATCH = 10
#: The beginning of the BSS ids of the assets of a batch, which are equal.
BATCHED = "batch "


@dataclass
class Tally:
    """The responses that clients received.

    :param acknowledged: id and name of every 201.
    :param errors: every other outcome, by kind: ``503 database_unavailable``, ``ConnectionReset``.
    :param slowest: seconds of the slowest response.
    """

    acknowledged: list[tuple[str, str]] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0

    def add(self, other: "Tally") -> None:
        """Add the tally of another client."""
        self.acknowledged += other.acknowledged
        self.errors += other.errors
        self.slowest = max(self.slowest, other.slowest)

    def await_more(self, registrations: int = ENOUGH) -> None:
        """Wait until the service has acknowledged this many more registrations."""
        enough = len(self.acknowledged) + registrations
        until(lambda: len(self.acknowledged) >= enough)


class _Writer(threading.Thread):
    def __init__(
        self,
        number: int,
        run: str,
        port: int,
        headers: dict[str, str],
        acknowledged: list[tuple[str, str]],
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
            if self._batches and count // NEW_PATH % 2:
                self._register_batch(name, new_path=new_path)
            else:
                self._register(name, new_path=new_path)
        self._connection.close()

    def _register_batch(self, name: str, *, new_path: bool) -> None:
        folder = f"/{name}" if new_path else "/camera"
        assets = [
            {
                "kind": "video",
                "name": f"{folder}/{number % 3}/{name}-{number}.mp4",
                "bssVideoId": f"{BATCHED}{name}",
            }
            for number in range(BATCH)
        ]
        body: dict[str, object] = {"namespace": NAMESPACE, "project": "robotics", "assets": assets}
        self._send("/assets/batch", {**body, "episodeName": name if new_path else "run"})

    def _register(self, name: str, *, new_path: bool) -> None:
        folder = f"/{name}/front" if new_path else "/camera/front"
        body = {
            "namespace": NAMESPACE,
            "project": "robotics",
            "episodeName": name if new_path else "run",
            "name": f"{folder}/{name}.mp4",
            "bssVideoId": name,
        }
        self._send("/assets/video", body)

    def _send(self, path: str, body: Mapping[str, object]) -> None:
        begun = time.monotonic()
        try:
            self._connection.request("POST", path, json.dumps(body), self._headers)
            answer = self._connection.getresponse()
            content = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.tally.errors[type(error).__name__] += 1
            self._connection.close()
            time.sleep(PAUSE_SECONDS)
            return
        self.tally.slowest = max(self.tally.slowest, time.monotonic() - begun)
        if answer.status == 201:
            assets = content.get("assets", [content])
            self._acknowledged += [(asset["id"], asset["name"]) for asset in assets]
            return
        kind = f"{answer.status} {content.get('code')}"
        if answer.status == 503 and "Retry-After" not in answer.headers:
            kind += " without Retry-After"
        self.tally.errors[kind] += 1
        time.sleep(PAUSE_SECONDS)


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
