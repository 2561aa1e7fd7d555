"""Waiting for what happens elsewhere: in another thread, process or server."""

import time
from collections.abc import Callable

#: For what is soon to happen: long enough for a machine that is busy with something else.
PATIENCE_SECONDS = 60.0


def until(happened: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> float:
    """Wait until something has happened.

    :param happened: is asked again and again; tells by its truth.
    :returns: the seconds that it took.
    :raises TimeoutError: it took longer than ``seconds``.
    """
    begun = time.monotonic()
    while not happened():
        if time.monotonic() - begun > seconds:
            raise TimeoutError(f"it did not happen within {seconds:g} s")
        time.sleep(0.01)
    return time.monotonic() - begun
