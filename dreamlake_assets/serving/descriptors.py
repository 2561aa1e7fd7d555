"""The file descriptors of a worker: its connections share them with BSS and the database."""

import os
from contextlib import suppress

from dreamlake_assets import limits


def reserve(threads: int) -> int:
    """Return the number of descriptors that connections must leave free.

    :param threads: the setting DREAMLAKE_THREADS: requests served at a time.
    """
    # A connection to the database for a request and for a stream, and those to BSS.
    return (2 + limits.DOWNLOADS) * threads


def connection_limit(connections: int, threads: int, descriptor: int) -> int:
    """Return a limit of connections that leaves the reserve free.

    The limit rises in small steps: the only test for a free descriptor is to open one, and a thread
    may need it at that moment.

    :param connections: the number of connections now.
    :param descriptor: any open file.
    """
    spare: list[int] = []
    with suppress(OSError):
        while len(spare) < 2 * reserve(threads):
            spare.append(os.dup(descriptor))
    for each in spare:
        os.close(each)
    return max(1, connections + len(spare) - reserve(threads))
