"""One response on a transport: its bytes at the planned rate, and the end of the connection."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from time import monotonic

from mockservers.http.listeners import unsent
from mockservers.kinds.response import Response
from mockservers.run_state import Request

CHUNK, SLICE = 262_144, 524_288
"""Body bytes handed over before others get their turn: from memory, and from a file."""
LINGER_S = 2.0
"""Seconds for the client to close its side after an orderly close."""
RESET_S = 75.0
"""Seconds for a client to take what is sent before a reset."""
LOOK_S = 0.002
"""Seconds between two looks at whether a client has received all."""


class Sender:
    """Sends the response of one request, which has begun.

    `taken` is called when the operating system has taken the last byte, `missing` when bytes of the
    body are missing. The owner calls `go_on` when the transport has taken all it was given.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        request: Request,
        written: bytes,
        taken: Callable[[Response], None],
        missing: Callable[[], None],
    ) -> None:
        assert request.response
        assert request.body
        self._transport, self._request = transport, request
        self._response, self._body = request.response, request.body
        self._taken, self._missing = taken, missing
        # What the transport has of the body, and was not counted yet.
        self._handed = written[len(self._response.head) :][: self._response.body_stop]
        self._since = monotonic()
        self._timer: asyncio.Handle | None = None
        self._socket: int = transport.get_extra_info("socket").fileno()

    def start(self) -> None:
        """Send as much as is taken at once."""
        self._body.open()
        self._send_head()

    def _send_head(self, sent: int = 0) -> None:
        """Hand over what is due of the header section, and the body with the last of it."""
        head, rate = self._response.head, self._response.head_bytes_per_s
        due = int((monotonic() - self._since) * rate) if rate else len(head)
        self._request.partial = due < len(head)
        if not rate or not self._request.partial:
            self._send(head[sent:])
            return
        self._transport.write(head[sent:due])
        wait_s = max((due + 1) / rate + self._since - monotonic(), LOOK_S)
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._send_head, due)

    def go_on(self) -> None:
        """Count what was taken, and send what is left."""
        if not self._transport.is_closing() and not self._request.partial and not self._count():
            self._send()

    def cancel(self) -> None:
        """Send no more."""
        self._body.close()
        if self._timer:
            self._timer.cancel()

    def _send(self, head: bytes = b"") -> None:
        """Hand over the next bytes."""
        body = self._body
        if self._transport.is_closing():
            return
        due = self._response.due(body.sent, monotonic() - self._since)
        stop = min(due, body.sent + CHUNK)
        if body.sends and not self._response.bytes_per_s:
            piece, stop = b"", body.sent
            try:
                if not head:
                    piece, stop = body.send(self._socket, min(due, body.sent + SLICE))
            except OSError:  # the client has gone
                self._transport.abort()
            self._hand_over(head, piece, stop)
        elif body.is_slow:
            reading = asyncio.get_running_loop().run_in_executor(None, body.read, stop)
            reading.add_done_callback(lambda done: self._hand_over(head, done.result(), stop))
        else:
            self._hand_over(head, body.read(stop), stop)

    def _hand_over(self, head: bytes, piece: bytes, stop: int) -> None:
        transport, response = self._transport, self._response
        if transport.is_closing():
            return
        self._handed = piece
        if len(piece) < stop - self._body.sent:  # the file has shrunk, or gone
            if head:  # nothing of the response is sent
                self._request.response = self._request.first_byte_s = None
            self._missing()
            return
        if data := head + self._body.framed(piece):
            transport.write(data)
        if transport.is_closing() or transport.get_write_buffer_size() or self._count():
            return
        wait_s = 0.0
        if response.bytes_per_s:
            wait_s = self._since + response.next_piece_s(self._body.sent) - monotonic()
        self._timer = asyncio.get_running_loop().call_later(max(0.0, wait_s), self._send)

    def _count(self) -> bool:
        self._body.count(self._handed)
        self._handed = b""
        if self._body.sent < self._response.body_stop:
            return False
        self._body.close()
        if self._response.silent_s and not self._request.client_closed:
            self._request.silent = True
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._response.silent_s, self._taken, self._response)
        else:
            self._taken(self._response)
        return True


class Closing:
    """The end of a connection after its last byte: wait for the client to close, or reset it."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._timer: asyncio.TimerHandle | None = None
        self.resets = False  # a reset is due, whatever the client does

    def end(self, after_s: float, *, reset: bool) -> None:
        """Close, or reset, so many seconds from now."""
        self.resets = reset
        end = self._reset if reset else self._linger
        if after_s:
            self._timer = asyncio.get_running_loop().call_later(after_s, end)
        else:
            end()

    def _linger(self) -> None:
        """Close our side; wait for the client to close its own.

        To close at once, with something unread, would make the operating system send a reset,
        and the client might lose the end of the response (RFC 9112, section 9.6).
        """
        with contextlib.suppress(OSError):  # the client has just reset the connection
            self._transport.write_eof()
        self._timer = asyncio.get_running_loop().call_later(LINGER_S, self._transport.abort)
        self._transport.resume_reading()

    def _reset(self, until: float | None = None) -> None:
        """Reset once the client has all that was planned: a reset discards the rest."""
        sock, until = self._transport.get_extra_info("socket"), until or monotonic() + RESET_S
        if not self._transport.is_closing() and unsent(sock.fileno()) and monotonic() < until:
            self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._reset, until)
            return
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def cancel(self) -> None:
        """The connection is lost."""
        if self._timer:
            self._timer.cancel()
