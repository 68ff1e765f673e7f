"""The server on the wire, row by row against RFC 9112 (HTTP/1.1) and RFC 9110 (HTTP semantics)."""

from urllib.parse import urlsplit

import pytest
from support.rfc9112 import BR, NOT_ALLOWED, SERVED, ZZ, case, chunked, get, post
from support.rows import each
from support.strict_client import Client

from mockservers.content.flag_images import flag
from mockservers.http.request_parser import MAX_BODY, MAX_HEAD, MAX_TARGET

HOST = [
    case("no Host", "3.2", get(host=b"X: y"), 400),
    case("no Host in HTTP/1.0", "3.2", get(version=b"HTTP/1.0", host=b"X: y"), 200),
    case("no Host in absolute-form", "3.2", get(target=b"http://x/", host=b"X: y"), 400),
    case("two Hosts", "3.2", get(b"Host: y"), 400),
    case("the same Host twice", "3.2", get(b"host: x"), 400),
    case("two Hosts in HTTP/1.0", "3.2", get(b"Host: y", version=b"HTTP/1.0"), 400),
    case("an empty Host", "3.2", get(host=b"Host:"), 200),
    case("a Host with a port", "3.2", get(host=b"hOST:\t127.0.0.1:8001 "), 200),
    case("a Host in brackets", "3.2", get(host=b"Host: [::1]:8001"), 200),
    case("a Host with a space", "3.2", get(host=b"Host: a b"), 400),
    case("a Host with a path", "3.2", get(host=b"Host: a/b"), 400),
    case("a Host with a user", "3.2", get(host=b"Host: a@b"), 400),
    case("a Host with an odd port", "3.2", get(host=b"Host: a:8o"), 400),
    case("a Host with half a bracket", "3.2", get(host=b"Host: [::1"), 400),
    case("a Host that is not ASCII", "3.2", get(host=b"Host: a\xff"), 400),
    case("a Host with a half escape", "3.2", get(host=b"Host: a%4"), 400),
]

LINE = [
    case("an empty line before", "2.2", b"\r\n" + SERVED, 200, stays=True),
    case("empty lines between", "2.2", SERVED + b"\r\n\r\n" + SERVED, 200, 200, stays=True),
    case("line ends without CR", "2.2", SERVED.replace(b"\r", b""), (200, 400)),
    case("one line end without CR", "2.2", get(b"X: y\nZ: z"), (200, 400)),
    case("line ends without LF", "2.2", SERVED.replace(b"\n", b"") + b"\r\n", 400),
    case("a bare CR in the request line", "2.2", get(target=b"/\ra"), 400),
    case("a bare CR before the line end", "2.2", get(version=b"HTTP/1.1\r"), 400),
    case("a space before the first field", "2.2", get(host=b" Host: x"), (200, 400)),
    case("a fold before the first field", "2.2", get(host=b" X: y\r\nHost: x"), (200, 400)),
    case("a space before the method", "3", b" " + SERVED, 400),
    case("two spaces", "3", get(target=b" " + BR), (200, 400)),
    case("tabs", "3", b"GET\t%b\tHTTP/1.1\r\nHost: x\r\n\r\n" % BR, (200, 400)),
    case("a space after the version", "3", get(version=b"HTTP/1.1 "), (200, 400)),
    case("a space in the target", "3.2", get(target=BR + b" b"), 400),
    case("no target, or HTTP/0.9", "3", b"GET HTTP/1.1\r\nHost: x\r\n\r\n", (400, 505)),
    case("nothing but a word", "3", b"nonsense\r\n\r\n", 400),
    case("no version", "3", b"GET %b\r\n" % BR, (400, 505), stays=False),
    case("HTTP/0.9 by name", "9110 15.6.6", get(version=b"HTTP/0.9"), (400, 505)),
    case("HTTP/1.2 is read as HTTP/1.1", "9110 2.5", get(version=b"HTTP/1.2"), 200, stays=True),
    case("HTTP/2.0", "9110 15.6.6", get(version=b"HTTP/2.0"), 505),
    case("a version in lower case", "2.3", get(version=b"http/1.1"), 400),
    case("a version of two digits", "2.3", get(version=b"HTTP/1.10"), 400),
    case("a version without a point", "2.3", get(version=b"HTTP/11"), 400),
    case("another protocol", "2.3", get(version=b"ICE/1.0"), 400),
    case("SIP", "2.3", get(target=b"sip:nm", method=b"OPTIONS", version=b"SIP/2.0"), 400),
    case("HTTP/2 with prior knowledge", "9110 15.6.6", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    case("TLS", "3", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200)), 400),
    case("SOCKS", "3", b"\x05\x01\x00", 400),
    case("a target of the greatest length", "3", get(target=b"/" + b"a" * (MAX_TARGET - 1)), 404),
    case("a target too long", "3", get(target=b"/" + b"a" * MAX_TARGET), 414),
    case("a target without an end", "3", b"GET /" + b"a" * 2 * MAX_TARGET, 414),
    case("a method without an end", "3", b"A" * 2 * MAX_TARGET, 501),
]  # fmt: skip

