"""Commands in this process, with what they print."""

import contextlib
import http.client
import os
import signal

import pytest

from mockservers.cli import child_process
from mockservers.cli import commands as cli

posix = pytest.mark.skipif(os.name != "posix", reason="uses a POSIX shell, signals or a terminal")


def ended(capsys, *words):
    """Status, stdout and stderr of a command line, in this process."""
    with pytest.raises(SystemExit) as end:
        cli.main([str(word) for word in words])
    return end.value.code, *capsys.readouterr()


@contextlib.contextmanager
def own_signals():
    """What signals do in this process, put back afterwards."""
    before = {
        signum: signal.getsignal(signum) for signum in (*child_process._SIGNALS, signal.SIGTERM)
    }
    try:
        yield before
    finally:
        for handler in before.items():
            signal.signal(*handler)


def get(base_url, path):
    """Status, head and body of one request on a connection of its own."""
    host, port = base_url.split("/")[2].split(":")
    client = http.client.HTTPConnection(host, int(port), timeout=60)
    with contextlib.closing(client):
        client.request("GET", path)
        reply = client.getresponse()
        return reply.status, reply.headers, reply.read()


def words(ledger):
    return [(found.kind, found.code) for found in ledger.imbalances]
