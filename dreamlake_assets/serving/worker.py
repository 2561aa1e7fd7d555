"""gunicorn's threaded worker (gthread), with a bound on every wait.

Each item names what gunicorn's worker does, what this worker does instead, and the methods that
make the difference.

Load:

- Queue. gunicorn queues any number of requests for its threads. Here ``QUEUE_LENGTH`` requests may
  wait for each thread; the main thread refuses the next one with 503 before it parses it. That
  costs a fraction of serving it, so an overloaded worker keeps its throughput. A thread refuses a
  request that has waited longer than ``deadlines.QUEUE``. (``on_client_socket_readable``,
  ``handle``)
- Waiting for BSS. In gunicorn a request keeps its thread from the others until it ends. Here it
  gives up its turn while it waits for BSS (:mod:`dreamlake_assets.turns`). (``get_thread_pool``,
  ``enqueue_req``)
- Health checks. In gunicorn ``/livez`` waits in the same queue. Here a separate thread serves it
  while the others are busy, if the request has arrived completely: a slow client does not keep
  the thread from others. (``on_client_socket_readable``, ``enqueue_req``)
- Keep-alive. In gunicorn a thread wakes the main thread to wait for the next request of a
  connection. Here the thread itself adds the connection to the poller. (``_serve``)
- Balance. In gunicorn the first worker to wake up gets a new connection and keeps it: one of two
  workers often had 12 of 16 connections. Here a worker with more connections than another waits
  briefly before it accepts. (``accept``)
- File descriptors. gunicorn's worker exits when it has no file descriptor left. Here the worker
  lowers its limit of connections, and raises it when descriptors are free again. (``accept``,
  ``murder_pending``)

Clients:

- Receiving. In gunicorn a thread waits 5 seconds for the first byte of a new connection, and
  without limit for the rest of a request. Here a connection gets a thread when its first byte has
  arrived, and it is received within ``deadlines.RECEIVE_ALL``. (``accept``, ``murder_pending``)
- Sending. gunicorn waits without limit for a client to read its response. Here each write
  ends after ``deadlines.SEND``. (``accept``)
- Unread bodies. gunicorn reads the rest of a body for up to 5 seconds before it reuses the
  connection. Here a body above ``limits.body()`` ends its connection. (:mod:`.exchange`)
- Closing. gunicorn's main thread waits up to 2 seconds for a client to close its end. Here the
  poller waits, for up to ``deadlines.CLOSE``. (``_close``)
- Invalid requests. gunicorn repeats them in its log and in its response. They may hold a token, so
  here neither repeats them. (``handle_error``)

Start and stop:

- Early signals. gunicorn loses a stop signal that arrives between the fork and the installation of
  its handlers. Here the signal stays pending until then. (``before_fork``, ``init_signals``)
- New connections. While gunicorn's worker stops, new connections stay unanswered in the listen
  queue. Here the worker serves one request of each of them, and then closes the listener.
  (``set_accept_enabled``)
- Idle connections. gunicorn's worker waits up to ``graceful_timeout`` for kept-alive connections
  to close. Here it closes them once they are idle for ``deadlines.LAST_REQUEST``; until then it
  serves a request that is already on its way. (``handle_exit``, ``_wait_for_request``,
  ``murder_keepalived``, ``murder_pending``, ``wait_for_and_dispatch_events``)
- Orphans. gunicorn's worker keeps waiting for idle connections after the master process has died.
  Here it stops as on SIGTERM. (``is_parent_alive``)
"""

import errno
import os
import selectors
import signal
import socket
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from gunicorn.workers.gthread import TConn

from dreamlake_assets import config, deadlines, limits
from dreamlake_assets.serving.balance import Balance
from dreamlake_assets.serving.descriptors import connection_limit, reserve
from dreamlake_assets.serving.exchange import Exchange
from dreamlake_assets.serving.headers import Origins
from dreamlake_assets.serving.refusals import (
    LIVEZ,
    PEEK_BYTES,
    TurnedAway,
    error_response,
    is_health_check,
    is_whole,
    peeked,
    received_from,
    refusal,
)
from dreamlake_assets.turns import Threads

if TYPE_CHECKING:
    from collections import deque

#: Requests that may wait for each thread.
QUEUE_LENGTH = 16

#: Blocked from the fork until the new worker has installed its handlers. Otherwise a signal in
#: between is lost: Python clears pending signals after a fork, and the handlers that the worker
#: inherits are those of the master process.
_STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}
os.register_at_fork(
    after_in_parent=partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, _STOP_SIGNALS)
)

#: The C type ``struct timeval``, which SO_SNDTIMEO takes.
_TIMEVAL = struct.Struct("ll")


