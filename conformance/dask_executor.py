"""Cases on a Dask cluster: its executor in place of the threads of this process."""

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from conformance import program_runner
from mockservers.cli.command_line import how_to_install

CONNECT_S = 10
"""Seconds to reach the scheduler."""
RETRIES = 3
"""How often a case is given to another worker when its worker dies."""


class ClusterError(Exception):
    """The cluster cannot be used; the text says why, in one line."""


@contextmanager
def cluster_executor(address: str) -> Iterator[Executor]:
    """An executor whose work is done by the workers of the scheduler at `address`.

    The workers need this kit and the program under test at the same path, and about the speed of
    this machine, because the wall limit was measured here. On exit no further run begins. If a
    worker is killed, the program that it ran goes on. Raises ClusterError.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ClusterError(f"distributed is missing: {how_to_install('cluster')}") from None
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as exc:
        raise ClusterError(f"no Dask scheduler at {address}: {exc or type(exc).__name__}") from None
    try:
        try:
            client.run(_begin)
        except Exception as exc:
            raise ClusterError(f"the workers of {address} do not have this kit: {exc!r}") from None
        try:
            # Not pure: the same case is run more than once on purpose.
            yield client.get_executor(pure=False, retries=RETRIES)
        finally:
            client.run(_stop)
    finally:
        client.close()


def _begin() -> None:
    program_runner.stopping.clear()


def _stop() -> None:
    program_runner.stopping.set()
