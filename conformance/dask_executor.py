"""Cases on a Dask cluster: its executor in the place of threads of this process."""

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from conformance import program_runner

CONNECT_S = 10
"""Seconds to reach the scheduler."""
RETRIES = 3
"""How often a case is given to another worker when its worker dies."""


class ClusterError(Exception):
    """There is no such cluster; the text says why, in one line."""


@contextmanager
def cluster_executor(address: str) -> Iterator[Executor]:
    """An executor whose work is done by the workers of the scheduler at `address`.

    They need this kit, the program that is judged, at the same path, and about the speed of this
    machine, by which the wall limit is measured. On the way out no further run begins. A worker
    that is killed outright leaves behind the program that it ran. Raises ClusterError.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ClusterError("distributed is missing: pip install '.[cluster]'") from None
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as exc:
        raise ClusterError(f"no Dask scheduler at {address}: {exc or type(exc).__name__}") from None
    try:
        try:
            client.run(_begin)
        except Exception as exc:
            raise ClusterError(f"the workers of {address} have no such kit: {exc!r}") from None
        try:
            # Not pure: the same case may be run more than once, and is to be.
            yield client.get_executor(pure=False, retries=RETRIES)
        finally:
            client.run(_stop)
    finally:
        client.close()


def _begin() -> None:
    program_runner.stopping.clear()


def _stop() -> None:
    program_runner.stopping.set()
