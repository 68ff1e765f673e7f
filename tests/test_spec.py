"""SPEC.md and README.md say what is so."""

import re
import textwrap
import urllib.request
from pathlib import Path

from mockservers.plan import plan_from_json

TESTS = Path(__file__).parent
SPEC = TESTS.with_name("SPEC.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([LRD])-(\d+) \| .* \| `(.*)::(.*)` \|$", SPEC, re.MULTILINE)


def test_every_difference_names_a_test_that_there_is():
    assert len(ROWS) >= 29
    for kind, number, file, test in ROWS:
        text = (TESTS / file).read_text(encoding="utf-8")
        assert f"def {test}(" in text, f"{kind}-{number}"


def test_differences_are_numbered_without_a_gap_or_a_twin():
    for kind in "LRD":
        numbers = [int(number) for found, number, *_ in ROWS if found == kind]
        assert numbers == list(range(1, len(numbers) + 1))


def test_every_difference_that_the_code_names_is_in_the_table():
    ids = {f"{kind}-{number}" for kind, number, *_ in ROWS}
    for source in [*TESTS.parent.glob("reference/*.py"), *TESTS.parent.glob("mockservers/*.py")]:
        assert set(re.findall(r"\b[LRD]-\d+\b", source.read_text(encoding="utf-8"))) <= ids


def test_the_snippet_of_the_readme_runs():
    readme = TESTS.with_name("README.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"^    from mockservers.*?(?=^\S)", readme, re.MULTILINE | re.DOTALL)
    asks = 'ask(servers.urls["LOCAL"] + "/br/br.gif")'

    def ask(url):
        try:
            urllib.request.urlopen(url)
        except OSError:
            return
        raise AssertionError("BR is to be reset")

    exec(textwrap.dedent(snippet).replace("...  #", f"{asks}  #"), {"ask": ask})


def test_the_plan_of_the_readme_is_a_plan():
    readme = TESTS.with_name("README.md").read_text(encoding="utf-8")
    (text,) = re.findall(r'^    \{"plan".*?(?=^\S)', readme, re.MULTILINE | re.DOTALL)
    plan = plan_from_json(text.split("\n\n")[0])
    assert len(plan.mix) == 2
    assert plan.gate.hold_until_in_flight == 3
