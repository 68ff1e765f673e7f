"""The reference downloader with one thing changed: faulty ones, and right ones of unusual habits.

Each change replaces a text that is in `examples/downloader.py` once.
"""

from typing import NamedTuple

from support import TOP

SOURCE = (TOP / "examples/downloader.py").read_text(encoding="utf-8")
QUICK = [("PATIENCE_S = 10.0", "PATIENCE_S = 2.0")]

_READ = "await asyncio.wait_for(response.content.readany(), PATIENCE_S)"
_LENGTH = "    if part.total is not None and part.size != part.total:\n"
_NO_LENGTH = (_LENGTH, "    if False:\n")
_FIELDS = '    fields = {"Accept-Encoding": "identity"}\n'
_BEGIN = "    part.begin()\n    part.total = response.content_length\n"
_LOOK = '        look_at(response, part, resumes="Range" in fields)\n'
_STATUS = "    if response.status in TRANSIENT:\n"
_SLEEP = "        await asyncio.sleep(wait_s if after_s is None else after_s)\n"
_OPEN = (
    '        with part_of.open("wb") as stream:\n            await fetch(url, Part(stream))\n'
    "        part_of.replace(file)\n"
)
_PART_OF = '    part_of = file.with_name(f"{file.name}.part")\n'
_CONDITION = ', "If-Range": part.etag}'
_UNLINK = "        part_of.unlink(missing_ok=True)\n"
_DONE = "                await ask(session, url, part)\n                return\n"
_FITS = "etag == part.etag and fits:\n            part.total = int(found[2])\n"
_MAIN = 'if __name__ == "__main__":\n'
_END = '        sys.exit(f"{sys.argv[1]}: {exc}")\n'
_SESSION = "            try:\n                await ask("

_UNCHECKED = [
    (_READ, "await unchecked(response)"),
    (_MAIN, """async def unchecked(response):
    try:
        return await response.content.readany()
    except aiohttp.ClientPayloadError:
        return b""


""" + _MAIN),
]  # fmt: skip
_RAW = [
    (_MAIN, """async def raw(url):
    parts = aiohttp.client.URL(url)
    reader, writer = await asyncio.open_connection(parts.host, parts.port)
    fields = "Host: x\\r\\nConnection: close"
    writer.write(f"GET {parts.raw_path} HTTP/1.1\\r\\n{fields}\\r\\n\\r\\n".encode())
    head, _, body = (await reader.read()).partition(b"\\r\\n\\r\\n")
    writer.close()
    return head[9:12], body


""" + _MAIN),
]  # fmt: skip
_IN_PLACE = [(_PART_OF, "    part_of = file\n"), (_UNLINK, "        pass\n")]


class Fault(NamedTuple):
    """A faulty downloader."""

    clause: str
    """The clause that finds it."""
    word: str
    """What happens to the download."""
    situation: str
    """One that shows it."""
    changes: list[tuple[str, str]]


