"""The threads of a worker, a few of which work at a time.

A request needs a turn before a thread works on it. A request that is about to wait for BSS gives
its turn up, and another request gets it. Many downloads can therefore wait for BSS without keeping
registrations and lists from a thread.

More threads that work at a time would serve downloads as well, but they wait for each other
(Python's GIL) and are woken more often: with 72 instead of 8, a registration took a fifth more CPU.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

_log = logging.getLogger(__name__)

Task = Callable[[], object]


def give_up() -> None:
    """Give up the turn of this thread for the rest of its task. A second call does nothing.

    On a thread that has no turns, such as one of a test, the function does nothing.
    """
    thread = threading.current_thread()
    if isinstance(thread, _Thread) and thread.has_turn:
        thread.has_turn = False
        thread.pool.add_turn()


class Threads:
    """A pool of threads that shares a number of turns. Tasks wait in order for a turn."""

    def __init__(self, turns: int, waiting: int):
        """Create the pool. Threads start on demand.

        :param turns: the number of tasks that run with a turn at a time.
        :param waiting: the number of tasks that may run on after they gave up their turn.
        """
        self._lock = threading.Lock()
        self._turns = turns
        self._limit = turns + waiting
        self._tasks: deque[Task] = deque()
        self._threads: list[_Thread] = []
        # A stack: the thread that worked last has the warmest caches.
        self._idle: list[_Thread] = []
        self._closed = False

    def run(self, function: Callable[..., object], *arguments: Any) -> None:
        """Run a function in a thread, as soon as there is a turn for it."""
        with self._lock:
            self._tasks.append(partial(function, *arguments))
            self._hand_out()

    def shutdown(self, *, wait: bool) -> None:
        """End each thread when it has no task.

        :param wait: whether to wait until all have ended.
        """
        with self._lock:
            self._closed = True
            for thread in self._idle:
                thread.give(None)
            self._idle.clear()
        if wait:
            for thread in self._threads:
                thread.join()

    def add_turn(self) -> None:
        """Take back a turn that a task gave up."""
        with self._lock:
            self._turns += 1
            self._hand_out()

    def next_task(self, thread: "_Thread") -> Task | None:
        """Return the next task of a thread that has finished one; None ends the thread."""
        with self._lock:
            self._turns += thread.has_turn
            if self._tasks and self._turns:
                self._turns -= 1
                return self._tasks.popleft()
            if self._closed:
                return None
            self._idle.append(thread)
        return thread.wait()

    def _hand_out(self) -> None:
        while self._tasks and self._turns:
            if self._idle:
                thread = self._idle.pop()
            elif len(self._threads) < self._limit:
                thread = _Thread(self)
                thread.start()
                self._threads.append(thread)
            else:
                return
            self._turns -= 1
            thread.give(self._tasks.popleft())


class _Thread(threading.Thread):
    """A thread of a pool. A process that ends without a shutdown does not wait for it."""

    def __init__(self, pool: Threads):
        super().__init__(daemon=True)
        self.pool = pool
        self.has_turn = False
        self._task: Task | None = None
        #: Locked until there is a task.
        self._given = threading.Lock()
        self._given.acquire()

    def give(self, task: Task | None) -> None:
        """Give the thread, which waits, its next task."""
        self._task = task
        self._given.release()

    def wait(self) -> Task | None:
        """Wait for the next task."""
        self._given.acquire()
        return self._task

    def run(self) -> None:
        task = self.wait()
        while task is not None:
            self.has_turn = True
            try:
                task()
            except BaseException:  # noqa: BLE001  (the thread must survive)
                _log.exception("a task failed")
            task = self.pool.next_task(self)