TARGET = [
    case("a query", "3.2.1", get(target=BR + b"?a=b?/c"), 200),
    case("two slashes", "3.2.1", get(target=b"/" + BR), 404),
    case("a fragment", "3.2", get(target=BR + b"#top"), 400),
    case("a target that is not ASCII", "3.2", get(target=b"/\xc3\xa9"), 400),
    case("a control character in the target", "3.2", get(target=b"/\x01"), 400),
    case("NUL in the target", "3.2", get(target=b"/\0"), 400),
    case("DEL in the target", "3.2", get(target=b"/\x7f"), 400),
    case("absolute-form", "3.2.2", get(target=b"http://elsewhere" + BR), 200),
    case("absolute-form in capitals", "3.2.2", get(target=b"HTTP://ELSEWHERE:80" + BR), 200),
    case("absolute-form, query", "3.2.2", get(target=b"http://x" + BR + b"?http://y/"), 200),
    case("absolute-form, no path", "3.2.2", get(target=b"http://x?a"), 404),
    case("absolute-form, no host", "9110 4.2.1", get(target=b"http://" + BR), 400),
    case("absolute-form, user", "9110 4.2.4", get(target=b"http://a@x" + BR), 400),
    case("absolute-form, half a bracket", "3.2.2", get(target=b"http://[" + BR), 400),
    case("authority-form for GET", "3.2.3", get(target=b"x:80"), 400),
    case("asterisk-form for GET", "3.2.4", get(target=b"*"), 400),
    case("no form at all", "3.2", get(target=b"flags/br/br.gif"), 400),
    case("a query alone", "3.2", get(target=b"?a"), 400),
    case("CONNECT", "3.2.3", get(target=b"x:80", method=b"CONNECT"), NOT_ALLOWED),
    case("CONNECT to IPv6", "3.2.3", get(target=b"[::1]:80", method=b"CONNECT"), NOT_ALLOWED),
    case("CONNECT, what follows is no request", "9110 9.3.6",
         get(target=b"x:80", method=b"CONNECT") + SERVED, NOT_ALLOWED, stays=False),
    case("CONNECT without a port", "9110 9.3.6", get(target=b"x", method=b"CONNECT"), 400),
    case("CONNECT to a path", "3.2.3", get(target=b"/", method=b"CONNECT"), 400),
    case("OPTIONS", "3.2.4", get(target=b"*", method=b"OPTIONS"), (200, 204, *NOT_ALLOWED)),
]  # fmt: skip

