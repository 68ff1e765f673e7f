"""Threads under forced switch points: one runs at a time, and a schedule says which.

`Scheduler(schedule).run(main)` runs `main` and all threads that it starts, real ones. Each holds
the token for as long as the schedule lets it: every statement of a module from `loaded`, and
every call of a lock, event, queue or semaphore, is a `point` where the token may go on. Who
waits for something is not asked until it is there; if nobody can go on, that is a Deadlock. So
a run is a pure function of its schedule, and so is a Ctrl-C at the n-th point of `main`.

The executors and futures are the standard library's own; what is replaced below them, by
`scheduled_library`, is `threading` and `queue`.
"""

import ast
import contextlib
import gc
import queue
import signal
import sys
import threading
import types
import weakref
from collections import deque
from concurrent.futures import _base as library_futures
from concurrent.futures import thread as library_pool
from pathlib import Path
from unittest import mock

import reference

HERE = threading.local()  # .strand: that of the running thread, where it is a scheduled one


class Deadlock(AssertionError):
    """Nobody can go on."""


class Cut(BaseException):
    """Ends a thread that waits when its run is over."""


class Strand:
    """A thread of a run: whether it can go on, and the baton that it waits for."""

    def __init__(self):
        self.baton = threading.Semaphore(0)
        self.awaits = None  # a condition
        self.ended = False

    @property
    def runnable(self):
        return not self.ended and (self.awaits is None or self.awaits())


class Scheduler:
    """Hands the token on as `schedule` says, and Ctrl-C to the main thread at `interrupts`.

    A schedule is a list of pairs: how many more points to pass, then which of the other threads
    that can go on to hand the token to, those started first first. Behind its end nobody is
    made to stop: the token moves when its owner waits or ends. So `[]` is the simplest.
    """

    def __init__(self, schedule=(), interrupts=()):
        self.plan = iter(schedule)
        self.interrupts = set(interrupts)
        self.main = Strand()
        self.strands = [self.main]
        self.steps = 0  # points that the main thread has passed
        self.armed = False  # whether these are counted
        self.over = self.stuck = False
        self.turn()

    def turn(self):
        """The next entry of the schedule."""
        self.left, self.who = next(self.plan, (sys.maxsize, 0))

    def run(self, main):
        """What `main()` returns or raises; threads that are left then are cut off one by one."""
        HERE.strand, HERE.scheduler = self.main, self
        gc.disable()  # what an earlier run left would be tidied up in the middle of this one
        try:
            return main()
        finally:
            self.over = True
            gc.enable()
            del HERE.strand, HERE.scheduler
            for strand in self.strands[1:]:
                strand.baton.release()
                strand.thread.join()

    @property
    def alive(self):
        """How many threads beside the main one have not ended."""
        return sum(not strand.ended for strand in self.strands[1:])

    def start(self, target):
        """A new thread; it gets the token when the schedule says so."""
        strand = Strand()

        def live():
            strand.baton.acquire()
            HERE.strand, HERE.scheduler = strand, self
            with contextlib.suppress(Cut):
                target()
            strand.ended = True
            if not self.over:
                self.following(strand).baton.release()

        strand.thread = threading.Thread(target=live, daemon=True)
        strand.thread.start()
        self.strands.append(strand)
        return strand

    def point(self, strand):
        """The token may go on here, and Ctrl-C may come."""
        if self.over:
            return
        self.left -= 1
        if self.left < 0 and any(other.runnable for other in self.strands if other is not strand):
            self.hand_on(strand)
        if strand is self.main and self.armed:
            self.steps += 1
            if self.steps in self.interrupts:
                signal.getsignal(signal.SIGINT)(signal.SIGINT, None)

    def wait(self, strand, condition):
        """Go on when `condition()` holds."""
        if not condition():
            if self.over:
                raise Cut
            strand.awaits = condition
            self.hand_on(strand)
            strand.awaits = None
            if self.over:
                raise Cut
            if self.stuck:
                raise Deadlock

    def hand_on(self, strand):
        """Give the token to another thread, and go on when it comes back."""
        following = self.following(strand)
        if following is not strand:
            following.baton.release()
            strand.baton.acquire()

    def following(self, strand):
        """Whose turn it is behind `strand`."""
        others = [other for other in self.strands if other is not strand and other.runnable]
        if not others:
            self.stuck = True
            return self.main
        chosen = others[self.who % len(others)]
        self.turn()
        return chosen


def point():
    """A place where the running thread may be made to stop; outside of a run, nothing."""
    if hasattr(HERE, "strand"):
        HERE.scheduler.point(HERE.strand)


def wait_for(condition):
    """Let others run until `condition()` holds; outside of a run nobody else is there."""
    if hasattr(HERE, "strand"):
        point()
        HERE.scheduler.wait(HERE.strand, condition)


