"""Ids made by the service, so that a statement can be sent twice and register once."""

import secrets
import time
from uuid import UUID

_NANOSECONDS_PER_MILLISECOND = 1_000_000


def uuid7() -> UUID:
    """A UUID version 7 (RFC 9562) whose order is the order in time, also between processes.

    The 12 bits after the milliseconds hold the fraction of the millisecond (method 3 of section
    6.2), as PostgreSQL's own ``uuidv7()`` does. Libraries put a counter there, which orders the
    ids of one process only; a service has several, and the newest asset is the one with the
    greatest id.
    """
    milliseconds, nanoseconds = divmod(time.time_ns(), _NANOSECONDS_PER_MILLISECOND)
    fraction = (nanoseconds << 12) // _NANOSECONDS_PER_MILLISECOND
    return UUID(
        int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | secrets.randbits(62)
    )
