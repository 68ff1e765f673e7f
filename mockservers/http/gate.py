"""A gate that holds responses until enough are held at once, or its time is up."""

import asyncio
from collections.abc import Callable

from mockservers.journal import GateEntry, encode
from mockservers.plan import Gate
from mockservers.run_state import Run


class HeldGate:
    """The gate of one server in one run; it opens once, and the journal gets an entry."""

    def __init__(self, gate: Gate, label: str, run: Run) -> None:
        self.is_open = False
        self._gate = gate
        self._label = label
        self._run = run
        self._held: dict[object, Callable[[], None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def hold(self, connection: object, go_on: Callable[[], None]) -> None:
        """Call `go_on` when the gate opens."""
        self._held[connection] = go_on
        if len(self._held) >= self._gate.hold_until_in_flight:
            self._open(filled=True)
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._gate.or_s, lambda: self._open(filled=False))

    def forget(self, connection: object) -> None:
        """The connection is lost: do not count it. A client that half-closed still counts."""
        self._held.pop(connection, None)
        if not self._held:
            self._stop_waiting()

    def _stop_waiting(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _open(self, *, filled: bool) -> None:
        self.is_open = True
        self._stop_waiting()
        held, self._held = self._held, {}
        at_s = self._run.now()
        entry = GateEntry(server=self._label, held=len(held), filled=filled, at_s=at_s)
        self._run.write_line(encode(entry))
        for go_on in held.values():
            go_on()
