"""A short reply that breaks off at each of its bytes: on the wire, and in both downloaders.

Every offset has a code of its own, whose reply breaks off there; one run asks for all of them.
"""

import socket
from urllib.parse import urlsplit

import pytest
from support.downloaders import DOWNLOADERS, play_sockets
from support.exhaustive_cases import EITHER, ERROR, OK, prove

from mockservers import running
from mockservers.content.folder import FolderCatalogue
from mockservers.content.resources import info_in
from mockservers.faults import CutHeaders, NoLength, Reset, Serve, Truncate
from mockservers.flags2.codes import ALL_CODES, path_of_code
from mockservers.plan import Plan
from mockservers.predict import predict

HEAD = b"\r\n".join(
    [
        b"HTTP/1.1 200 OK",
        b"Server: mockservers",
        b"Content-Type: image/gif",
        b"Content-Length: 9",
        b"",
        b"",
    ]
)
UNSIZED_HEAD = HEAD.replace(b"Content-Length: 9\r\n", b"Connection: close\r\n")
NOT_FOUND = (
    b"HTTP/1.1 404 Not Found\r\nServer: mockservers\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)
STATUS = len(b"HTTP/1.1 200")
"""With fewer bytes than these nobody can take a head that is cut for a reply."""
KINDS = {"reset": Reset, "truncate": Truncate, "cut_headers": CutHeaders, "no_length": NoLength}


def body(code):
    return b"GIF89a;" + code.encode()


def codes_cut(kind):
    """A code for every offset of what a kind cuts, and for one beyond."""
    length = {"reset": len(HEAD) + 9, "cut_headers": len(HEAD)}.get(kind, 9)
    return {ALL_CODES[stop]: stop for stop in range(length + 2)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A flag of nine bytes for each offset."""
    root = tmp_path_factory.mktemp("tiny")
    for code in codes_cut("reset"):
        file = root / path_of_code(code)[1:]
        file.parent.mkdir(parents=True)
        file.write_bytes(body(code))
    return FolderCatalogue(root)


@pytest.fixture(scope="module")
def tiny(folder):
    """Servers of these flags."""
    with running(content=folder) as servers:
        yield servers


# --- on the wire ------------------------------------------------------------------------


def hear(url, code):
    """All that comes back for a code and, after it, for a path that is absent; and how it ends."""
    port, heard = urlsplit(url).port, b""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
        sock.sendall(
            b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path_of_code(code).encode()
            + b"GET /no HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        try:
            while data := sock.recv(4096):
                heard += data
        except ConnectionResetError:
            return heard, "reset"
    return heard, "close"


def on_the_wire(kind, code, stop):
    """What has to come back: nothing after a reply that breaks off."""
    whole = HEAD + body(code)
    if kind == "truncate" and stop >= 9:
        return whole + NOT_FOUND, "close"
    return {
        "reset": (whole[:stop], "reset"),
        "truncate": (whole[: len(HEAD) + stop], "close"),
        "cut_headers": (whole[: min(stop, len(HEAD) - 1)], "close"),
        "no_length": (UNSIZED_HEAD + body(code)[:stop], "close"),
    }[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_a_response_breaks_off_at_exactly_the_byte_that_is_planned(tiny, kind, record_property):
    cut = codes_cut(kind)
    entries = tiny.begin_run(Plan(rules={code: (KINDS[kind](cut[code]),) for code in cut}))

    def check(case):
        code, stop = case
        heard = hear(tiny.urls["LOCAL"], code)
        assert heard == on_the_wire(kind, code, stop)
        tiny.settle()
        (entry,) = [entry for entry in entries if entry["code"] == code]
        _, has_head, content = heard[0].removesuffix(NOT_FOUND).partition(b"\r\n\r\n")
        assert (entry["complete"], entry["client_gone"]) == (True, False)
        assert entry["status"] == (200 if has_head else None)
        assert entry["bytes_sent"] == len(content)

    prove(list(cut.items()), check, record_property)


# --- in the downloaders -----------------------------------------------------------------

CONNECTIONS = 8
"""A reset waits until what is before it has arrived: these wait together."""


def may_say(kind, stop):
    """What a downloader may say of a reply that breaks off there."""
    if kind == "no_length":
        return EITHER
    if kind == "truncate":
        return OK if stop >= 9 else ERROR
    if kind == "cut_headers":
        return EITHER if stop >= STATUS else ERROR
    return EITHER if stop >= len(HEAD) + 9 else ERROR


def comes(kind, code, stop):
    """The bytes of the flag that come."""
    if kind == "cut_headers":
        return b""
    return body(code)[: max(0, stop - len(HEAD))] if kind == "reset" else body(code)[:stop]


@pytest.mark.slow
@pytest.mark.parametrize("downloader", DOWNLOADERS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_response_that_breaks_off_is_judged_by_where(
    tiny, folder, downloader, kind, record_property
):
    cut = codes_cut(kind)
    plan = Plan(rules={code: (KINDS[kind](stop),) for code, stop in cut.items()})
    played = play_sockets(tiny, downloader, plan, ["-v", "-m", str(CONNECTIONS), *cut])
    forecasts = predict(plan, "ERROR", cut, info_in(folder))
    assert played.ledger.balanced, played.ledger.imbalances
    assert set(played.claims.outcomes) == set(cut)
    assert played.ledger.most_in_flight <= CONNECTIONS

    def check(case):
        code, stop = case
        outcome, row = played.outcomes[code], played.ledger.rows[code]
        allowed = may_say(kind, stop)
        assert outcome in allowed
        assert forecasts[code].outcome == ("depends" if len(allowed) > 1 else outcome)
        assert row.seen == ("indeterminate" if len(allowed) > 1 else outcome)
        saved = played.files.get(f"{code.lower()}.gif")
        assert saved == (comes(kind, code, stop) if outcome == "ok" else None)
        no_head = row.requests[0].status is None
        assert len(row.requests) <= 1 + no_head, "asked again only where no head came"

    prove(list(cut.items()), check, record_property)


@pytest.mark.slow
@pytest.mark.parametrize("downloader", DOWNLOADERS)
@pytest.mark.parametrize("kind", ["reset", "truncate"])
def test_only_a_retry_repairs_a_response_that_breaks_off_once(
    tiny, downloader, kind, record_property
):
    cut = codes_cut(kind)
    plan = Plan(rules={code: (KINDS[kind](stop), Serve()) for code, stop in cut.items()})
    played = play_sockets(tiny, downloader, plan, ["-v", "-m", str(CONNECTIONS), *cut])
    assert played.ledger.balanced, played.ledger.imbalances

    def check(case):
        code, stop = case
        asked = played.ledger.rows[code].requests
        no_head = kind == "reset" and stop < len(HEAD)
        assert len(asked) <= 1 + no_head
        allowed = OK if len(asked) == 2 else may_say(kind, stop)
        assert played.outcomes[code] in allowed
        saved = played.files.get(f"{code.lower()}.gif")
        assert saved == (body(code) if played.outcomes[code] == "ok" else None)

    prove(list(cut.items()), check, record_property)