class Worker(Exchange):
    """gunicorn's threaded worker with bounds; the docstring of the module lists them."""

    def __init__(self, age: int, *arguments: Any):
        """Reserve a place in the memory shared by all workers. Runs in the master process."""
        super().__init__(age, *arguments)
        self._balance = Balance(age)

    def before_fork(self) -> None:
        """Block the stop signals. Runs in the master process, just before the fork."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)

    def after_exit(self) -> None:
        """Remove the worker from the balance. Runs in the master process."""
        self._balance.leave()

    def init_process(self) -> None:
        """Initialize the state of the worker and run its main loop."""
        #: Each connection with a queued or running request, and when that was queued or started.
        self._active: dict[TConn, float] = {}
        self._max_active = self.cfg.threads * (1 + QUEUE_LENGTH)
        self._health_thread = ThreadPoolExecutor(1)
        self._next_check = 0.0
        self._turned_away = TurnedAway()
        origins = config.read("cors_origins")
        self._origins = Origins(origins) if origins else None
        self._stopping_since = 0.0
        self._set_connections(0)
        super().init_process()

    def get_thread_pool(self) -> Any:
        """Create the threads: some serve requests, and the others wait for BSS."""
        self._threads = Threads(self.cfg.threads, limits.DOWNLOADS * self.cfg.threads)
        return self._threads

    def init_signals(self) -> None:
        """Install the signal handlers, and deliver the stop signals that arrived since the fork."""
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)

    # From a connection to a thread.

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection, after the delay that balances the workers.

        The kernel wakes every worker, and the first to accept gets the connection. A worker with
        half of its threads busy is rarely the first, and after a delay it would also wait for the
        GIL that they hold, so it accepts at once.
        """
        if 2 * len(self._active) < self.cfg.threads:
            delay = self._balance.delay(self.nr_conns)
            if delay:
                sleep(delay)
        self._accept_one(listener)

    def _accept_one(self, listener: socket.socket) -> bool:
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._lower_connection_limit()
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED):
                raise
            return False
        # gunicorn resets the timeout of the Python socket, but not the one of the kernel.
        client.setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TIMEVAL.pack(int(deadlines.SEND), 0)
        )
        self._set_connections(self.nr_conns + 1)
        conn = TConn(self.cfg, client, address, listener.getsockname())
        # The poller waits for the first byte, so no thread has to.
        conn.data_ready = True
        self._wait_for_request(conn)
        return True

    def _set_connections(self, count: int) -> None:
        self.nr_conns = count
        self._balance.count(count)

    def _lower_connection_limit(self) -> None:
        """Stop accepting until some connections have closed: no file descriptor is left."""
        self.worker_connections = max(0, self.nr_conns - reserve(self.cfg.threads))
        self.log.warning(
            "no file descriptor is left; the worker now accepts at most %d connections",
            self.worker_connections,
        )

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """Queue the request of a connection for a thread, or refuse it if the queue is full."""
        if len(self._active) < self._max_active:
            super().on_client_socket_readable(conn, client)
            return
        self.keepalived_conns.remove(conn)
        received = received_from(client)
        if is_health_check(received):
            self.poller.unregister(client)
            conn.init()
            parser: Any = conn.parser
            parser.unreader.unread(received)
            self._start(self._health_thread.submit, conn)
        # An empty read means that the client has closed: there is no request to refuse.
        elif received and self._refuse(client, received, "the queue was full"):
            conn.set_timeout()
            self.keepalived_conns.append(conn)
        else:
            self.poller.unregister(client)
            self._close(conn)

    def enqueue_req(self, conn: TConn) -> None:
        """Queue the request of a connection for a thread."""
        is_check = len(self._active) >= self.cfg.threads and (
            peeked(conn.sock, len(LIVEZ)) == LIVEZ
            and is_health_check(peeked(conn.sock, PEEK_BYTES))
        )
        self._start(self._health_thread.submit if is_check else self._threads.run, conn)

    def handle(self, conn: TConn) -> Any:
        """Serve a request, or refuse it if it waited too long. Runs in a thread."""
        started = monotonic()
        if started - self._active[conn] > deadlines.QUEUE:
            return self._refuse(conn.sock, received_from(conn.sock), "they had waited too long")
        self._active[conn] = started
        return super().handle(conn)

    def _start(self, run: Callable[..., object], conn: TConn) -> None:
        self._active[conn] = monotonic()
        run(self._serve, conn)

    def _serve(self, conn: TConn) -> None:
        keep = False
        try:
            keep = bool(self.handle(conn))
        finally:
            del self._active[conn]
            if keep:
                self._wait_for_request(conn)
            else:
                self.method_queue.defer(self._close, conn)

    def _wait_for_request(self, conn: TConn) -> None:
        """Let the poller wait for the next request of a connection. Runs in any thread.

        A stopping worker keeps the connection, too: the response promised keep-alive, and the next
        request may be on its way.
        """
        conn.set_timeout()
        self.keepalived_conns.append(conn)
        callback = partial(self.on_client_socket_readable, conn)
        # From here on, the main thread may close the connection or pass it to another thread. The
        # poller is closed if the worker has given up waiting for this request.
        with suppress(ValueError):
            self.poller.register(conn.sock, selectors.EVENT_READ, callback)

    # Refused and invalid requests.

    def _refuse(self, client: socket.socket, received: bytes, reason: str) -> bool:
        """Respond with 503 to a request, without waiting for the rest of it.

        :param received: the bytes of the request that have arrived.
        :returns: whether the connection can be kept: the request has arrived completely, so the
            next one begins where it ends.
        """
        self._turned_away.count(reason)
        whole = is_whole(received)
        with suppress(OSError):
            response = refusal(received, keep=whole, origins=self._origins)
            return client.send(response, socket.MSG_DONTWAIT) == len(response) and whole
        return False

    def handle_error(
        self,
        req: Any,
        client: socket.socket,
        addr: Any,  # noqa: ARG002
        exc: BaseException,
    ) -> None:
        """Log an invalid or failed request, and respond to it. Runs in a thread."""
        response = error_response(req, exc, self.log.error_log)
        with suppress(OSError):
            client.send(response)

    # The end of a connection.

    def _close(self, conn: TConn) -> None:
        """Close the sending side, and let the poller wait until the client closes the other.

        To close a socket with unread data resets the connection, and the client may lose the end of
        its last response (RFC 9112, section 9.6). Connections in this state are in
        ``pending_conns``, which gunicorn uses only for connections without ``data_ready``.
        """
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close_now(conn)
        else:
            conn.sock.setblocking(False)
            conn.timeout = monotonic() + deadlines.CLOSE
            self.pending_conns.append(conn)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._drain, conn))

    def _drain(self, conn: TConn, client: socket.socket) -> None:
        try:
            closed = not client.recv(PEEK_BYTES)
        except OSError:
            closed = True
        if closed:
            self.poller.unregister(client)
            self.pending_conns.remove(conn)
            self._close_now(conn)

    def _close_now(self, conn: TConn) -> None:
        self._set_connections(self.nr_conns - 1)
        conn.close()

    # Expired deadlines, and the end of the worker.

    def run(self) -> None:
        """Serve until a signal stops the worker."""
        super().run()
        # A list that is being streamed goes on until gunicorn ends the process.
        self._threads.shutdown(wait=True)
        self._health_thread.shutdown(wait=False)
        self._turned_away.log(self.log.error_log)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Start the graceful shutdown. gunicorn sends a surplus worker the signal every second."""
        if self.alive:
            self._stopping_since = monotonic()
        super().handle_exit(sig, frame)

    def is_parent_alive(self) -> bool:
        """Return whether the master process is alive; if it is not, stop as on SIGTERM."""
        alive = super().is_parent_alive()
        if not alive:
            self.handle_exit(signal.SIGTERM, None)
        return alive

    def murder_pending(self) -> None:
        """Close connections whose clients keep their end open. Once a second, run all other checks.

        The main loop calls this method after each wait for events.
        """
        super().murder_pending()
        self._set_connections(self.nr_conns)
        now = monotonic()
        if not self.alive:
            self._close_older(self.pending_conns, deadlines.CLOSE)
        if now < self._next_check:
            return
        self._next_check = now + 1.0
        for conn, since in list(self._active.items()):
            if now - since > deadlines.RECEIVE_ALL:
                # A thread that still reads the request gets its end. A thread that has read all of
                # it is not affected.
                with suppress(OSError):
                    conn.sock.shutdown(socket.SHUT_RD)
        if self.alive and self.worker_connections < self.cfg.worker_connections:
            limit = connection_limit(self.nr_conns, self.cfg.threads, self.sockets[0].fileno())
            self.worker_connections = min(limit, self.cfg.worker_connections)
        self._turned_away.log(self.log.error_log)

    def murder_keepalived(self) -> None:
        """Close connections that are idle for longer than ``keepalive``, or than a stop allows."""
        super().murder_keepalived()
        if not self.alive and monotonic() - self._stopping_since > deadlines.LAST_REQUEST:
            self._close_older(self.keepalived_conns, self.cfg.keepalive)

    def set_accept_enabled(self, enabled: bool | None) -> None:
        """Start or stop accepting connections. A worker that stops closes its listeners."""
        super().set_accept_enabled(enabled)
        if not self.alive and not enabled:
            # Clients in the listen queue are served once. Later clients reach another worker or,
            # without one, are refused by the kernel at once.
            for listener in self.sockets:
                while self._accept_one(listener):
                    pass
                listener.close()

    def wait_for_and_dispatch_events(self, timeout: float | None) -> None:
        """Wait for events; for 0.1 seconds while the worker stops, to find expired connections."""
        super().wait_for_and_dispatch_events(timeout if self.alive else 0.1)

    def _close_older(self, connections: "deque[TConn]", timeout: float) -> None:
        """Close connections that have been idle for longer than ``deadlines.LAST_REQUEST``.

        :param timeout: seconds from the last use of a connection to ``conn.timeout``.
        """
        expired = monotonic() - deadlines.LAST_REQUEST + timeout
        # list() copies in one step: a thread may add a connection meanwhile.
        for conn in [each for each in list(connections) if each.timeout and each.timeout < expired]:
            connections.remove(conn)
            self.poller.unregister(conn.sock)
            self._close_now(conn)
