"""How an error is told: on one line, in words, whatever a library put into its exception."""

import errno
import socket
from types import SimpleNamespace

import pytest

from reference.flags2_common import error_text, refuse_coding


class MessageError(Exception):
    """As those of aiohttp: it has a message besides its arguments."""

    def __init__(self, message):
        super().__init__("what str() shows")
        self.message = message


REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "no words of the system")
UNKNOWN = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
TOLD = [
    (ValueError("no such thing"), "no such thing"),
    (ValueError("X marks it"), "X marks it"),
    (ValueError("a colon: and more, for X"), "a colon: and more, for X"),
    # Only the first line, without what stands around it.
    (ValueError("\n one two \nthree four"), "one two"),
    (ValueError("one\ttwo\x07three"), "one two three"),
    (ValueError(": colon first, and last: "), "colon first, and last"),
    # Objects and bytes behind the words are left away.
    (ValueError("not closed: <socket object at 0x7f>: <again>"), "not closed"),
    # What says nothing by itself comes with the name of its class.
    (ValueError(), "ValueError"),
    (ValueError(" "), "ValueError"),
    (ValueError("word"), "ValueError: word"),
    (ValueError("<object object>"), "ValueError: <object object>"),
    (ValueError("0 bytes"), "ValueError: 0 bytes"),
    (ValueError("9 bytes"), "ValueError: 9 bytes"),
    (ValueError("a 7 is no number by itself"), "a 7 is no number by itself"),
    (ValueError("the last is 7"), "the last is 7"),
    (ValueError("(7 is behind a bracket)"), "(7 is behind a bracket)"),
    # Wrapped ones.
    (RuntimeError(ValueError("inner words"), "outer"), "inner words"),
    (RuntimeError(RuntimeError(ValueError("inmost words"))), "inmost words"),
    (RuntimeError("outer words", ValueError("inner words")), "outer words"),
    (RuntimeError(SimpleNamespace(), UNKNOWN), "Name or service not known"),
    (RuntimeError(SimpleNamespace(), REFUSED), "Connection refused"),
    (PermissionError(13, "Permission denied", "br.gif"), "[Errno 13] Permission denied: 'br.gif'"),
    # A message goes before str(); one that is no text is not shown.
    (MessageError("their words"), "their words"),
    (MessageError(""), "MessageError"),
    (MessageError(b"bytes and more"), "MessageError"),
    # ASCII, and not too long.
    (ValueError("fläge gone"), r"fl\xe4ge gone"),
    (ValueError("x " * 99 + "yz"), "x " * 99 + "yz"),
    (ValueError("x " * 99 + "yz."), "x " * 99 + "yz"),
]


@pytest.mark.parametrize(("exc", "text"), TOLD)
def test_an_error_is_told_as(exc, text):
    assert error_text(exc) == text


@pytest.mark.parametrize(
    "codings", ["", "identity", "Identity", " identity ", "identity,identity", "identity, , "]
)
def test_a_body_that_is_not_coded_is_taken(codings):
    refuse_coding(codings)


@pytest.mark.parametrize(
    ("codings", "named"),
    [
        ("gzip", "gzip"),
        (" GZip ", "GZip"),
        ("identity, br", "br"),
        ("zstd,identity", "zstd"),
        ("x", "x"),
    ],
)
def test_a_coding_that_nobody_asked_for_is_refused_by_its_name(codings, named):
    with pytest.raises(ValueError, match=f"^Content-Encoding {named} was not asked for$"):
        refuse_coding(codings)
