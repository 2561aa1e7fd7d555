"""What is logged of a database that is away: that it is, now and then, and that it is back."""

import logging
from threading import Lock
from time import monotonic

#: Seconds in which an outage is mentioned once, as is another one that begins meanwhile.
PAUSE_SECONDS = 30.0

_log = logging.getLogger(__name__)


class Outage:
    """Of one server, as all threads that connect to it find it."""

    def __init__(self, server: str):
        """Begin with none.

        :param server: what it is called in the log, such as ``primary``.
        """
        self._server = server
        self._lock = Lock()
        self._since: float | None = None
        self._quiet_until = 0.0
        self._mentioned = False

    def failed(self, reason: Exception) -> None:
        """Hear that an attempt to connect has failed."""
        now = monotonic()
        with self._lock:
            if self._since is None:
                self._since = now
            if now < self._quiet_until:
                return
            self._quiet_until = now + PAUSE_SECONDS
            self._mentioned = True
            seconds = now - self._since
        # libpq says it in several lines.
        why = " ".join(str(reason).split())
        _log.warning("connecting to the %s fails, for %.1f s now: %s", self._server, seconds, why)

    def ended(self) -> None:
        """Hear that an attempt has succeeded: said only where it was said that others failed."""
        with self._lock:
            if self._since is None:
                return
            seconds = monotonic() - self._since
            self._since = None
            mentioned, self._mentioned = self._mentioned, False
        if mentioned:
            _log.warning("connecting to the %s works again, after %.1f s", self._server, seconds)


class _PoolWarnings(logging.Filter):
    """Of what pools warn, leaves out what is said several times a second while a server is away.

    An :class:`Outage` says that connecting fails; one line in a while that a connection was lost.
    """

    _SAID_BY_OUTAGE = ("error connecting in", "reconnection attempt in pool")
    _OF_EACH_CONNECTION = "discarding closed connection"

    def __init__(self) -> None:
        super().__init__()
        self._quiet_until = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a warning is logged."""
        if record.msg.startswith(self._OF_EACH_CONNECTION):
            now = monotonic()
            if now < self._quiet_until:
                return False
            self._quiet_until = now + PAUSE_SECONDS
        return not record.msg.startswith(self._SAID_BY_OUTAGE)


logging.getLogger("psycopg.pool").addFilter(_PoolWarnings())