class Lock:
    """As threading.Lock, and with `reentrant` as threading.RLock."""

    reentrant = False

    def __init__(self):
        self.owner, self.depth = None, 0

    def acquire(self):
        me = getattr(HERE, "strand", None)
        wait_for(lambda: self.owner is None or (self.reentrant and self.owner is me))
        self.owner, self.depth = me, self.depth + 1
        return True

    def release(self):
        self.depth -= 1
        if not self.depth:
            self.owner = None
        point()

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *_):
        self.release()


class Condition(Lock):
    """As threading.Condition()."""

    reentrant = True

    def __init__(self):
        super().__init__()
        self.waiters = []

    def wait(self, timeout=None):
        assert timeout is None
        ticket, me, depth = object(), self.owner, self.depth
        self.waiters.append(ticket)
        self.owner, self.depth = None, 0
        try:
            wait_for(lambda: ticket not in self.waiters)
        finally:
            HERE.scheduler.wait(me, lambda: self.owner is None)
            self.owner, self.depth = me, depth
        return True

    def notify_all(self):
        self.waiters.clear()


class Event:
    """As threading.Event."""

    def __init__(self):
        self.happened = False

    def is_set(self):
        return self.happened

    def set(self):
        self.happened = True
        point()

    def clear(self):
        self.happened = False

    def wait(self, timeout=None):
        assert timeout is None
        wait_for(self.is_set)
        return True


class Semaphore:
    """As threading.Semaphore."""

    def __init__(self, value=1):
        self.value = value

    def acquire(self, timeout=None):
        point() if timeout == 0 else wait_for(lambda: self.value)
        if not self.value:
            return False
        self.value -= 1
        return True

    def release(self):
        self.value += 1
        point()


class SimpleQueue:
    """As queue.SimpleQueue."""

    def __init__(self):
        self.items = deque()

    def put(self, item):
        self.items.append(item)
        point()

    def get(self, block=True):
        assert block
        wait_for(lambda: self.items)
        return self.items.popleft()

    def get_nowait(self):
        point()
        if not self.items:
            raise queue.Empty
        return self.items.popleft()


class Thread:
    """As threading.Thread, as far as executors and the quicksort use it."""

    def __init__(self, name=None, target=None, args=()):
        self.name, self.target = name, lambda: target(*args)

    def start(self):
        self.strand = HERE.scheduler.start(self.target)
        point()

    def join(self):
        wait_for(lambda: self.strand.ended)


THREADING = types.SimpleNamespace(
    Lock=Lock, Condition=Condition, Event=Event, Semaphore=Semaphore, Thread=Thread
)
QUEUE = types.SimpleNamespace(SimpleQueue=SimpleQueue, Empty=queue.Empty)


@contextlib.contextmanager
def scheduled_library():
    """concurrent.futures on the locks, queues and threads of this module."""
    with (
        mock.patch.object(library_futures, "threading", THREADING),
        mock.patch.object(library_futures.LOGGER, "disabled", True),  # of what was cut off
        mock.patch.object(library_pool, "threading", THREADING),
        mock.patch.object(library_pool, "queue", QUEUE),
        mock.patch.object(library_pool, "_shutdown", False),
        mock.patch.object(library_pool, "_threads_queues", weakref.WeakKeyDictionary()),
        mock.patch.object(library_pool, "_global_shutdown_lock", Lock()),
    ):
        yield


def end_of_interpreter():
    """What Python does behind the end of the main thread: it waits for the others."""
    library_pool._python_exit()
    wait_for(lambda: not HERE.scheduler.alive)


def loaded(*names, edits=()):
    """Fresh copies of modules of `reference`, the last one returned, with a point before each
    statement of their functions; they import each other. `edits` (old, new) make a twin."""
    copies = {}
    remaining = dict(edits)
    with mock.patch.dict(sys.modules), contextlib.ExitStack() as stack:
        for name in names:
            path = Path(reference.__file__).with_name(f"{name}.py")
            source = path.read_text(encoding="utf-8")
            for old in [old for old in remaining if old in source]:
                source = source.replace(old, remaining.pop(old))
            copies[name] = module = types.ModuleType(f"reference.{name}")
            module.__dict__.update(__file__=str(path), __point__=point)
            exec(compile(with_points(source), str(path), "exec"), module.__dict__)
            sys.modules[module.__name__] = module
            stack.enter_context(mock.patch.object(reference, name, module, create=True))
    assert not remaining, f"no longer in the source: {list(remaining)}"
    return module


def with_points(source):
    """The syntax tree of `source` with `__point__()` before each statement of a function."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for block in ("body", "orelse", "finalbody"):
            statements = getattr(node, block, None)
            if isinstance(statements, list) and not isinstance(node, ast.Module | ast.ClassDef):
                setattr(node, block, [new for old in statements for new in (call_at(old), old)])
    return ast.fix_missing_locations(tree)


def call_at(statement):
    """`__point__()` on the line of `statement`."""
    call = ast.Call(func=ast.Name(id="__point__", ctx=ast.Load()), args=[], keywords=[])
    return ast.copy_location(ast.Expr(call), statement)
