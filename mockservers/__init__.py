"""Mock servers that break exactly as planned, and the books that show what came of it.

Read the modules in this order: `faults`, `codes`, `plan`, `profiles`, `wire`, `predict`
(values and decisions); `flags`, `catalogue`, `parser`, `arrivals`, `connection`, `listening`,
`server` (what is served, and how); `journal`, `claims`, `ledger`, `report`, `page` (what was seen,
what was said, whether it balances); `supervise`, `runs`, `control`, `live`, `cli` (the commands);
`embed`, `inprocess`, `strategies`, `pytest_plugin` (for tests of one's own).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mockservers.running_servers import running

__all__ = ["running"]


def __getattr__(name: str) -> Any:
    """`mockservers.running`, read only when it is asked for."""
    if name == "running":
        from mockservers.running_servers import running

        return running
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
