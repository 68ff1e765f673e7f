"""The pytest fixture `mock_servers`, and what a failing test says of its plan.

Every pytest session of an environment loads this, so it imports nothing that pytest has not
imported already; the rest comes with the first test that wants the fixture.
"""

import json
import shlex
from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mockservers.plan import Plan
    from mockservers.running_servers import RunningServers

_SERVERS = pytest.StashKey["RunningServers"]()


@pytest.fixture(scope="session")
def mock_servers(pytestconfig: pytest.Config) -> Iterator["RunningServers"]:
    """LOCAL, DELAY and ERROR on free ports, one set for the session (one per xdist worker).

    Every test begins with a run of its own in which everything is served; `begin_run(plan)`
    begins another.
    """
    from mockservers.running_servers import running

    with running() as servers:
        pytestconfig.stash[_SERVERS] = servers
        yield servers
        del pytestconfig.stash[_SERVERS]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let no plan and no entry of the test before into this one."""
    servers = item.config.stash.get(_SERVERS, None)
    if servers:
        servers.begin_run({})


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the plan of the latest run to the report of a failure."""
    report = yield
    servers = item.config.stash.get(_SERVERS, None)
    if report.failed and servers and _used(servers):
        report.sections.append(("mock servers", how_to_meet_again(servers.plans)))
    return report


def _used(servers: "RunningServers") -> bool:
    """Whether this test had anything to do with them."""
    return bool(servers.plans or servers.entries or servers.under_way)


def how_to_meet_again(plans: Mapping[str, "Plan"]) -> str:
    """The plans as JSON, and one line for a shell that serves them again."""
    from mockservers.plan import LABELS, Plan
    from mockservers.plan_json import plan_to_json

    labels_of: dict[str, list[str]] = {}
    for label in LABELS:
        text = json.dumps(plan_to_json(plans.get(label, Plan())))
        labels_of.setdefault(text, []).append(label)
    lines = [f"plan of {', '.join(labels)}: {text}" for text, labels in labels_of.items()]
    # What most of them have is the plan of all three; who has another, has it alone.
    common = max(labels_of, key=lambda text: len(labels_of[text]))
    shell = [_write(common, "failing-plan.json")]
    serve = "mockservers serve --ports auto --plan failing-plan.json"
    for text, (label, *_) in labels_of.items():
        if text != common:
            file = f"failing-plan-{label.lower()}.json"
            shell.append(_write(text, file))
            serve += f" --plan {label}={file}"
    return "\n".join([*lines, f"serve it again: {' && '.join([*shell, serve])}"])


def _write(text: str, file: str) -> str:
    return f"printf %s {shlex.quote(text)} > {file}"
