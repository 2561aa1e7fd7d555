"""Kills, reloads, stops and overloads the service, and breaks BSS, while clients write."""

import http.client
import json
import signal
import statistics
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise

import psutil

from tests.faults.audit import audit
from tests.faults.offer import Offered, offer
from tests.faults.outcome import Outcome
from tests.faults.stage import REGISTRATION, Service, running_database, running_service
from tests.faults.writers import WRITERS, Tally, writing
from tests.support.waiting import until

#: Errors that a client gets when its connection is cut.
_CUT = {"RemoteDisconnected", "ConnectionResetError", "BrokenPipeError", "IncompleteRead"}


def worker_killed(rounds: int) -> Outcome:
    """Kill a worker with SIGKILL."""
    outcome = Outcome("a worker killed (-9)", rounds)
    with running_database() as database, running_service(database.url) as service:
        with writing(service.port, service.headers()) as tally:
            for _ in range(rounds):
                tally.await_more()
                before = service.workers()
                before[0].kill()
                until(lambda before=before: len(service.workers()) == len(before), 20)
            tally.await_more()
        outcome.writers_were_told(tally)
        outcome.database_holds(audit(database.url, tally))
    cut = sum(outcome.errors[kind] for kind in _CUT)
    outcome.note(f"{cut} requests were cut off")
    outcome.promise("no other error", kept=set(outcome.errors) <= _CUT)
    outcome.promise("only its own requests fail", kept=cut <= rounds * WRITERS)
    return outcome


def reloaded(rounds: int) -> Outcome:
    """Replace the workers with SIGHUP."""
    outcome = Outcome("reloaded (SIGHUP)", rounds)
    with running_database() as database, running_service(database.url) as service:
        with writing(service.port, service.headers()) as tally:
            for _ in range(rounds):
                tally.await_more()
                before = {worker.pid for worker in service.workers()}
                service.process.send_signal(signal.SIGHUP)
                until(
                    lambda before=before: not before & {worker.pid for worker in service.workers()},
                    60,
                )
        outcome.writers_were_told(tally)
        outcome.no_error()
        outcome.database_holds(audit(database.url, tally))
    return outcome


def stopped(rounds: int) -> Outcome:
    """Stop the service with SIGTERM while an idle connection is open."""
    outcome = Outcome("stopped (SIGTERM)", rounds)
    written = Tally()
    took = []
    with running_database() as database:
        for _ in range(rounds):
            with running_service(database.url) as service:
                idle = http.client.HTTPConnection("127.0.0.1", service.port)
                idle.request("GET", "/livez")
                idle.getresponse().read()
                with writing(service.port, service.headers()) as tally:
                    tally.await_more()
                    service.process.terminate()
                    took.append(until(lambda service=service: is_over(service.process), 60))
                idle.close()
            written.add(tally)
        outcome.writers_were_told(written)
        outcome.database_holds(audit(database.url, written))
    outcome.note(f"over in {max(took):.1f} s at most")
    outcome.promise("it is over in 5 s", kept=max(took) < 5)
    # Connections after the shutdown are refused.
    outcome.errors.pop("ConnectionRefusedError", None)
    outcome.no_error()
    return outcome


