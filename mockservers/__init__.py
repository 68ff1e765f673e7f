"""Mock servers that break exactly as planned, and a ledger that shows the result.

To understand how a plan becomes bytes, and bytes a verdict, read the core (80 minutes with `kinds/`
and `http/`). This order is its import order:

    kinds/resource kinds/request kinds/response kinds/chance kinds/values kinds/names
    kinds/base kinds/selection kinds/body kinds/cut kinds/framing kinds/coding kinds/whole
    kinds/fields kinds/policy kinds/ranges kinds/load
    faults plan journal http/gate run_state
    http/request_parser http/listeners http/fast_path http/sender
    connection server ledger/model ledger/judge

A *kind* is a class of response, a *fault* one such response as planned, `Serve()` included; the
*fate* of a request is the fault that it meets. The requests of one connection form a queue, and the
first one has its *turn*: it is *held* while it waits for gate and delay. Bytes are *taken* when the
operating system has them. A GET of a code, or of a path that exists, is an *attempt*. A response is
*unclear* if some correct clients call it a success and others an error; what the server saw of such
a download is *indeterminate*. An *account* has the requests of one download; with what was claimed
and kept of it, it is a *row* of the ledger.

The other modules of `ledger/` surround these two. `collected` reads a journal, `redirects` and
`attribution` put each request into the account of its download, `ownership` does so with files,
`explain` compares bytes, and `words`, `result` and `text` say what was found. Around the core are
also `flags2/` (all that is known of the six programs, and how their reports are judged),
`content/` (what is served), `plan_json`, `journal_json`, `claims_file`, `profiles`, `predict`,
`kept_files`, `files` and `text`; the commands in `cli/`, the API in `control/`, the page in
`html_report/`; and for tests `running_servers`, `inprocess`, `strategies` and `pytest_plugin`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mockservers.running_servers import running

__all__ = ["running"]


def __getattr__(name: str) -> Any:
    """`mockservers.running`, imported only when it is asked for."""
    if name == "running":
        from mockservers.running_servers import running

        return running
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
