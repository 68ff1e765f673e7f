"""Books of a few entries: what a journal has of requests, files and reports."""

import hashlib

from msgspec import to_builtins

from mockservers.flags2.output import claims_of
from support.journals import balance

BODY = b"GIF87a, more or less"


def request(code, n=1, status=200, sent=None, do="serve", server="ERROR", **more):
    body = BODY[:sent] if status == 200 else b""
    return {
        "type": "request", "n": n, "conn": n, "server": server, "method": "GET",
        "path": f"/flags/{code.lower()}/{code.lower()}.gif", "code": code, "attempt": 1,
        "do": do, "status": status, "length": len(BODY) if status == 200 else 0,
        "bytes_sent": len(body), "complete": True, "client_gone": False,
        "sha256": hashlib.sha256(body).hexdigest() if body else None, "in_flight": 1,
        **more,
    }  # fmt: skip


def whole(code, **more):
    return request(code, **more)


def not_found(code, **more):
    return request(code, status=404, **more)


def refused(code, **more):
    return request(code, status=503, do="status", **more)


def cut(code, **more):
    return request(code, **{"sent": 5, "do": "truncate", **more})


def closed(code, **more):
    return request(code, status=None, do="empty", **more)


def redirected(code, to, **more):
    location = f"/flags/{to.lower()}/{to.lower()}.gif"
    return request(code, status=302, do="redirect", location=location, **more)


def no_length(code, **more):
    return request(code, sent=5, do="no_length", length=None, **more)


def cut_headers(code, **more):
    return request(code, status=None, do="cut_headers", **more)


def bad_gzip(code, **more):
    return request(code, do="bad_gzip", **more)


def file(content=BODY):
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def judge(asked, entries, said, files=(), before=(), dest="downloads"):
    """Balance the books of a program asked for `asked` that printed `said` after its header."""
    plural = "" if len(asked) == 1 else "s"
    header = ["ERROR site: http://127.0.0.1:8003/flags"]
    header.append(f"Searching for {len(asked)} flag{plural}: {', '.join(asked)}")
    header.append("2 concurrent connections will be used.")
    claims = claims_of([*header, *said])
    files = {f"{code.lower()}.gif": file() for code in files} if isinstance(files, tuple) else files
    return balance(
        [
            {"journal": 1, "command": ["x"], "files_before": dict(before), "dest": dest},
            *entries,
            {
                "end": True,
                "asked": list(asked),
                "claims": to_builtins(claims),
                "files_after": files,
            },
        ]
    )


def report(ok=0, not_found=0, error=0, interrupted=0):
    lines = ["-" * 20, f"{ok} flag{'' if ok == 1 else 's'} downloaded."]
    lines += [f"{not_found} not found."] * bool(not_found)
    lines += [f"{error} error{'' if error == 1 else 's'}."] * bool(error)
    lines.append("Elapsed time: 0.01s")
    return lines + [f"{interrupted} interrupted."] * bool(interrupted)


def found_in(ledger):
    """What does not balance, by word and code; then `note` for each note."""
    assert all(one.actual for one in ledger.imbalances)
    return [
        *(f"{one.kind} {one.code or '--'}" for one in ledger.imbalances),
        *["note"] * len(ledger.notes),
    ]
