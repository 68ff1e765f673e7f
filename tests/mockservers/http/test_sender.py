"""The end of a connection that our side closes."""

import asyncio
import errno
from unittest import mock

from mockservers.http.sender import Closing


def test_a_client_that_has_just_reset_the_connection_is_no_error_of_ours():
    async def close():
        transport = mock.Mock()
        transport.write_eof.side_effect = OSError(errno.ENOTCONN, "not connected")
        closing = Closing(transport)
        closing.linger()
        transport.resume_reading.assert_called_once_with()  # so the loop sees that it has gone
        closing.cancel()

    asyncio.run(close())
