"""A gate that holds responses until enough are held at once, or its time is up."""

import asyncio
from collections.abc import Callable

from mockservers.plan import Gate


class HeldGate:
    """The gate of one server in one run; it opens once, and calls `opened` with the number that it
    held, and whether these were enough.
    """

    def __init__(self, gate: Gate, opened: Callable[[int, bool], None]) -> None:
        self.is_open = False
        self._gate, self._opened = gate, opened
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
        self._opened(len(held), filled)
        for go_on in held.values():
            go_on()