METHOD = [
    case("HEAD", "9110 9.3.2", get(method=b"HEAD"), 200, stays=True),
    case("HEAD of nothing", "9110 9.3.2", get(method=b"HEAD", target=ZZ), 404, stays=True),
    case("HEAD, then GET", "9.3.2", get(method=b"HEAD") + SERVED, 200, 200, stays=True),
    case("POST", "9110 9.1", post(), NOT_ALLOWED, stays=True),
    case("PUT", "9110 9.1", get(method=b"PUT"), NOT_ALLOWED, stays=True),
    case("DELETE", "9110 9.1", get(method=b"DELETE"), NOT_ALLOWED, stays=True),
    case("TRACE", "9110 9.1", get(method=b"TRACE"), NOT_ALLOWED, stays=True),
    case("PROPFIND", "9110 9.1", get(method=b"PROPFIND"), NOT_ALLOWED, stays=True),
    case("a method of RTSP", "9110 9.1", get(method=b"PLAY"), NOT_ALLOWED, stays=True),
    case("an unknown method", "9110 9.1", get(method=b"BREW"), NOT_ALLOWED, stays=True),
    case("an odd method", "9110 9.1", get(method=b"!#$%&'*+-.^_`|~"), NOT_ALLOWED, stays=True),
    case("a method in lower case", "9110 9.1", get(method=b"get"), NOT_ALLOWED, stays=True),
    case("a method of 5000 letters", "3", get(method=b"A" * 5000), NOT_ALLOWED),
    case("a method that is no token", "9110 9.1", get(method=b"GE(T"), 400),
    case("a method that is not ASCII", "9110 9.1", get(method=b"G\xc3\x89T"), 400),
    case("Upgrade is ignored", "9110 7.8",
         get(b"Upgrade: h2c", b"Connection: Upgrade") + SERVED, 200, 200, stays=True),
    case("Upgrade with a body", "9110 7.8", post(b"Upgrade: x", b"Connection: upgrade",
         b"Content-Length: %d" % len(SERVED), body=SERVED), NOT_ALLOWED),
    case("Upgrade with chunks", "9110 7.8",
         chunked(b"0\r\n\r\n", b"Upgrade: x", b"Connection: upgrade"), NOT_ALLOWED),
]  # fmt: skip

