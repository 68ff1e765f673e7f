"""One response on a transport, and the end of a connection that our side closes."""

import asyncio
import errno
from unittest import mock

from support.rows import each

from mockservers.http.sender import CHUNK, SLICE, Closing, Sender
from mockservers.kinds.response import Ending, Response

LENGTH = 5 * SLICE + 7


class Endless:
    """A transport of a client that takes all at once, a request, and its body: it may be a file."""

    is_slow = False

    def __init__(self, sends):
        self.response = Response(b"head", LENGTH, Ending.KEEP, 200, LENGTH)
        self.body = self
        self.sends = sends
        self.sent = 0

    def nothing(self):
        pass

    open = close = nothing

    def read(self, stop):
        return bytes(stop - self.sent)

    def framed(self, piece):
        return piece

    def send(self, to, stop):
        assert stop - self.sent <= SLICE
        self.sent = stop
        return b"", stop

    def count(self, piece):
        self.sent += len(piece)

    def write(self, data):
        assert len(data) <= len(b"head") + CHUNK

    def is_closing(self):
        return False

    def get_write_buffer_size(self):
        return 0

    def get_extra_info(self, name):
        return self

    def fileno(self):
        return 3


def turns(*, sends, after=lambda sender: None):
    """How many bytes were sent at each turn of the loop, and what was reported in the end."""

    async def count():
        both, ends = Endless(sends), []
        sender = Sender(both, both, b"", ends.append, lambda: ends.append("missing"))
        sender.start()
        sent = [both.sent]
        after(sender)
        for _ in range(15):
            await asyncio.sleep(0)
            sent.append(both.sent)
        return list(dict.fromkeys(sent)), ends == [both.response]

    return asyncio.run(count())


@each(("sends", "at_once"), [(False, CHUNK), (True, SLICE)])
def test_others_get_their_turn_however_fast_a_client_is(sends, at_once):
    begin = [0] if sends else []  # the header section of a file goes first
    assert turns(sends=sends) == ([*begin, *range(at_once, LENGTH, at_once), LENGTH], True)


@each("sends", [False, True])
def test_a_response_that_was_given_up_goes_on_at_no_turn(sends):
    assert turns(sends=sends, after=Sender.cancel) == ([0 if sends else CHUNK], False)


def test_a_client_that_has_just_reset_the_connection_is_no_error_of_ours():
    async def close():
        transport = mock.Mock()
        transport.write_eof.side_effect = OSError(errno.ENOTCONN, "not connected")
        closing = Closing(transport)
        closing.end(0, reset=False)
        transport.resume_reading.assert_called_once_with()  # so the loop sees that it has gone
        closing.cancel()

    asyncio.run(close())