FAULTY = {
    "length-unchecked": Fault("DL-LEN", "truncated", "cut-first", [*_UNCHECKED, _NO_LENGTH]),
    "chunk-end-unchecked": Fault("DL-CHK", "truncated", "cut-after-chunk-first", _UNCHECKED),
    "cut-gzip-is-whole": Fault("DL-COD", "truncated", "cut-gzip-first", [
        ("auto_decompress=False", "auto_decompress=True"),
        ('"Accept-Encoding": "identity"', '"Accept-Encoding": "gzip"'),
        ('.get("Content-Encoding", "identity") != "identity"', '.get("Content-Encoding") == "br"'),
        _NO_LENGTH,
    ]),
    "page-of-503-saved": Fault("DL-STA", "page", "503-first", [
        (_STATUS, "    if response.status in TRANSIENT - {503}:\n"),
        ("response.status != 200:", "response.status not in (200, 503):"),
    ]),
    "200-appended": Fault("DL-IGN", "appended", "retry-ignored", [
        (_BEGIN, "    part.total = None if resumes else response.content_length\n"),
    ]),
    "versions-joined": Fault("DL-CMB", "spliced", "retry-changed", [
        (_CONDITION, "}"), ("etag == part.etag and fits", "fits"),
    ]),
    "content-range-ignored": Fault("DL-CRG", "spliced", "retry-shifted", [
        (_FITS, "etag == part.etag:\n            part.total = None\n"),
    ]),
    "range-start-ignored": Fault("DL-CRG", "spliced", "retry-moved", [
        (_FITS, "etag == part.etag:\n"),
    ]),
    "any-416-is-done": Fault("DL-RNS", "truncated", "retry-416", [
        (_LOOK, "        if response.status == 416:\n            return\n" + _LOOK),
    ]),
    "stops-at-a-short-206": Fault("DL-TOT", "truncated", "retry-short", [
        (_LENGTH, '    if "Range" not in fields and part.size != part.total:\n'),
    ]),
    "no-timeout-in-the-body": Fault("DL-SIL", "hangs", "stall-first", [
        (_READ, "await response.content.readany()"),
    ]),
    "retries-for-ever": Fault("DL-BND", "storm", "empty-always", [
        ("TRIES = 4", "TRIES = 10**9"), ("FIRST_WAIT_S, LONGEST_WAIT_S = 0.5", "FIRST_WAIT_S, "
        "LONGEST_WAIT_S = 0.01"), ("        wait_s *= 2\n", ""),
    ]),
    "retries-at-once": Fault("DL-BAK", "honest", "503-always", [
        (_SLEEP, "        await asyncio.sleep(after_s or 0)\n"),
    ]),
    "asks-before-retry-after": Fault("DL-RTA", "recovered", "retry-after", [
        (_SLEEP, "        await asyncio.sleep(wait_s)\n"),
    ]),
    "if-range-with-a-weak-tag": Fault("DL-VAL", "if-range", "retry-changed-weak", [
        ('etag if etag and not etag.startswith("W/") else None', "etag"),
    ]),
    "no-second-try-after-an-idle-close": Fault("DL-IDL", "false-alarm", "idle-close", [
        ("TRIES = 4", "TRIES = 1"),
        (_SESSION, _SESSION.replace("try:", "session._retry_connection = False\n            try:")),
    ]),
    "follows-to-a-file": Fault("DL-RED", "unsafe", "to-file", [
        ('                raise Failed(f"{type(exc).__name__}: {exc}") from None\n',
         '                part.file.write(Path(str(exc).removeprefix("file://")).read_bytes())\n'
         "                return\n"),
    ]),
    "writes-where-content-disposition-says": Fault("DL-NAM", "unsafe", "name-parent", [
        ('    etag = response.headers.get("ETag")\n',
         '    etag = response.headers.get("ETag")\n'
         '    given = response.headers.get("Content-Disposition", "")\n'
         '    names.extend(re.findall(\'"(.*)"\', given))\n'),
        ("        part_of.replace(file)\n",
         "        part_of.replace(file.parent / [file, *names][-1])\n"),
        ("class Failed", "names = []\n\n\nclass Failed"),
    ]),
    "a-part-has-the-final-name": Fault("DL-PAR", "leftover", "cut-always", [
        (_OPEN, _OPEN.replace("        part_of.replace(file)\n", "")), *_IN_PLACE,
    ]),
    "leaves-zeros": Fault("DL-PAR", "leftover", "cut-always", [
        (_OPEN, _OPEN.replace("        part_of.replace(file)\n", "")), *_IN_PLACE,
        (_BEGIN, _BEGIN + "    part.file.truncate(part.total or 0)\n"),
    ]),
    "status-0-after-a-failure": Fault("DL-FIN", "lost", "empty-always", [
        (_END, '        print(f"{sys.argv[1]}: {exc}")\n'),
    ]),
    "status-1-after-a-success": Fault("DL-FIN", "false-alarm", "cut-first", [
        (_DONE, _DONE.replace("return", "tried.append(tries_left)\n                return")),
        (_END, _END + "    sys.exit(int(tried[0] < TRIES - 1))\n"),
        ("class Failed", "tried = []\n\n\nclass Failed"),
    ]),
    "103-is-the-answer": Fault("DL-INT", "empty", "interim", [
        *_RAW, (_FIELDS, "    code, body = await raw(url)\n"
                '    part.file.write(body if code == b"200" else b"")\n    return\n' + _FIELDS),
    ]),
    "surplus-bytes-kept": Fault("DL-INT", "appended", "too-long", [
        *_RAW, (_FIELDS, "    part.file.write((await raw(url))[1])\n    return\n" + _FIELDS),
    ]),
    "goes-on-with-any-file": Fault("DL-CMB", "spliced", "onto-changed", [
        (_OPEN, '        with part_of.open("ab") as stream:\n'
         '            await fetch(url, Part(stream, stream.tell(), None, "any"))\n'),
        *_IN_PLACE, (_CONDITION, "}"), ("etag == part.etag and fits", "fits"),
    ]),
}  # fmt: skip

