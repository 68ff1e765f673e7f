"""Do `plans()` and `code_lists()` find bugs? Ten common ones, each in runs of 100 examples."""

import random
from tempfile import TemporaryDirectory

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from support.planted_bugs import BUGS, download

from mockservers.strategies import code_lists, plans

pytestmark = pytest.mark.slow

EXAMPLES = 100
RUNS = 15
FOUND_IN = 14
FEW_RULES = 2


def found(servers, bug, seed, phases=(Phase.generate,)):
    """The plan that shows the bug, the smallest if it is shrunk; None if no example does."""
    failing = []

    @hypothesis.seed(seed)
    @settings(
        max_examples=EXAMPLES, phases=phases, deadline=None, database=None,
        report_multiple_bugs=False, suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(plan=plans(), codes=code_lists())
    def every_download_is_accounted_for(plan, codes):
        servers.begin_run(plan)
        with TemporaryDirectory() as folder:
            try:
                printed = download(servers.urls["ERROR"], codes, folder, bug)
                servers.check(stdout=printed, asked=codes, files=folder)
            except AssertionError:
                failing.append(plan)
                raise

    try:
        every_download_is_accounted_for()
    except AssertionError:
        return failing[-1]
    return None


@pytest.mark.timeout(600)
@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_is_found_within_100_examples(mock_servers, bug):
    seeds = random.Random(bug).sample(range(10**6), RUNS)
    times = sum(found(mock_servers, bug, seed) is not None for seed in seeds)
    assert times >= FOUND_IN


@pytest.mark.timeout(600)
@pytest.mark.parametrize("bug", BUGS)
def test_the_smallest_plan_that_shows_a_bug_has_two_rules_at_most(mock_servers, bug):
    phases = (Phase.generate, Phase.shrink)
    plan = next(filter(None, (found(mock_servers, bug, seed, phases) for seed in range(3))))
    assert len(plan.rules) + len(plan.mix) <= FEW_RULES


def test_a_client_without_a_bug_passes(mock_servers):
    assert found(mock_servers, None, 0) is None
