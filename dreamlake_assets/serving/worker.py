"""gunicorn's threaded worker with bounds: the only module that knows how gunicorn serves.

What gunicorn's own leaves open, and this one closes:

- Requests beyond the threads wait in a queue without an end. Here the queue is short, and who finds
  it full is turned away at once with 503, from the main thread, before anything is parsed: that
  costs a fraction of serving, so a worker that is asked for far too much still does all it can.
- ``/livez`` is answered even then, by a thread of its own.
- A thread waits for a client that has connected and says nothing, or says it drop by drop. Here a
  thread gets a connection when its first byte is there, and reads no longer than a deadline.
- The main thread waits for clients to close their end. Here it never waits.
- What gunicorn does not understand it repeats, in its log and to the sender. Here it does not.
- Connections go to the fastest worker, as many as there are, and stay there: of 16, one of two
  often had 12. Here the one that has fewer is the fastest.
- A worker ends where it has no file descriptor left. Here it takes fewer connections, until there
  are enough again.
- A worker that is told to stop before it listens to signals serves on. Here it stops.
- A worker that stops waits for idle kept-alive connections. Here they are closed after a moment, in
  which whoever was about to use one still can; also where the first process has died.
"""

import errno
import os
import selectors
import signal
import socket
import struct
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from secrets import token_hex
from threading import Lock
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import TConn, ThreadWorker

from dreamlake_assets import config, deadlines, limits, trace
from dreamlake_assets.serving import observer
from dreamlake_assets.serving.balance import Balance
from dreamlake_assets.serving.headers import Origins
from dreamlake_assets.serving.refusals import (
    PEEK_BYTES,
    internal_error,
    invalid_request,
    is_whole,
    received_from,
    refusal,
)

if TYPE_CHECKING:
    from collections import deque

#: Requests that may wait for each thread.
QUEUE_LENGTH = 16

#: Held back from the fork until the new worker listens: Python and gunicorn forget those between.
_STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}
os.register_at_fork(
    after_in_parent=partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, _STOP_SIGNALS)
)

_HEALTH = b"GET /livez"
_SECONDS = struct.Struct("ll")


