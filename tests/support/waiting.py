"""Waiting for events in another thread, process or server."""

import time
from collections.abc import Callable

#: Timeout for imminent events, long enough for a busy machine.
PATIENCE_SECONDS = 60.0


def until(happened: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> float:
    """Wait until a condition is true.

    :param happened: the condition, called repeatedly until its result is true.
    :returns: the seconds that the wait took.
    :raises TimeoutError: the wait took longer than ``seconds``.
    """
    begun = time.monotonic()
    while not happened():
        if time.monotonic() - begun > seconds:
            raise TimeoutError(f"it did not happen within {seconds:g} s")
        time.sleep(0.01)
    return time.monotonic() - begun