FIELDS = [
    case("a space before the colon", "5.1", get(b"X : y"), 400),
    case("a tab before the colon", "5.1", get(b"X\t: y"), 400),
    case("an empty name", "5", get(b": y"), 400),
    case("no colon", "5", get(b"X"), 400),
    case("a name that is no token", "9110 5.1", get(b"X(Y: z"), 400),
    case("a name that is not ASCII", "9110 5.1", get(b"\xc3\xa9: z"), 400),
    case("a bare CR in a name", "2.2", get(b"X\rY: z"), 400),
    case("a vertical tab before a name", "9110 5.1", get(b"\x0bX: y"), 400),
    case("a bare CR in a value", "2.2", get(b"X: y\rz"), (200, 400)),
    case("NUL in a value", "9110 5.5", get(b"X: y\0z"), (200, 400)),
    case("a control character in a value", "9110 5.5", get(b"X: y\x01z"), (200, 400)),
    case("a value that is not ASCII", "9110 5.5", get(b"X: \xc3\xa9\xff"), 200),
    case("an empty value", "9110 5.5", get(b"X:", b"Y: "), 200),
    case("a folded value", "5.2", get(b"X: y", b" z"), (200, 400)),
    case("a folded Host", "5.2", get(host=b"Host: x\r\n\ty"), (200, 400)),
    case("a head of the greatest length", "9110 5.4",
         get(b"X: " + b"a" * (MAX_HEAD - len(get(b"X: ")))), 200),
    case("a field too long", "9110 5.4", get(b"X: " + b"a" * MAX_HEAD), 431),
    case("too many fields", "9110 5.4", get(*[b"X: y"] * (MAX_HEAD // 6)), 431),
    case("a field without an end", "9110 5.4", get()[:-2] + b"X: " + b"a" * MAX_HEAD, 431),
]  # fmt: skip

LENGTH = [
    case("a body of announced length", "6.2", post(b"Content-Length: 3", body=b"abc") + SERVED,
         NOT_ALLOWED, 200, stays=True),
    case("GET with a body", "6.2", get(b"Content-Length: 3") + b"abc" + SERVED, 200, 200,
         stays=True),
    case("a request inside a body is none", "6.2",
         get(b"Content-Length: %d" % len(SERVED)) + SERVED, 200, stays=True),
    case("no body", "6.3", post(b"Content-Length: 0") + SERVED, NOT_ALLOWED, 200, stays=True),
    case("leading zeros", "9110 8.6", post(b"Content-Length: 003", body=b"abc"), NOT_ALLOWED,
         stays=True),
    case("thousands of leading zeros", "9110 8.6",
         post(b"Content-Length: " + b"0" * 5000 + b"3", body=b"abc"), (400, *NOT_ALLOWED)),
    case("spaces around it", "5.1", post(b"Content-Length:  3  ", body=b"abc"), NOT_ALLOWED,
         stays=True),
    *(
        case(f"Content-Length: {value.decode('latin-1')!r}", "6.3",
             post(b"Content-Length: " + value, body=b"abc"), 400, stays=False)
        for value in (b"", b"-3", b"+3", b"3.0", b"0x3", b"3_0", b"3 0", b"three", b"3, 4", b"3;",
                      b"\xb3", b"\xd9\xa3", b'"3"')
    ),
    case("a list of the same", "6.3", post(b"Content-Length: 3, 3", body=b"abc"), (400, 405)),
    case("the same twice", "6.3", post(*[b"Content-Length: 3"] * 2, body=b"abc"), (400, 405)),
    case("two that differ", "6.3",
         post(b"Content-Length: 3", b"Content-Length: 4", body=b"abcd"), 400, stays=False),
    case("a space before the colon of a length", "5.1",
         post(b"Content-Length : 3", body=b"abc"), 400, stays=False),
    case("too great for 64 bits", "6.2", post(b"Content-Length: 18446744073709551617"), (400, 413),
         stays=False),
    case("too great for anything", "6.2", post(b"Content-Length: " + b"9" * 5000), (400, 413),
         stays=False),
    case("a body of the greatest length", "9110 15.5.14",
         post(b"Content-Length: %d" % MAX_BODY, body=b"a" * MAX_BODY), NOT_ALLOWED, stays=True),
    case("a body too long", "9110 15.5.14",
         post(b"Content-Length: %d" % (MAX_BODY + 1), body=b"a" * (MAX_BODY + 1)), 413,
         stays=False),
    case("a body too long, not sent", "9110 15.5.14", post(b"Content-Length: 99999999"), 413,
         stays=False),
]  # fmt: skip

CODING = [
    case("chunks", "7.1", chunked(b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n") + SERVED,
         NOT_ALLOWED, 200, stays=True),
    case("GET with chunks", "7.1",
         get(b"Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n\r\n" + SERVED, 200, 200,
         stays=True),
    case("no chunks", "7.1", chunked(b"0\r\n\r\n"), NOT_ALLOWED, stays=True),
    case("Chunked", "7", post(b"Transfer-Encoding: Chunked", body=b"0\r\n\r\n"), NOT_ALLOWED,
         stays=True),
    case("leading zeros of a size", "7.1", chunked(b"0" * 30 + b"3\r\nabc\r\n000\r\n\r\n"),
         NOT_ALLOWED, stays=True),
    case("chunk extensions", "7.1.1", chunked(b'3;a;b=c;d="e;f"\r\nabc\r\n0;g\r\n\r\n'),
         NOT_ALLOWED, stays=True),
    case("trailer fields", "7.1.2", chunked(b"3\r\nabc\r\n0\r\nX: y\r\nZ:\r\n\r\n") + SERVED,
         NOT_ALLOWED, 200, stays=True),
    case("trailer fields change nothing", "7.1.2",
         chunked(b"0\r\nConnection: close\r\nHost: y\r\nExpect: x\r\n\r\n"), NOT_ALLOWED,
         stays=True),
    case("trailer fields that frame", "7.1.2", chunked(b"0\r\nContent-Length: 3\r\n\r\n"),
         (400, 405)),
    *(
        case(f"chunk {chunk[:30].decode('latin-1')!r}", "7.1", chunked(chunk), 400, stays=False)
        for chunk in (
            b"Z\r\n", b"\r\n", b"-1\r\n", b"+1\r\na\r\n", b"0x1\r\na\r\n", b" 1\r\na\r\n",
            b"1_0\r\n", b"\xd9\xa3\r\n", b"3\r\nabcd\r\n", b"3\r\nabc0\r\n\r\n", b"3\r\rabc",
            b"3\r\nabc\r\r", b"3;a\nabc\r\n0\r\n\r\n", b"3;a\rb\r\n", b"3;a=\x01\r\n",
            b"3\0\r\nabc\r\n", b"0\r\nX : y\r\n\r\n", b"0\r\n: y\r\n\r\n", b"0\r\nX\r\n\r\n",
            b"0\r\nX: \0\r\n\r\n", b"0\r\n X: y\r\n\r\n",
        )
    ),
    case("a chunk size without CR", "2.2", chunked(b"3\nabc\r\n0\r\n\r\n"), (400, 405)),
    case("a chunk without CR", "2.2", chunked(b"3\r\nabc\n0\r\n\r\n"), (400, 405)),
    case("a space after a chunk size", "7.1.1", chunked(b"3 \r\nabc\r\n0\r\n\r\n"), (400, 405)),
    case("a folded trailer field", "5.2", chunked(b"0\r\nX: y\r\n z\r\n\r\n"), (400, 405)),
    case("a chunk size too great for 64 bits", "7.1", chunked(b"10000000000000003\r\nabc\r\n"),
         (400, 413), stays=False),
    case("a chunk size without an end", "7.1", chunked(b"f" * 5000), (400, 413), stays=False),
    case("an extension without an end", "7.1.1", chunked(b"3;" + b"a" * MAX_BODY), (400, 413),
         stays=False),
    case("a trailer field without an end", "7.1.2", chunked(b"0\r\nX: " + b"a" * MAX_BODY),
         (400, 413, 431), stays=False),
    case("chunks too long", "9110 15.5.14",
         chunked((b"10000\r\n" + b"a" * 65_536 + b"\r\n") * 16 + b"0\r\n\r\n"), 413, stays=False),
    *(
        case(f"Transfer-Encoding: {value.decode('latin-1')!r}", "6.3",
             post(b"Transfer-Encoding: " + value, body=b"0\r\n\r\n"), 400, stays=False)
        for value in (b"", b"gzip", b"chunked, gzip", b"identity", b"xchunked", b"chunkedx",
                      b"chunked, chunked, identity", b'"chunked"', b"chunked;a=b", b"\x0bchunked",
                      b"chunked\0")
    ),
    case("chunked twice", "6.1", post(b"Transfer-Encoding: chunked, chunked"), (400, 501),
         stays=False),
    case("GET with an unknown coding", "6.3", get(b"Transfer-Encoding: gzip"), 400, stays=False),
    case("a coding that nobody knows", "6.1", post(b"Transfer-Encoding: brew, chunked"), 501,
         stays=False),
    case("a coding that nobody knows, in two lines", "6.1",
         post(b"Transfer-Encoding: brew", b"Transfer-Encoding: chunked"), 501, stays=False),
    case("chunked is not the last line", "6.3",
         post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: brew"), 400, stays=False),
    case("a tab after it", "5.1", chunked(b"0\r\n\r\n").replace(b"ked\r", b"ked\t\r"), (400, 405)),
    case("a folded coding", "5.2", post(b"Transfer-Encoding:", b" chunked", body=b"0\r\n\r\n"),
         (400, 405)),
    case("a space before the colon of a coding", "5.1",
         post(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"), 400, stays=False),
    case("chunks in HTTP/1.0", "6.1", post(b"Transfer-Encoding: chunked",
         b"Connection: keep-alive", version=b"HTTP/1.0", body=b"0\r\n\r\n"), (400, 405),
         stays=False),
    case("length and chunks", "6.3",
         post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), (400, 405),
         stays=False),
    case("chunks and length", "6.3",
         post(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n"), (400, 405),
         stays=False),
    case("length and an unknown coding", "6.3",
         post(b"Transfer-Encoding: brew", b"Content-Length: 5", body=b"0\r\n\r\n"), 400,
         stays=False),
]  # fmt: skip

EXPECT = [
    case("leave to send", "9110 10.1.1", (post(b"Content-Length: 3", b"Expect: 100-continue"),
         b"abc"), NOT_ALLOWED, stays=True, leave=True),
    case("leave to send chunks", "9110 10.1.1",
         (post(b"Transfer-Encoding: chunked", b"Expect: 100-Continue"), b"0\r\n\r\n"),
         NOT_ALLOWED, stays=True, leave=True),
    case("leave that was not waited for", "9110 10.1.1",
         post(b"Content-Length: 3", b"Expect: 100-continue", body=b"abc") + SERVED,
         NOT_ALLOWED, 200, stays=True),
    case("leave to send nothing", "9110 10.1.1", get(b"Expect: 100-continue"), 200, stays=True),
    case("leave in HTTP/1.0", "9110 10.1.1", post(b"Content-Length: 3", b"Expect: 100-continue",
         version=b"HTTP/1.0", body=b"abc"), NOT_ALLOWED, leave=False),
    case("leave to send too much", "9110 10.1.1",
         post(b"Content-Length: 99999999", b"Expect: 100-continue"), 413, leave=False),
    case("another expectation", "9110 10.1.1", get(b"Expect: tea"), (200, 417)),
]  # fmt: skip

CONNECTION = [
    case("HTTP/1.1", "9.3", get(), 200, stays=True),
    case("HTTP/1.1, keep-alive", "9.3", get(b"Connection: keep-alive"), 200, stays=True),
    case("HTTP/1.1, close", "9.3", get(b"Connection: close"), 200, stays=False),
    case("HTTP/1.1, Close", "9.3", get(b"Connection: Close"), 200, stays=False),
    case("close in a list", "9.3", get(b"Connection: x , close,y"), 200, stays=False),
    case("close in a second line", "9.3", get(b"Connection: keep-alive", b"Connection: close"),
         200, stays=False),
    case("close of another name", "9.3", get(b"Connection: closed", b"X: close"), 200, stays=True),
    case("HTTP/1.0", "9.3", get(version=b"HTTP/1.0"), 200, stays=False),
    case("HTTP/1.0, keep-alive", "9.3", get(b"Connection: Keep-Alive", version=b"HTTP/1.0"), 200,
         stays=True),
    case("HTTP/1.0, keep-alive in a list", "9.3",
         get(b"Connection: x, keep-alive", version=b"HTTP/1.0"), 200, stays=True),
    case("HTTP/1.0, keep-alive and close", "9.3",
         get(b"Connection: keep-alive, close", version=b"HTTP/1.0"), 200, stays=False),
    case("HTTP/1.0, keep-alive, then close", "9.3", get(b"Connection: keep-alive",
         b"Connection: close", version=b"HTTP/1.0"), 200, stays=False),
    case("HTTP/1.0, close, then keep-alive", "9.3", get(b"Connection: close",
         b"Connection: keep-alive", version=b"HTTP/1.0"), 200, stays=False),
    case("nothing is served after close", "9.6", get(b"Connection: close") + SERVED, 200,
         stays=False),
    case("a refusal with close", "9.6", post(b"Connection: close") + SERVED, NOT_ALLOWED,
         stays=False),
    case("requests in a row", "9.3.2",
         (SERVED + get(target=ZZ)) * 5 + post(b"Content-Length: 1", body=b"a") + SERVED,
         *(200, 404) * 5, NOT_ALLOWED, 200, stays=True),
    case("a request in a row that is bad", "9.3.2", SERVED + get(b"X : y") + SERVED, 200, 400),
    case("a row that ends in half a request", "9.3.2", (SERVED + SERVED[:40], SERVED[40:]),
         200, 200, stays=True),
]  # fmt: skip

CASES = [*HOST, *LINE, *TARGET, *METHOD, *FIELDS, *LENGTH, *CODING, *EXPECT, *CONNECTION]


@pytest.fixture
def port(servers, caplog):
    """The port of a server that serves everything, and must not stumble."""
    servers.begin_run({})
    yield urlsplit(servers.urls["LOCAL"]).port
    assert not caplog.records


def in_pieces(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize(
    "size", [None, pytest.param(1, marks=pytest.mark.slow)], ids=["at once", "byte by byte"]
)
@each("row", CASES)
def test_the_server_answers_as_the_rfc_asks(port, row, size):
    pieces = [row.sent] if isinstance(row.sent, bytes) else row.sent
    with Client(port) as client:
        leave = False
        for n, piece in enumerate(pieces):
            # What is long is cut coarsely: byte by byte would take seconds.
            cut = max(size or len(piece), len(piece) // 500)
            for part in in_pieces(piece, cut):
                client.send(part)
            if row.leave and n == 0:
                assert client.answer().status == 100
        last = None
        for n, allowed in enumerate(row.allowed):
            head_only = n == 0 and pieces[0].startswith(b"HEAD")
            last = client.answer(has_body=not head_only)
            if last.status == 100 and row.leave is None and not leave:
                leave = True
                last = client.answer()
            assert last.status in allowed
            if last.status == 200 and not head_only:
                assert last.body == flag("BR")
            assert "content-length" in last.fields  # RFC 9110, section 8.6
            assert (last.status == 405) is ("allow" in last.fields)  # RFC 9110, section 15.5.6
        stays = "close" not in last.fields.get("connection", "")
        assert row.stays in (stays, None)
        if stays:
            client.send(SERVED)
            assert client.answer().status == 200
        else:
            assert client.is_closed()
    with Client(port) as another:
        another.send(SERVED)
        assert another.answer().body == flag("BR")


def test_every_row_has_a_name_of_its_own():
    names = [(row.section, row.name) for row in CASES]
    assert len(set(names)) == len(names) > 200
