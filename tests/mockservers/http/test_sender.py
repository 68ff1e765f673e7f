"""One response on a transport, and the end of a connection that our side closes."""

import asyncio
import errno
from unittest import mock

from mockservers.http.sender import TURN, Closing, Sender
from mockservers.kinds.response import Ending, Response

LENGTH = 5 * TURN + 7


class Endless:
    """A transport of a client that takes all at once, and a request for many bytes."""

    def __init__(self):
        self.response = Response(b"head", LENGTH, Ending.KEEP, 200, LENGTH)
        self.body = self
        self.sent = 0
        self.closing = False

    def read(self, stop):
        return bytes(stop - self.sent)

    def count(self, piece):
        self.sent += len(piece)

    def write(self, data):
        assert len(data) <= TURN

    def is_closing(self):
        return self.closing

    def get_write_buffer_size(self):
        return 0


def turns(after=lambda sender: None):
    """How many bytes were sent at each turn of the loop, and what was reported in the end."""

    async def count():
        both, ends = Endless(), []
        sender = Sender(both, both, ends.append, lambda: ends.append("missing"))
        sender.start()
        sent = [both.sent]
        after(sender)
        for _ in range(9):
            await asyncio.sleep(0)
            sent.append(both.sent)
        return sent, ends == [both.response]

    return asyncio.run(count())


def test_others_get_their_turn_after_512_kib_however_fast_a_client_is():
    assert turns() == ([TURN * n for n in range(1, 6)] + [LENGTH] * 5, True)


def test_a_response_that_was_given_up_goes_on_at_no_turn():
    assert turns(after=Sender.cancel) == ([TURN] * 10, False)


def test_a_client_that_has_just_reset_the_connection_is_no_error_of_ours():
    async def close():
        transport = mock.Mock()
        transport.write_eof.side_effect = OSError(errno.ENOTCONN, "not connected")
        closing = Closing(transport)
        closing.linger()
        transport.resume_reading.assert_called_once_with()  # so the loop sees that it has gone
        closing.cancel()

    asyncio.run(close())
