"""A run of the asyncio downloader in virtual time."""

import asyncio
import contextlib
import io
import random
import signal
import threading
from dataclasses import dataclass, field
from unittest import mock

import aiohttp
from aiohttp import web
from hypothesis import strategies as st

from mockservers.content.flag_images import flag
from mockservers.flags2.output import claims_of
from reference import flags2_asyncio, flags2_common
from support.downloaders import workplace
from support.virtual_loop import choices, in_turn, virtual_time


@dataclass(frozen=True)
class Fate:
    """What `get_flag` comes to, and after how long."""

    outcome: str
    after_s: float = 0.0


class Double:
    """A `get_flag` that needs no server; it counts who is in it."""

    def __init__(self, fates):
        self._fates = fates
        self.in_flight = self.most_in_flight = 0

    async def get_flag(self, session, base_url, cc):
        if flags2_common.interrupted:
            raise flags2_common.NotStarted
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            fate = self._fates[cc]
            await asyncio.sleep(fate.after_s)  # the head of the reply
            if fate.outcome == "not_found":
                raise web.HTTPNotFound
            if fate.outcome == "error":
                raise aiohttp.ClientError("HTTP 503 - Service Unavailable")
            await asyncio.sleep(0)  # its body
            return body_of(cc)
        finally:
            self.in_flight -= 1


def body_of(cc):
    return flag(cc) or cc.encode()


@dataclass
class Run:
    """What a run printed and left."""

    stdout: str = ""
    status: int = 0
    """What the operating system would be told."""
    files: dict[str, bytes] = field(default_factory=dict)
    moments: int = 0
    """How often Ctrl-C could have been pressed."""
    elapsed_s: float = 0.0
    left: list[object] = field(default_factory=list)
    """What should not be there: tasks, sessions, sockets, threads, tracebacks."""

    @property
    def claims(self):
        return claims_of(self.stdout.splitlines())


def play(runner, codes, m, urls=None, *, verbose=True, press=None):
    """Run the program as its command would, on the loop of `runner`.

    Ctrl-C is pressed at the moment `press`: a moment is a callback or a step of a task that
    has ended, or a round of the loop. They are counted from the first step of `downloader_coro` to
    its last.
    """
    run, loop, out = Run(), runner.get_loop(), io.StringIO()
    sessions, others, threads = [], asyncio.all_tasks(runner.get_loop()), threading.active_count()

    def moment():
        run.moments += 1
        if run.moments - 1 == press:  # what a SIGINT does
            signal.getsignal(signal.SIGINT)(signal.SIGINT, None)

    async def watched(main):
        loop.after_each = moment
        try:
            return await main
        finally:
            loop.after_each = lambda: None

    def run_in_loop(main):
        try:
            return runner.run(watched(main))
        except BaseException:  # then `asyncio.run` gives up what is still under way
            tasks = asyncio.all_tasks(loop) - others
            for task in tasks:
                task.cancel()
            runner.run(gathered(tasks))
            raise

    # What would be a traceback on stderr, such as that of an exception that nobody asked for.
    loop.set_exception_handler(lambda _, context: run.left.append(context["message"]))
    began_s = loop.time()
    with (
        workplace(urls or {"LOCAL": "http://double.invalid"}) as folder,
        mock.patch.object(asyncio, "run", run_in_loop),
        mock.patch.object(aiohttp, "ClientSession", kept(aiohttp.ClientSession, sessions)),
        mock.patch("sys.argv", ["program", "-m", str(m), *["-v"] * verbose, *codes]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        try:
            flags2_asyncio.main()
        except SystemExit as exc:
            run.status = exc.code
        if folder.exists():
            run.files = {path.name: path.read_bytes() for path in folder.iterdir()}
    run.stdout, run.elapsed_s = out.getvalue(), loop.time() - began_s
    runner.run(asyncio.sleep(0))  # as `asyncio.run` does: transports say that they are closed
    run.left += asyncio.all_tasks(loop) - others
    run.left += [session for session in sessions if not session.closed]
    run.left += range(threading.active_count() - threads)
    return run


async def gathered(tasks):
    await asyncio.gather(*tasks, return_exceptions=True)


def kept(make, instances):
    def make_and_keep(*args, **kwargs):
        instances.append(make(*args, **kwargs))
        return instances[-1]

    return make_and_keep


def play_double(fates, m, choose=in_turn, **how):
    double = Double(fates)
    with (
        virtual_time(choose) as runner,
        mock.patch.object(flags2_asyncio, "get_flag", double.get_flag),
    ):
        run = play(runner, fates, m, **how)
    return run, double


def order_of(shuffle):
    """Choices by chance, from a seed. New ones for each run: to choose uses them up."""
    return shuffle if callable(shuffle) else choices(random.Random(shuffle).randbytes(500))


OUTCOMES = ("ok", "not_found", "error")
fates = st.builds(Fate, st.sampled_from(OUTCOMES), st.sampled_from([0.0, 0.5, 1.0, 60.0]))


def whole(codes):
    return {f"{code.lower()}.gif": body_of(code) for code in codes}