def is_over(process: psutil.Process) -> bool:
    """Return whether a process has ended, even if its parent has not waited for it."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


_AT_ONCE = 100


def sent_at_once(rounds: int) -> Outcome:
    """Send the same registration with one Idempotency-Key a hundred times at once."""
    outcome = Outcome(f"the same POST with one key, {_AT_ONCE} times at once", rounds)
    with running_database() as database, running_service(database.url) as service:
        for number in range(rounds):
            # Alternates between an existing path and a path that is new to all requests.
            body = {**REGISTRATION, "episodeName": f"run{number // 2}"}
            ids = _send_at_once(outcome, service, body, f"key-{number}")
            outcome.acknowledged += len(ids)
            outcome.promise(f"one asset, not {len(ids)}", kept=len(ids) == 1)
        [[assets]] = database.query("SELECT count(*) FROM asset")
        outcome.duplicated = assets - rounds
    outcome.promise(f"{rounds} assets, not {assets}", kept=assets == rounds)
    outcome.only_503()
    return outcome


def _send_at_once(outcome: Outcome, service: Service, body: dict[str, str], key: str) -> set[str]:
    """Return the ids in the responses."""
    barrier = threading.Barrier(_AT_ONCE)
    headers = {**service.headers(), "Idempotency-Key": key}

    def send(_: int) -> str | None:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        connection.connect()
        barrier.wait()
        connection.request("POST", "/assets/video", json.dumps(body), headers)
        answer = connection.getresponse()
        content = json.loads(answer.read())
        connection.close()
        if answer.status == 201:
            return content["id"]
        outcome.errors[f"{answer.status} {content['code']}"] += 1
        return None

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        answers = list(threads.map(send, range(_AT_ONCE)))
    return {each for each in answers if each is not None}


#: Connections, far more than the threads and their queues.
_OVERLOADING = 600
#: Limit for every response on a busy machine; most are immediate refusals.
_OVERLOADED_SECONDS = 3.0
#: Duration of a measurement of the best rate.
_BEST_SECONDS = 20.0


def overloaded(rounds: int, seconds: float = 60.0, times: float = 5.0) -> Outcome:
    """Send requests at several times the rate that the service can handle.

    The speed of a shared machine varies by a fifth from one minute to the next. So the best rate is
    measured before and after each load, and the promise applies to the median.
    """
    outcome = Outcome(f"load at {times:g} times capacity, {seconds:g} s", rounds)
    kept: list[float] = []
    with running_database() as database, running_service(database.url) as service:
        best = [_best(service)]
        for _ in range(rounds):
            with _sampling(service.memory) as memory:
                load = _overload(service, seconds, times * best[-1])
            until(lambda: not any(service.connections()), _OVERLOADED_SECONDS)
            best.append(_best(service))
            kept.append(load.per_second("201") / statistics.mean(best[-2:]))
            _look_at_load(outcome, load, best, times)
            growth = (memory[-1] - memory[len(memory) // 3]) / 2**20
            outcome.note(f"workers grew by {growth:.1f} MiB after the first third")
            outcome.promise("memory is flat", kept=growth < 16)
    _look_at_throughput(outcome, kept, best)
    return outcome


@contextmanager
def _sampling(measure: Callable[[], int]) -> Iterator[list[int]]:
    """Sample a measurement once a second within a block."""
    samples: list[int] = []
    stopping = threading.Event()

    def sample() -> None:
        while not stopping.is_set():
            samples.append(measure())
            stopping.wait(1)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        stopping.set()
        thread.join()


def _overload(service: Service, seconds: float, per_second: float) -> Offered:
    return offer(
        service.port,
        service.requests(),
        connections=_OVERLOADING,
        seconds=seconds,
        per_second=per_second,
    )


def _best(service: Service) -> float:
    """Return the highest rate of registrations per second, with a few clients."""
    load = offer(service.port, service.requests(), connections=16, seconds=_BEST_SECONDS)
    return load.per_second("201")


def _look_at_load(outcome: Outcome, load: Offered, best: list[float], times: float) -> None:
    *_, before, after = best
    outcome.acknowledged += load.statuses["201"]
    outcome.errors += Counter(
        {kind: count for kind, count in load.statuses.items() if kind != "201"}
    )
    outcome.note(
        f"{before:,.0f} a second at best, {load.total:,.0f} asked for,"
        f" {load.per_second('201'):,.0f} served, {after:,.0f} at best afterwards"
    )
    outcome.note(
        f"201 in {load.slowest.get('201', 0):.2f} s and 503 in"
        f" {load.slowest.get('503', 0):.2f} s at most"
    )
    outcome.promise(
        f"the rest is 503, not {dict(load.statuses)}", kept=set(load.statuses) <= {"201", "503"}
    )
    outcome.promise(
        f"nobody waits for long, not {load.slowest}",
        kept=max(load.slowest.values()) < _OVERLOADED_SECONDS,
    )
    outcome.promise("it was asked for too much", kept=load.total > times * before * 0.7)


def _look_at_throughput(outcome: Outcome, kept: list[float], best: list[float]) -> None:
    """Check the throughput over all rounds.

    :param kept: rate in each round, as a fraction of the best rate before and after it.
    """
    recovered = [after / before for before, after in pairwise(best)]
    outcome.note(f"{', '.join(f'{each:.0%}' for each in kept)} of the best was served")
    outcome.promise(
        f"throughput within 20% of the best, not {statistics.median(kept):.0%}",
        kept=statistics.median(kept) >= 0.8,
    )
    outcome.promise("it never collapses", kept=min(kept) > 0.5)
    outcome.promise("it recovers", kept=statistics.median(recovered) > 0.8)
