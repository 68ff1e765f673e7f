"""The process of an adapter: started, asked over its pipes, and killed."""

import contextlib
import json
import os
import queue
import select
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from conformance.adapter.answer import Answer, read_answer
from conformance.adapter.cases import Question
from conformance.checks.ending import error_line
from conformance.process_tree import SETTLE_S
from conformance.program_runner import CannotStartError, Tail
from mockservers.cli.child_process import signal_group
from mockservers.flags2.codes import packaged_codes

MAX_ANSWER = 16 * 1024 * 1024
"""Bytes of an answer."""


class AdapterProcess:
    """A process that answers; it is started by the first question, and again after a fault.

    `command` is resolved (conformance.program_runner). The working directory is new and contains
    `country_codes.txt`. A context manager.
    """

    def __init__(self, command: Sequence[str], timeout_factor: float = 1.0) -> None:
        self.command = tuple(command)
        self.timeout_factor = timeout_factor
        self.questions_sent = 0
        self._folder = tempfile.TemporaryDirectory(prefix="adapter-")
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: Tail
        self._worker: threading.Thread | None = None
        codes = "\n".join(packaged_codes())
        Path(self._folder.name, "country_codes.txt").write_text(f"{codes}\n", encoding="utf-8")

    def __enter__(self) -> "AdapterProcess":
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        self._folder.cleanup()

    def ask(self, question: Question) -> Answer:
        """Ask one question. Raises CannotStartError if the command cannot be started."""
        self.questions_sent += 1
        process = self._process or self._start()
        line = json.dumps(question.to_json()).encode() + b"\n"
        answers: queue.Queue[Answer] = queue.Queue()
        # The pipe may be full in either direction, so another thread writes and reads.
        self._worker = threading.Thread(
            target=lambda: answers.put(_exchange(process, line)), daemon=True
        )
        self._worker.start()
        limit_s = question.limit_s * self.timeout_factor
        try:
            answer = answers.get(timeout=limit_s)
        except queue.Empty:
            answer = Answer(f"no answer within {limit_s:g} s", fault="timeout")
        if answer.fault:
            self.stop()
        return self._with_last_words(answer) if answer.fault == "crash" else answer

    def stop(self) -> None:
        """Kill the process and its group; the next question starts another process."""
        process, self._process = self._process, None
        if process is None:
            return
        signal_group(process, "SIGKILL")
        process.wait()
        if self._worker:
            self._worker.join(1)
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the user gives the command
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=self._folder.name,
                start_new_session=True,
            )
        except OSError as exc:
            why = exc.strerror or type(exc).__name__
            raise CannotStartError(f"cannot start {self.command[0]}: {why}") from None
        assert self._process.stderr
        self._stderr = Tail(self._process.stderr)
        return self._process

    def _with_last_words(self, answer: Answer) -> Answer:
        """The answer of a process that ended, with what it wrote to stderr."""
        self._stderr.join(SETTLE_S)
        words = error_line(self._stderr.text())
        return replace(answer, text=f"{answer.text}; stderr: {words}") if words else answer


def _exchange(process: subprocess.Popen[bytes], line: bytes) -> Answer:
    """Write a question and read the answer, one line."""
    assert process.stdin is not None
    assert process.stdout is not None
    out = process.stdout.fileno()
    try:
        if select.select([out], [], [], 0)[0] and (early := os.read(out, 1000)):
            return Answer(f"more than one line: {early!r}", fault="malformed")
        left = memoryview(line)
        while left:
            left = left[os.write(process.stdin.fileno(), left) :]
        chunks, size = [b""], 0
        while b"\n" not in chunks[-1]:
            chunks.append(os.read(out, 1 << 20))
            size += len(chunks[-1])
            if not chunks[-1]:
                return Answer(_how_it_ended(process, b"".join(chunks)), fault="crash")
            if size > MAX_ANSWER:
                start = b"".join(chunks)[:80]
                return Answer(f"more than {MAX_ANSWER} bytes: {start!r}...", fault="malformed")
    except (OSError, ValueError):  # the pipe is closed
        return Answer(_how_it_ended(process, b""), fault="crash")
    first, _, rest = b"".join(chunks).partition(b"\n")
    if rest:
        return Answer(f"more than one line: {rest[:80]!r}", fault="malformed")
    return read_answer(first)


def _how_it_ended(process: subprocess.Popen[bytes], output: bytes) -> str:
    """How a process ended, for people."""
    try:
        status = process.wait(1)
    except subprocess.TimeoutExpired:
        return f"its stdout ended after {output[-80:]!r}"
    how = f"status {status}" if status >= 0 else f"signal {-status}"
    return f"the adapter ended with {how}" + (f" after {output[-80:]!r}" if output else "")
