"""A correct run has no failure; the same run with a wrong line, total, request or file has one."""

import re
from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from support.downloaders import DOWNLOADERS, play_sockets
from support.examples import examples

from conformance.cases.fixed import fixed_cases
from conformance.cases.generated import cases, generated_cases
from conformance.cases.model import case_from_json
from conformance.checks.judge import findings
from conformance.recording import PrintedLine, Run
from conformance.verdicts import FAILURES
from mockservers.journal import RequestEntry
from mockservers.journal_json import entry_from_json

HYPHENS = "-" * 20


def recorded(servers, case, downloader):
    """A run of a reference downloader in this process, as the kit would record it."""
    played = play_sockets(servers, downloader, case.plan, case.arguments, case.request().label)
    at_s = servers.clock_s()
    return Run(
        status=0,
        ended="exit",
        lines=tuple(PrintedLine(at_s, text) for text in played.stdout.splitlines()),
        stderr="",
        entries=tuple(map(entry_from_json, played.entries)),
        urls=dict(servers.urls),
        files_before={},
        files_after=played.files_book,
    )


def with_lines(run, texts):
    return replace(run, lines=tuple(PrintedLine(run.lines[-1].at_s, text) for text in texts))


def failed(case, run):
    return {one.clause for one in findings(case, run) if one.verdict in FAILURES}


def wrong_lines(run, pick):
    """The run without one of its lines, with another outcome in one, and with another total."""
    texts = list(run.texts)
    kept = [i for i, text in enumerate(texts) if not text.startswith("Elapsed")]
    missing = pick(kept)
    yield with_lines(run, texts[:missing] + texts[missing + 1 :])

    outcomes = [i for i, text in enumerate(texts) if re.fullmatch(r"[A-Z]{2} (OK|not found)", text)]
    if outcomes:
        place = pick(outcomes)
        code = texts[place][:2]
        others = {f"{code} OK", f"{code} not found", f"*** Error for {code}: x"} - {texts[place]}
        yield with_lines(run, [*texts[:place], pick(sorted(others)), *texts[place + 1 :]])

    report = range(texts.index(HYPHENS) + 1, len(texts))
    place = pick([i for i in report if re.match(r"\d+ ", texts[i])])
    number, rest = texts[place].split(" ", 1)
    total = f"{int(number) + pick([-1, 1, 2])} {rest}"
    yield with_lines(run, [*texts[:place], total, *texts[place + 1 :]])


def wrong_requests(run, pick):
    """The run without one of its requests, and with one twice, with the clause of each."""
    asked = [e for e in run.entries if isinstance(e, RequestEntry)]
    times = Counter(e.code for e in asked)
    # Where no response arrived, the client library may have asked once more.
    served = [e for e in asked if (e.do, e.status, times[e.code]) == ("serve", 200, 1)]
    # A request may belong to a redirect.
    if served and not any(getattr(e, "location", None) for e in asked):
        entry = pick(served)
        yield "REQ-2", replace(run, entries=tuple(e for e in run.entries if e is not entry))
        yield "REQ-4", replace(run, entries=(*run.entries, structs.replace(entry, n=999)))


def wrong_files(run, pick):
    """The run without one of its files, and with other bytes in it."""
    name = pick(sorted(run.files_after))
    file = run.files_after[name]
    missing = {other: one for other, one in run.files_after.items() if other != name}
    yield replace(run, files_after=missing)
    yield replace(run, files_after=run.files_after | {name: structs.replace(file, sha256="0" * 64)})


@examples(25)
@given(case=cases(), data=st.data())
def test_a_run_of_a_reference_downloader_has_a_failure_only_if_it_is_changed(servers, case, data):
    def pick(values):
        return data.draw(st.sampled_from(values))

    run = recorded(servers, case, pick(DOWNLOADERS))
    assert failed(case, run) == set()
    for wrong in wrong_lines(run, pick):
        assert failed(case, wrong)
    for clause, wrong in wrong_requests(run, pick):
        assert clause in failed(case, wrong)
    if run.files_after:
        for wrong in wrong_files(run, pick):
            assert failed(case, wrong)
        name, file = next(iter(run.files_after.items()))
        more = run.files_after | {f"{name}.part": file}
        assert failed(case, replace(run, files_after=more)) == {"FIL-3"}


def test_every_case_has_its_own_id_and_is_the_same_after_a_round_trip_through_json():
    tried = (*fixed_cases(), *generated_cases(8, 1))
    assert len({case.id for case in tried}) == len(tried)
    for case in tried:
        again = case_from_json(case.to_json())
        assert again.to_json() == case.to_json()
        assert (again.plan, again.arguments) == (case.plan, case.arguments)
        assert again.code_lists() == case.code_lists()


def test_cases_are_pure_in_their_seed():
    one, again, other = ([c.to_json() for c in generated_cases(5, n)] for n in (7, 7, 8))
    assert one == again
    assert [case["plan"] for case in one] != [case["plan"] for case in other]
