"""The books of live servers against plain lists, whatever is done."""

import contextlib
import io
import json
import random
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from msgspec import to_builtins
from support.drawn_ledgers import (
    CODES,
    CONTENTS,
    Chance,
    book,
    compare_lines,
    compare_totals,
    journal,
    say,
    sha,
)
from support.driven_servers import (
    CODE_AT,
    FLAGS,
    HEADER,
    TARGETS,
    Controlled,
    Embedded,
    PlainRun,
    Wire,
    chances,
    drawn_plans,
    in_json,
    read_off,
)
from support.examples import examples
from support.journals import lines_of
from support.plain_ledger import SAYINGS, PlainBooks, Told, file_of, path_of

from mockservers import running
from mockservers.cli import commands as cli
from mockservers.faults import Hang
from mockservers.journal import End
from mockservers.journal_json import read_journal
from mockservers.plan import LABELS, Gate, Plan
from mockservers.plan_json import plan_to_json


class Machine(RuleBasedStateMachine):
    """Whatever can be done to servers and their books, in any order."""

    def __init__(self, door):
        super().__init__()
        self.door = door
        door.clear()
        self.runs = []
        self.idle = []  # (label, wire): connections that were kept
        self.open = []  # requests under way, of this run and earlier ones
        self.contents = {sha(c): c for c in (*CONTENTS, *FLAGS.values(), b"")}
        self.begin_run(dict.fromkeys(LABELS, Plan()), Plan(), None)

    @property
    def now(self):
        return self.runs[-1]

    # --- what it does to the servers ------------------------------------------------------

    def begin_run(self, plans, plan, label):
        self.door.begin(plans, plan, label)
        self.runs.append(PlainRun(plans))
        self.close_idle(lambda there: plans[there].refuse)

    def close_idle(self, which):
        for label, wire in list(self.idle):
            if which(label):
                self.idle.remove((label, wire))
                wire.close(rudely=False)
        self.settled()

    def settled(self):
        """All the servers have to do is done."""
        mine = len(self.idle) + len(self.open)
        house = self.door.house
        self.door.until(
            lambda: sum(len(state.connections) for state in house.states.values()) == mine
        )
        self.door.until(lambda: self.door.servers.under_way == len(self.now.under_way()))

    def connect(self, label):
        """A connection that the server knows of, or None where nobody listens."""
        house = self.door.house
        before = len(house.states[label].connections)
        try:
            wire = Wire(house.urls[label])
        except ConnectionRefusedError:
            assert self.now.plans[label].refuse
            return None
        assert not self.now.plans[label].refuse
        self.door.until(lambda: len(house.states[label].connections) == before + 1)
        return wire

    def send(self, data, label, method, path, gzip, wire):
        """Count a request as it arrives, to be `data` of it."""
        asked = self.now.ask(label, method, path, wire, gzip)
        head, rest = asked.head_and_rest()
        asked.whole = data == "all"
        wire.send(head + rest if asked.whole else head)
        self.open.append(asked)
        return asked

    def arrived(self):
        self.door.until(lambda: self.door.house.run.requests == len(self.now.asked))

    def go_on(self, asked):
        """A whole request: to the gate, or to its reply."""
        held = asked.run.held.get(asked.label)
        if held is None or asked.refused:
            self.answer(asked)
            return
        held.append(asked)
        if len(held) == asked.run.plans[asked.label].gate.hold_until_in_flight:
            del asked.run.held[asked.label]
            asked.run.others.append(("gate", asked.label, len(held), None))
            for one in held:
                self.answer(one)

    def answer(self, asked):
        if not asked.refused and asked.reply.wait_s > 1:
            return  # nobody waits for it
        asked.data, kept = asked.wire.read(asked.method)
        self.end(asked, "answered")
        asked.check_wire()
        body = read_off(asked.data, asked.method)[2]
        self.contents[sha(body)] = body
        kept = kept and asked.kind() != "reset"  # which may come after the end
        if kept and not self.now.plans[asked.label].refuse:
            self.idle.append((asked.label, asked.wire))
        else:
            asked.wire.close(rudely=False)

    def end(self, asked, state):
        asked.state = state
        self.open.remove(asked)
        if asked in asked.run.held.get(asked.label, ()):
            asked.run.held[asked.label].remove(asked)

    def leave(self, asked, *, rudely):
        asked.wire.close(rudely=rudely)
        self.end(asked, "left")

    # --- what may be done --------------------------------------------------------------------

    @rule(plan=drawn_plans, label=st.sampled_from([None, *LABELS]))
    def put_a_plan(self, plan, label):
        named = [label] if label else LABELS
        self.begin_run(self.now.plans | dict.fromkeys(named, plan), plan, label)

    @rule()
    def reset(self):
        self.door.reset(self.now.plans)
        for asked in list(self.open):
            asked.wire.close(rudely=True)
            self.end(asked, "dropped")
        self.runs.append(PlainRun(self.now.plans))
        self.close_idle(lambda there: True)

    @rule(
        label=st.sampled_from(["ERROR", "ERROR", "LOCAL"]),
        method=st.sampled_from(["GET"] * 6 + ["HEAD", "POST"]),
        path=st.sampled_from(TARGETS),
        gzip=st.booleans(),
        keep=st.booleans(),
        how=st.sampled_from(["read", "read", "read", "half", "unread"]),
    )
    def ask(self, label, method, path, gzip, keep, how):
        """`how`: to the end of the reply, its first line only, or without reading a reply."""
        kept = [wire for there, wire in self.idle if there == label and keep]
        wire = kept[0] if kept else self.connect(label)
        if wire is None:
            return
        if kept:
            self.idle.remove((label, wire))
        asked = self.send("half" if how == "half" else "all", label, method, path, gzip, wire)
        self.arrived()
        gate_or_wait = label in self.now.held or asked.reply.wait_s > 1
        if how == "unread" and not gate_or_wait:
            wire.close(rudely=False)
            self.end(asked, "unread")
        elif asked.whole:
            self.go_on(asked)
        self.settled()

    @rule(
        path=st.sampled_from(TARGETS), keep=st.booleans(), label=st.sampled_from(["ERROR", "LOCAL"])
    )
    def fetch(self, path, keep, label):
        self.ask(label, "GET", path, gzip=True, keep=keep, how="read")

    @precondition(lambda self: any(not asked.whole for asked in self.open))
    @rule()
    def send_the_rest(self):
        asked = next(asked for asked in self.open if not asked.whole)
        asked.wire.send(asked.head_and_rest()[1])
        asked.whole = True
        self.go_on(asked)
        self.settled()

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 9), rudely=st.booleans())
    def give_up(self, which, rudely):
        asked = self.open[which % len(self.open)]
        # Who only closes his side still listens, but to a hang.
        no_reply_due = not asked.whole or isinstance(asked.reply, Hang)
        self.leave(asked, rudely=rudely or not no_reply_due)
        self.settled()

    @rule(label=st.sampled_from(LABELS), nonsense=st.booleans())
    def knock(self, label, nonsense):
        wire = self.connect(label)
        if wire is None:
            return
        if nonsense:
            wire.send(b"\x16\x03\x01\r\n\r\n")
            assert wire.read("GET")[0].startswith(b"HTTP/1.1 400 ")
        wire.close(rudely=False)
        self.now.others.append(("connection", label, None, 400 if nonsense else None))
        self.settled()

    @precondition(lambda self: self.now.asked)
    @rule(chance=chances)
    def read_the_entries(self, chance):
        self.now.check(self.door.entries(chance))

    @rule(chance=chances)
    def call_badly(self, chance):
        self.door.bad_call(chance)

    @precondition(lambda self: self.now.asked)
    @rule(chance=chances)
    def claim(self, chance):
        entries = self.door.entries(chance)
        self.now.check(entries)
        told = Told(asked=tuple(chance.shuffled(CODES)[: 1 + chance.below(3)]))
        told.label = chance.one(None, "ERROR")
        told.files = chance.one(None, {}, self.sent(told, entries), self.sent(told, entries))
        if told.files is not None and not chance.often():
            told.files = dict(told.files)
            for name, file in book(chance, None, tuple(self.contents.values())).items():
                told.files[name] = {"size": file["size"], "sha256": file["sha256"]}
        say(chance, told, entries)
        twice = len(dict(told.lines)) < len(told.lines)
        plain = Counter(said for _, said in told.lines)
        spoken = told.label or twice or any(plain[s] != told.totals[s] for s in SAYINGS)
        judged = self.door.judge(told, printed(told) if spoken else None, self.contents)
        self.judge_file(entries, told, judged, by="report" if spoken else "said")
        # The plain books are those of version 0.1, which did not know who says it.
        _, of_old = self.in_file(entries, told)
        if told.lines:
            compare_lines(entries, told, of_old)
        else:
            compare_totals(entries, told, of_old)

    def sent(self, told, entries):
        """The files of one who saves whatever came with a 200."""
        books = PlainBooks(entries, told)
        last = {code: requests[-1] for code, requests in books.downloads.items() if requests}
        return {
            file_of(code): {"size": entry["bytes_sent"], "sha256": books.sent(code)}
            for code, entry in last.items()
            if entry["status"] == 200 and books.sent(code) in self.contents
        }

    def judge_file(self, entries, told, judged, by):
        """`mockservers ledger` says the same of the journal in a file, of what it can know."""
        if told.files is None or not self.door.reads_files:
            assert self.in_file(entries, told, by) == (0 if judged["balanced"] else 1, judged)

    def in_file(self, entries, told, by=None):
        """What `mockservers ledger` says of the journal in a file."""
        path = Path(self.door.folder, "told.jsonl")
        lines = journal(entries, told)
        lines[0] = HEADER | {"plans": in_json(self.now.plans)}
        lines[-1]["claims"] |= {"by": by}
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        assert list(read_journal(path)) == lines_of(lines)
        return ledger_command(path)

    @precondition(lambda self: self.now.asked)
    @rule()
    def look_at_the_ledger(self):
        judged = self.door.judge_untold()
        assert judged["balanced"]
        ended = [a for a in self.now.asked if a.state != "under way" and a.method != "HEAD"]
        if not any(a.state == "unread" or b"\r\nLocation: " in a.data for a in ended):
            asked_for = Counter(f"{a.label} {CODE_AT[a.path]}" for a in ended if a.path in CODE_AT)
            assert {name: row["requests"] for name, row in judged["codes"].items()} == asked_for

    def teardown(self):
        for asked in list(self.open):
            self.leave(asked, rudely=True)
        self.close_idle(lambda there: True)
        plans = [run.plans for run in self.runs]
        for run, path in zip(self.runs, self.door.journals(plans), strict=True):
            first, *entries, end = read_journal(path)
            assert first.plans == {label: plan_to_json(run.plans[label]) for label in LABELS}
            run.check(list(map(to_builtins, entries)))
            assert isinstance(end, End)
        assert ledger_command(path)[1]["balanced"]