RIGHT = {
    "no-retries": [("TRIES = 4", "TRIES = 1")],
    "strict": [
        ("TRIES = 4", "TRIES = 1"),
        ("session.get(url, headers=fields)",
         "session.get(url, headers=fields, allow_redirects=False)"),
        ("    part.begin()\n    part.total = response",
         '    if response.content_length is None or "ETag" not in response.headers:\n'
         '        raise Failed("no length, or no ETag")\n'
         "    part.begin()\n    part.total = response"),
    ],
    "four-ranges": [
        ("TRIES = 4", "TRIES = 1"),
        (_FIELDS, _FIELDS + """    first = session.get(url, headers=fields)
    async with await asyncio.wait_for(first, PATIENCE_S) as response:
        look_at(response, part, resumes=False)
        response.close()
    if part.etag and part.total:
        quarter = -(-part.total // 4)
        starts = range(0, part.total, quarter)
        bodies = await asyncio.gather(*(one(session, url, part, at, quarter) for at in starts))
        part.file.write(b"".join(bodies))
        return
"""),
        (_MAIN, """async def one(session, url, part, at, quarter):
    last = min(at + quarter, part.total) - 1
    fields = {"Range": f"bytes={at}-{last}", "If-Match": part.etag, "Accept-Encoding": ""}
    async with await asyncio.wait_for(session.get(url, headers=fields), PATIENCE_S) as response:
        if response.status != 206 or response.headers.get("ETag") != part.etag:
            raise Failed("another version, or no part")
        if response.headers.get("Content-Range") != f"bytes {at}-{last}/{part.total}":
            raise Failed("another part")
        body = await asyncio.wait_for(response.read(), PATIENCE_S)
        if len(body) != last - at + 1:
            raise Failed("a short part")
        return body


""" + _MAIN),
    ],
    "head-first": [
        (_FIELDS, """    async with await asyncio.wait_for(session.head(url), PATIENCE_S) as head:
        if head.status != 200:
            raise Failed(f"HTTP {head.status}")
""" + _FIELDS),
    ],
    "pipe-and-move": [
        ("TRIES = 4", "TRIES = 1"),
        ("import re\n", "import re\nimport subprocess\n"),
        (_OPEN, """        with part_of.open("wb") as stream:
            with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=stream) as cat:
                await fetch(url, Part(cat.stdin))
        part_of.replace(file)
"""),
        ("        self.file.seek(0)\n        self.file.truncate()\n", ""),
    ],
    "slow": [
        ("            part.file.write(piece)\n",
         "            part.file.write(piece)\n"
         "            await asyncio.sleep(0.5 if part.size < 300_000 else 0)\n"),
    ],
    "prints-nothing": [(_END, "        sys.exit(1)\n")],
    "decodes-gzip": [
        ('"Accept-Encoding": "identity"', '"Accept-Encoding": "gzip"'),
        ("import sys\n", "import sys\nimport zlib\n"),
        ('    if response.headers.get("Content-Encoding", "identity") != "identity":\n',
         '    if response.headers.get("Content-Encoding", "gzip") != "gzip":\n'),
        (_OPEN, """        with part_of.open("w+b") as stream:
            await fetch(url, Part(stream))
            if coded:
                stream.seek(0)
                decoder = zlib.decompressobj(31)
                try:
                    body = decoder.decompress(stream.read())
                except zlib.error as exc:
                    raise Failed(f"gzip: {exc}") from None
                if not decoder.eof:
                    raise Failed("gzip ends early")
                stream.seek(0)
                stream.truncate()
                stream.write(body)
        part_of.replace(file)
"""),
        (_BEGIN, _BEGIN + '    coded[:] = response.headers.getall("Content-Encoding", [])\n'),
        ("class Failed", "coded = []\n\n\nclass Failed"),
    ],
}  # fmt: skip
"""Downloaders that keep every clause, each in a way of its own."""


def varied(changes: list[tuple[str, str]]) -> str:
    """The source with these changes."""
    source = SOURCE
    for old, new in [*QUICK, *changes]:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    return source
