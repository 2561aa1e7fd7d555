"""How long anything may wait, in seconds.

Deadlines nest: the innermost expires first and names the error.
"""

# fmt: off

# A request, from the inside out.
# Deadline             Bounds                                            When it expires
LOCK = 2.0           # the wait for a row lock                           503 database_timeout
STATEMENT = 5.0      # a statement, including its row locks              503 database_timeout
CONNECT = 2          # connecting to one host of DATABASE_URL            next host, or a retry
REPLICA = 2.0        # the replica's work for a request                  the primary does it
DATABASE = 8.0       # the primary's work for a request, with retries    503 database_unavailable
BSS_PLACE = 1.0      # the wait for one of the places at BSS             503 overloaded
#                      connecting to BSS (DREAMLAKE_BSS_TIMEOUT)         502 bss_timeout
#                      the response of BSS (the same again)              502 bss_timeout
QUEUE = 8.0          # the wait for a thread                             503 overloaded
RECEIVE_ALL = 10.0   # receiving a request, from first to last byte      connection closed

# A database that does not respond.
DATABASE_AWAY = 1.0  # replaces DATABASE once it has expired; /readyz    503 database_unavailable
REPLICA_RESTS = 5.0  # the pause after a failure of the replica          the replica is used again
WRITE_CHECK = 1.0    # the pause between checks of a read-only primary     the next check

# A streamed list. It waits for its client, so it may take longer than other requests.
SEND = 30.0          # one write of any response                         response cut off
STREAM_ROWS = 30.0   # the wait for the next rows                        response cut off
STREAM = 15 * 60.0   # the whole list                                    response cut off

# The end of a connection.
CLOSE = 5.0          # the wait for the client to close its end          connection closed
LAST_REQUEST = 1.0   # the wait for a request while the worker stops     connection closed

# fmt: on


def request(bss_timeout: float) -> float:
    """The longest time from the first byte of a request to the last byte of its response.

    Streamed lists may take longer. A gunicorn worker that stops gives its requests this time
    (``graceful_timeout``). gunicorn kills a worker that has not reported for 10 seconds more than
    that (``timeout``).

    :param bss_timeout: the setting DREAMLAKE_BSS_TIMEOUT, in seconds.
    :returns: seconds.
    """
    return RECEIVE_ALL + QUEUE + REPLICA + DATABASE + BSS_PLACE + 2 * bss_timeout
