"""The threads of a worker, a few of which work at a time."""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from dreamlake_assets import turns
from tests.support.waiting import until

SECONDS = 10


@pytest.fixture
def threads() -> Iterator[turns.Threads]:
    """A pool with two turns and room for three tasks that wait."""
    threads = turns.Threads(2, 3)
    yield threads
    threads.shutdown(wait=True)


class Task:
    """A task that gives up its turn when it is told to, and ends when it is told to."""

    def __init__(self, threads: turns.Threads) -> None:
        self.has_begun = threading.Event()
        self.gives_up = threading.Event()
        self.has_given_up = threading.Event()
        self.ends = threading.Event()
        self.thread: Future[threading.Thread] = Future()
        threads.run(self)

    def __call__(self) -> None:
        self.has_begun.set()
        assert self.gives_up.wait(SECONDS)
        turns.give_up()
        turns.give_up()
        self.has_given_up.set()
        assert self.ends.wait(SECONDS)
        self.thread.set_result(threading.current_thread())

    def give_up(self) -> None:
        self.gives_up.set()
        assert self.has_given_up.wait(SECONDS)

    def end(self) -> threading.Thread:
        self.gives_up.set()
        self.ends.set()
        return self.thread.result(SECONDS)


def begun(tasks: list[Task]) -> list[bool]:
    return [task.has_begun.is_set() for task in tasks]


def test_as_many_tasks_begin_as_there_are_turns(threads: turns.Threads) -> None:
    tasks = [Task(threads) for _ in range(4)]
    until(lambda: sum(begun(tasks)) == 2)
    assert begun(tasks) == [True, True, False, False]

    tasks[1].end()
    assert tasks[2].has_begun.wait(SECONDS)
    assert begun(tasks) == [True, True, True, False]

    for task in tasks:
        task.end()


def test_a_task_that_gives_up_its_turn_lets_one_other_begin(threads: turns.Threads) -> None:
    tasks = [Task(threads) for _ in range(6)]
    for number in range(3):
        tasks[number].give_up()
        assert tasks[number + 2].has_begun.wait(SECONDS)
        assert begun(tasks) == [True] * (number + 3) + [False] * (3 - number)

    # All five threads have a task now, although there is a turn.
    tasks[3].give_up()
    assert not tasks[5].has_begun.wait(0.1)
    tasks[0].end()
    assert tasks[5].has_begun.wait(SECONDS)
    for task in tasks[1:]:
        task.end()


def test_a_turn_that_was_given_up_is_not_given_back_at_the_end(threads: turns.Threads) -> None:
    first = Task(threads)
    first.give_up()
    first.end()

    tasks = [Task(threads) for _ in range(3)]
    until(lambda: sum(begun(tasks)) == 2)
    assert begun(tasks) == [True, True, False]
    for task in tasks:
        task.end()


def test_a_thread_is_used_again(threads: turns.Threads) -> None:
    assert len({Task(threads).end() for _ in range(20)}) <= 2


def test_a_task_that_fails_leaves_its_thread_and_its_turn(
    threads: turns.Threads, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise SystemExit("of a task")

    for _ in range(5):
        threads.run(fail)

    Task(threads).end()
    until(lambda: caplog.text.count("SystemExit: of a task") == 5)
    assert {record.levelno for record in caplog.records} == {logging.ERROR}


def test_a_shutdown_lets_tasks_end(threads: turns.Threads) -> None:
    tasks = [Task(threads) for _ in range(3)]
    until(lambda: sum(begun(tasks)) == 2)
    threads.shutdown(wait=False)

    ended = [task.end() for task in tasks]
    threads.shutdown(wait=True)
    assert not any(thread.is_alive() for thread in ended)


def test_elsewhere_there_is_no_turn_to_give_up() -> None:
    turns.give_up()
