"""Asset ids. The service generates them, so a statement that is sent twice inserts one row."""

import secrets
import time
from uuid import UUID

_NANOSECONDS_PER_MILLISECOND = 1_000_000


#: The ids of a batch differ in their last bits only, which count up from 0.
_BATCH_BITS = 10


def first_of_batch() -> UUID:
    """Return the id of the first asset of a batch. The others follow, in the order of the batch."""
    return UUID(int=uuid7().int >> _BATCH_BITS << _BATCH_BITS)


def uuid7() -> UUID:
    """Return a UUID version 7 (RFC 9562) that sorts by time, also between processes.

    The 12 bits after the milliseconds hold the fraction of the millisecond (section 6.2, method 3),
    as in PostgreSQL's ``uuidv7()``. Libraries put a counter there, which orders only the ids of one
    process. Lists order assets of the same name by id. Clocks of machines differ, so the id does
    not tell which asset is the newest: ``created_at`` does, which the database sets.
    """
    milliseconds, nanoseconds = divmod(time.time_ns(), _NANOSECONDS_PER_MILLISECOND)
    fraction = (nanoseconds << 12) // _NANOSECONDS_PER_MILLISECOND
    return UUID(
        int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | secrets.randbits(62)
    )
