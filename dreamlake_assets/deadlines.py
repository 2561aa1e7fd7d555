"""How long anything may wait. Each is within the next one out, so the inner one speaks first.

Seconds, and what happens when they run out::

    LOCK 2       one row, held by another session          503 database_timeout
    STATEMENT 5  a statement, with its locks               503 database_timeout
    CONNECT 2    a connection to one host of DATABASE_URL  another try
    DATABASE 8   all that a request wants of the database: a connection, a statement, the same
                 again where the connection was lost       503 database_unavailable or _timeout
    REPLICA 2    the same, of a replica                    the primary is asked
    BSS          connecting, DREAMLAKE_BSS_TIMEOUT; and again for the whole answer
                                                           502 bss_timeout
    RECEIVE_ALL 10  a request, from its first byte to its last   the connection is closed
    QUEUE 8      a thread, while others wait for the database that was lost
                                                           503 overloaded
    request()    the sum of these: no request takes longer, but for a list that is streamed
    gunicorn     waits so long when it stops, and a little longer before it takes a worker for dead

A list that is streamed waits for its client: SEND for each piece, STREAM_ROWS for the next rows of
the database, STREAM for all of it.
"""

LOCK = 2.0
STATEMENT = 5.0
CONNECT = 2
DATABASE = 8.0

#: What a read gives a replica before it asks the primary, and how long a replica that did not
#: answer is left alone.
REPLICA = 2.0
REPLICA_RESTS = 5.0

#: What /readyz gives the database, and every request once it has been away for DATABASE.
DATABASE_AWAY = 1.0

RECEIVE_ALL = 10.0
#: For a client to close its end, once it was told to.
CLOSE = 5.0
QUEUE = 8.0

SEND = 30.0
STREAM_ROWS = 30.0
STREAM = 15 * 60.0

#: How long a worker that stops leaves an idle connection to whoever is about to use it.
LAST_REQUEST = 1.0


def request(bss_timeout: float) -> float:
    """The seconds that a request takes at most, from its first byte to the last of its answer."""
    return RECEIVE_ALL + QUEUE + REPLICA + DATABASE + 2 * bss_timeout
