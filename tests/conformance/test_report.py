import json
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

from conformance import report as reports
from conformance.report_text import text_report

HERE = Path(__file__).parent / "reports"
SCHEMA = Path(reports.__file__).with_name("report.schema.json")
HOSTILE = "</textarea></pre><script>alert(1)</script><a href='javascript:x'>\x1b[2J\x00"


def sample(name):
    return json.loads((HERE / f"{name}.json").read_text())


@pytest.mark.parametrize("name", ["passing", "failing"])
def test_a_written_report_is_the_dictionary_and_fits_the_schema(name, tmp_path):
    found = sample(name)
    paths = reports.write_reports(found, tmp_path)
    written = json.loads((tmp_path / "report.json").read_text())
    assert written == found
    jsonschema.validate(written, json.loads(SCHEMA.read_text()))
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == set(paths)


def test_a_failure_can_be_replayed_from_its_file(tmp_path):
    found = sample("failing")
    reports.write_reports(found, tmp_path)
    name = found["failures"][0]["replay"]
    assert name == "failures/01-OUT-2-miscounted.json"
    assert json.loads((tmp_path / name).read_text()) == found["failures"][0]["case"]
    assert f"conformance replay {name} -- node flags2.mjs" in text_report(found)


def test_control_characters_leave_the_xml_well_formed():
    found = sample("failing")
    found["cases"][1]["findings"][0]["saw"] = HOSTILE
    root = ElementTree.fromstring(reports.junit_xml(found))
    assert [suite.get("failures") for suite in root] == ["0", "1"]


@pytest.mark.parametrize(
    ("change", "kind"),
    [({"known": "x"}, "skipped"), ({"stale": True}, "error"), ({"verdict": "KIT-ERROR"}, "error")],
)
def test_known_and_stale_cases_and_errors_of_the_kit_are_no_failures(change, kind):
    found = sample("failing")
    found["cases"][1] |= change
    root = ElementTree.fromstring(reports.junit_xml(found))
    assert root.find(f".//{kind}") is not None
    assert root.find(".//failure") is None


def test_no_text_from_outside_steers_the_terminal():
    found = sample("failing")
    found["failures"][0]["findings"][0]["saw"] = HOSTILE
    text = text_report(found)
    assert "\\x1b[2J\\x00" in text
    assert "\x1b" not in text


def test_no_text_from_outside_becomes_markup():
    found = sample("failing")
    found["command"] = [HOSTILE]
    failure = found["failures"][0]
    failure["stdout"] = failure["word"] = failure["books"][0]["said"] = HOSTILE
    failure["journal"][0]["path"] = HOSTILE
    for page in (reports.report_html(found), reports.matrix_html([found, sample("passing")])):
        assert "&lt;script&gt;" in page
        assert "<script>alert" not in page
        assert page.count("<script") == 3  # the data, and two of ours
        assert "<a " not in page
        assert "\x1b" not in page


def test_the_last_line_sums_up():
    assert text_report(sample("passing")).splitlines()[-1] == "conforms: 2 PASS"
    last = text_report(sample("failing")).splitlines()[-1]
    assert last == "does not conform: 1 FAIL, 1 PASS"


def test_the_imbalance_is_marked_in_the_evidence_table():
    lines = text_report(sample("failing")).splitlines()
    assert [line.split()[1] for line in lines if line.startswith(">")] == ["ZZ"]


def test_a_finding_says_what_was_seen_claimed_and_expected():
    lines = text_report(sample("failing")).splitlines()
    assert "  OUT-2 miscounted ZZ: saw a 404; claimed error; expected not found" in lines


def test_a_freedom_is_a_line_with_its_case_and_the_command_that_runs_it_again():
    found = sample("failing")
    found["clauses"]["OUT-6"] = {"verdict": "INFO", "text": "", "cases": ["fixed/no-length"]}
    finding = {"clause": "OUT-6", "word": "freedom", "verdict": "INFO",
               "saw": "`no_length` is counted as ok", "claimed": None,
               "expected": "either is allowed"}  # fmt: skip
    found["notes"] = [{"clause": "OUT-6", "word": "freedom", "verdict": "INFO", "text": "",
                       "cases": ["fixed/no-length"], "findings": [finding], "books": [],
                       "replay": "fixed/no-length"}]  # fmt: skip
    lines = text_report(found).splitlines()
    line = "INFO        OUT-6   fixed/no-length: `no_length` is counted as ok (either is allowed)"
    assert line in lines
    assert "conformance replay fixed/no-length -- node flags2.mjs" in lines[lines.index(line) + 1]
    assert "counted as ok" in reports.report_html(found)


def test_what_was_not_tested_is_a_line_for_each_reason():
    found = sample("passing")
    row = {"verdict": "NOT-TESTED", "text": "", "cases": []}
    hidden = row | {"hidden_by": ["REQ-1"]}
    found["clauses"] |= {"EXP-6": hidden, "EXP-7": hidden, "EXP-8": row}
    lines = text_report(found).splitlines()
    assert "NOT-TESTED  EXP-6, EXP-7: hidden by REQ-1" in lines
    assert "NOT-TESTED  EXP-8" in lines
    hidden_alone = text_report(found | {"only": ["EXP-7"]}).splitlines()
    assert "NOT-TESTED  EXP-8" not in hidden_alone
    assert "NOT-TESTED  EXP-6, EXP-7: hidden by REQ-1" in hidden_alone


def test_a_matrix_is_made_from_saved_reports(tmp_path):
    out = tmp_path / "m.html"
    files = [str(HERE / "passing.json"), str(HERE / "failing.json")]
    assert reports.main([*files, "-o", str(out)]) == 0
    assert "Conformance of 2 programs" in out.read_text()


def test_a_file_that_is_not_a_report_is_rejected_in_one_line(tmp_path, capsys):
    (tmp_path / "report.json").write_text("[]")
    assert reports.main([str(tmp_path), "-o", str(tmp_path / "m.html")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        reports.write_reports(sample("passing"), tmp_path / "file" / "x")
