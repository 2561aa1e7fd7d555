"""Log messages about unreachable databases, limited in number."""

import logging
from threading import Lock
from time import monotonic

#: Minimum number of seconds between two messages, even about different outages.
PAUSE_SECONDS = 30.0

_log = logging.getLogger(__name__)


class Outage:
    """The failures of one activity, shared by all threads that try it."""

    def __init__(self, server: str, state: str, recovered: str):
        """Start without a failure.

        :param server: name of the server in log messages, such as ``primary``.
        :param state: its state while attempts fail, such as ``unreachable``.
        :param recovered: its state when an attempt succeeds again, such as ``reachable``.
        """
        self._server = server
        self._state = state
        self._recovered = recovered
        self._lock = Lock()
        self._since: float | None = None
        self._quiet_until = 0.0
        self._logged = False

    def failed(self, reason: BaseException) -> None:
        """Record a failed attempt, and log it unless a message was logged recently."""
        now = monotonic()
        with self._lock:
            if self._since is None:
                self._since = now
            if now < self._quiet_until:
                return
            self._quiet_until = now + PAUSE_SECONDS
            self._logged = True
            seconds = now - self._since
        # The message of libpq has several lines.
        message = " ".join(str(reason).split())
        _log.warning(
            "the %s has been %s for %.1f s: %s", self._server, self._state, seconds, message
        )

    def ended(self) -> None:
        """Record a successful attempt, and log it if the failures were logged."""
        with self._lock:
            if self._since is None:
                return
            seconds = monotonic() - self._since
            self._since = None
            logged, self._logged = self._logged, False
        if logged:
            _log.warning("the %s is %s again after %.1f s", self._server, self._recovered, seconds)


class _PoolWarnings(logging.Filter):
    """Filter for warnings that the pools repeat several times a second during an outage.

    :class:`Outage` logs failed attempts to connect. One message in ``PAUSE_SECONDS`` reports lost
    connections.
    """

    _LOGGED_BY_OUTAGE = ("error connecting in", "reconnection attempt in pool")
    _LOGGED_PER_CONNECTION = "discarding closed connection"

    def __init__(self) -> None:
        super().__init__()
        self._quiet_until = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log a warning."""
        if record.msg.startswith(self._LOGGED_PER_CONNECTION):
            if any(getattr(each, "given_back", False) for each in record.args or ()):
                return False
            now = monotonic()
            if now < self._quiet_until:
                return False
            self._quiet_until = now + PAUSE_SECONDS
        return not record.msg.startswith(self._LOGGED_BY_OUTAGE)


logging.getLogger("psycopg.pool").addFilter(_PoolWarnings())