def printed(told):
    """A report of flags2."""
    words = {"ok": "{} OK", "not_found": "{} not found", "error": "*** Error for {}: x"}
    totals = {
        "ok": "{} flags downloaded.", "not_found": "{} not found.", "error": "{} errors.",
        "interrupted": "{} interrupted.",
    }  # fmt: skip
    lines = [f"{told.label} site: http://x/flags"] if told.label else []
    lines += [words[said].format(code) for code, said in told.lines]
    lines += ["-" * 20, *(totals[said].format(told.totals[said]) for said in SAYINGS)]
    return "".join(f"{line}\n" for line in lines)


def ledger_command(path):
    """Exit status and JSON of `mockservers ledger`."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as ended:
        cli.main(["ledger", str(path), "--json"])
    return ended.value.code, json.loads(out.getvalue())


@pytest.fixture(scope="module")
def doors():
    """One way in for each: servers that run for the whole module."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        other = stack.enter_context(tempfile.TemporaryDirectory())
        controlled = Controlled(stack.enter_context(running()), folder)
        stack.callback(controlled.close)
        yield {"control": controlled, "embed": Embedded(stack.enter_context(running()), other)}


@pytest.mark.slow
@pytest.mark.parametrize("door", ["control", "embed"])
def test_after_any_actions_in_any_order_the_ledger_agrees_with_plain_lists(doors, door):
    run_state_machine_as_test(
        lambda: Machine(doors[door]), settings=settings(examples(25), stateful_step_count=25)
    )


@pytest.mark.parametrize("door", ["control", "embed"])
def test_a_client_that_left_does_not_fill_a_gate_and_it_opens_once(doors, door):
    machine, chance = Machine(doors[door]), Chance(random.Random(1).randrange)
    machine.put_a_plan(Plan(gate=Gate(2, 60)), None)
    for held in (1, 0):
        machine.fetch(path_of("BR"), keep=False, label="ERROR")
        assert len(machine.open) == 1
        if held:
            machine.give_up(0, rudely=True)
    machine.fetch(path_of("CN"), keep=False, label="ERROR")
    machine.fetch(path_of("ZZ"), keep=True, label="ERROR")
    assert machine.open == []
    machine.read_the_entries(chance)
    assert machine.now.others == [("gate", "ERROR", 2, None)]
    machine.teardown()