class Worker(ThreadWorker):
    """See the head of this module."""

    def __init__(self, age: int, *arguments: Any):
        """In the first process: the memory is shared with those that it forks."""
        super().__init__(age, *arguments)
        self._balance = Balance(age)

    def is_about_to_start(self) -> None:
        """In the first process, just before the fork."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)

    def has_ended(self) -> None:
        """In the first process: nobody waits for this worker any more."""
        self._balance.leave()

    def init_process(self) -> None:
        """Make what the main loop works with, and run it."""
        self._serving: dict[TConn, float] = {}
        self._most = self.cfg.threads * (1 + QUEUE_LENGTH)
        self._health = ThreadPoolExecutor(1)
        self._next_look = 0.0
        # How many, by the reason.
        self._turned_away = Counter[str]()
        self._counting = Lock()
        origins = config.read("cors_origins")
        self._origins = Origins(origins) if origins else None
        self._stopping_since = 0.0
        self._count(0)
        super().init_process()

    def init_signals(self) -> None:
        """Listen to signals, beginning with those that came since the fork."""
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)

    # From a connection to a thread.

    def accept(self, listener: socket.socket) -> None:
        """Take a connection. It waits for its first byte without a thread.

        Every worker hears of it, and the fastest has it: who has more than another hesitates. Not
        with half of its threads busy: then it is not the fastest, and has to wait for them to get
        going again.
        """
        if 2 * len(self._serving) < self.cfg.threads:
            hesitation = self._balance.hesitation(self.nr_conns)
            if hesitation:
                sleep(hesitation)
        self._accept_one(listener)

    def _accept_one(self, listener: socket.socket) -> bool:
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._take_fewer()
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED):
                raise
            return False
        # The timeouts of Python's sockets are undone by gunicorn; the kernel's are not.
        client.setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDTIMEO, _SECONDS.pack(int(deadlines.SEND), 0)
        )
        self._count(self.nr_conns + 1)
        conn = TConn(self.cfg, client, address, listener.getsockname())
        conn.data_ready = True
        self._keep(conn)
        return True

    def _count(self, connections: int) -> None:
        self.nr_conns = connections
        self._balance.count(connections)

    def _take_fewer(self) -> None:
        """Take no further connection until there are fewer: there is no file descriptor left.

        Those in hand are served on. Threads get a few descriptors back, for BSS and the database.
        """
        self.worker_connections = max(0, self.nr_conns - 2 * self.cfg.threads)
        self.log.warning(
            "no file descriptor is left: no more than %d connections from now on",
            self.worker_connections,
        )

    def _take_more(self) -> None:
        """Take as many more connections as leave two file descriptors to each thread.

        Only a few more at a time: to see that a descriptor is free is to take it for a moment.
        """
        spare: list[int] = []
        with suppress(OSError):
            while len(spare) < 4 * self.cfg.threads:
                spare.append(os.dup(self.sockets[0].fileno()))
        for each in spare:
            os.close(each)
        most = max(1, self.nr_conns + len(spare) - 2 * self.cfg.threads)
        self.worker_connections = min(most, self.cfg.worker_connections)

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """Give a request to a thread, or turn it away, in which case nothing else changes."""
        if len(self._serving) < self._most:
            super().on_client_socket_readable(conn, client)
            return
        self.keepalived_conns.remove(conn)
        received = received_from(client)
        if received.startswith(_HEALTH):
            self.poller.unregister(client)
            conn.init()
            parser: Any = conn.parser
            parser.unreader.unread(received)
            self._submit(self._health, conn)
        # Where nothing is to be read, the client has gone, and is turned away no second time.
        elif received and self._refuse(client, received, "the queue was full"):
            conn.set_timeout()
            self.keepalived_conns.append(conn)
        else:
            self.poller.unregister(client)
            self._close(conn)

    def enqueue_req(self, conn: TConn) -> None:
        """Give a connection with a request to a thread."""
        busy = len(self._serving) >= self.cfg.threads
        self._submit(self._health if busy and self._is_health(conn) else self.tpool, conn)

    def handle(self, conn: TConn) -> Any:
        """Serve a request, in a thread, if it has not waited for too long."""
        begun = monotonic()
        if begun - self._serving[conn] > deadlines.QUEUE:
            return self._refuse(conn.sock, received_from(conn.sock), "they had waited too long")
        self._serving[conn] = begun
        return super().handle(conn)

    def handle_request(self, req: Any, conn: TConn) -> Any:
        """Serve a request; one whose body is too large to be read is the last on its connection."""
        if getattr(req.body.reader, "length", 0) > limits.BODY:
            req.force_close()
        return super().handle_request(req, conn)

    def finish_request(self, conn: TConn, fs: "Future[Any]") -> None:
        """Keep a connection for its next request, or close it. In the main thread."""
        del self._serving[conn]
        kept = not fs.cancelled() and fs.exception() is None and fs.result()
        # Kept also where the worker stops: the client was told so, and may be sending already.
        if kept:
            self._keep(conn)
        else:
            self._close(conn)

    def _submit(self, threads: ThreadPoolExecutor, conn: TConn) -> None:
        self._serving[conn] = monotonic()
        future = threads.submit(self.handle, conn)
        future.add_done_callback(partial(self._finished, conn))

    def _finished(self, conn: TConn, future: "Future[Any]") -> None:
        self.method_queue.defer(self.finish_request, conn, future)

    def _keep(self, conn: TConn) -> None:
        conn.sock.setblocking(False)
        conn.set_timeout()
        self.keepalived_conns.append(conn)
        self._when_readable(conn, partial(self.on_client_socket_readable, conn))

    def _when_readable(self, conn: TConn, then: Callable[[socket.socket], None]) -> None:
        self.poller.register(conn.sock, selectors.EVENT_READ, then)

    # Turning away.

    def _is_health(self, conn: TConn) -> bool:
        with suppress(OSError):
            return conn.sock.recv(len(_HEALTH), socket.MSG_PEEK) == _HEALTH
        return False

    def _refuse(self, client: socket.socket, received: bytes, why: str) -> bool:
        """Answer with 503 without reading more of a request than is there.

        :returns: whether all of the request was there, so that the next one can be told from it.
        """
        with self._counting:
            self._turned_away[why] += 1
        for listener in observer.turned_away_listeners:
            listener()
        whole = is_whole(received)
        with suppress(OSError):
            client.send(refusal(received, keep=whole, origins=self._origins))
            return whole
        return False

    def handle_error(
        self,
        req: Any,  # noqa: ARG002
        client: socket.socket,
        addr: Any,  # noqa: ARG002
        exc: BaseException,
    ) -> None:
        """Refuse what is no request, or say that serving it failed.

        gunicorn would log and send back what it does not understand, which may hold a token.
        """
        request_id = trace.current().request_id or token_hex(16)
        named = {"request_id": request_id}
        if isinstance(exc, ParseException):
            self.log.warning("refused what is no request: %s", type(exc).__name__, extra=named)
            response = invalid_request(exc, request_id)
        else:
            self.log.error("a request failed", exc_info=exc, extra=named)
            trace.end()
            response = internal_error(request_id)
        with suppress(OSError):
            client.send(response)

    def _close(self, conn: TConn) -> None:
        """Close a connection without cutting off its last answer, and without waiting.

        Closed with something unread, TCP would take back what the client has not received yet.
        """
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._forget(conn)
        else:
            conn.sock.setblocking(False)
            conn.timeout = monotonic() + deadlines.CLOSE
            self.pending_conns.append(conn)
            self._when_readable(conn, partial(self._drain, conn))

    def _drain(self, conn: TConn, client: socket.socket) -> None:
        try:
            over = not client.recv(PEEK_BYTES)
        except OSError:
            over = True
        if over:
            self.poller.unregister(client)
            self.pending_conns.remove(conn)
            self._forget(conn)

    def _forget(self, conn: TConn) -> None:
        self._count(self.nr_conns - 1)
        conn.close()

    # What runs out, and the end.

    def run(self) -> None:
        """Serve until told to stop."""
        super().run()
        self._health.shutdown(wait=False)
        self._tell_turned_away()

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Begin to stop. gunicorn says it every second where there are too many workers."""
        if self.alive:
            self._stopping_since = monotonic()
        super().handle_exit(sig, frame)

    def is_parent_alive(self) -> bool:
        """Whether the first process is there; without it, stop as if it had said so."""
        there = super().is_parent_alive()
        if not there:
            self.handle_exit(signal.SIGTERM, None)
        return there

    def murder_pending(self) -> None:
        """Close what is not closed from the other end, and look at what threads are busy with."""
        super().murder_pending()
        self._count(self.nr_conns)
        now = monotonic()
        if not self.alive:
            self._drop(self.pending_conns, now - deadlines.LAST_REQUEST + deadlines.CLOSE)
        if now < self._next_look:
            return
        self._next_look = now + 1.0
        for conn, since in list(self._serving.items()):
            if now - since > deadlines.RECEIVE_ALL:
                # Whoever still reads finds the end; whoever has read it all is not disturbed.
                with suppress(OSError):
                    conn.sock.shutdown(socket.SHUT_RD)
        if self.alive and self.worker_connections < self.cfg.worker_connections:
            self._take_more()
        self._tell_turned_away()

    def _tell_turned_away(self) -> None:
        """Log how many: a line for each would be too much just then."""
        with self._counting:
            told, self._turned_away = self._turned_away, Counter()
        for why, count in told.items():
            named = {"turned_away": count}
            self.log.warning("turned away %d requests: %s", count, why, extra=named)

    def murder_keepalived(self) -> None:
        """Close kept-alive connections that have not been used for too long."""
        super().murder_keepalived()
        now = monotonic()
        if not self.alive and now - self._stopping_since > deadlines.LAST_REQUEST:
            self._drop(self.keepalived_conns, now - deadlines.LAST_REQUEST + self.cfg.keepalive)

    def set_accept_enabled(self, enabled: bool | None) -> None:
        """Begin or cease to take connections; for good where the worker stops."""
        super().set_accept_enabled(enabled)
        if not self.alive and not enabled:
            # Who has connected is served once. Another worker may still listen; where none does,
            # who connects from now on is refused at once.
            for listener in self.sockets:
                while self._accept_one(listener):
                    pass
                listener.close()

    def wait_for_and_dispatch_events(self, timeout: float | None) -> None:
        """Wait for something to do; not for long where the worker stops."""
        super().wait_for_and_dispatch_events(timeout if self.alive else 0.1)

    def _drop(self, connections: "deque[TConn]", timeout: float) -> None:
        """Close those whose own timeout is before another one."""
        for conn in [each for each in connections if each.timeout and each.timeout < timeout]:
            connections.remove(conn)
            self.poller.unregister(conn.sock)
            self._forget(conn)
