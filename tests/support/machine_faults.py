"""Programs on a machine that fails."""

import os
from pathlib import Path

import pytest

from mockservers.content.flag_images import flag
from support import TESTS
from support.commands import environment

THREADS, ASYNCIO = DOWNLOADERS = "flags2-threadpool", "flags2-asyncio"
BROKEN = TESTS / "machine" / "broken"
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


def on_machine(fault="", program="", **more):
    """The environment of a program on a machine with that fault; what it starts is spared."""
    path = os.pathsep.join(filter(None, [str(BROKEN), os.environ.get("PYTHONPATH")]))
    return environment(PYTHONPATH=path, MACHINE_FAULT=fault, MACHINE_FAULT_IN=program, **more)


def halves(folder):
    """Files in `downloads` that are no whole flag under their own name."""
    found = [path for path in folder.glob("downloads/*") if path.is_file()]
    return [path for path in found if path.read_bytes() != flag(path.stem.upper())]
