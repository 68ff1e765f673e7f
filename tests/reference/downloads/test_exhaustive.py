"""Whatever happens to three codes, every download is accounted for.

With HYPOTHESIS_PROFILE=thorough, three codes meet every three fates; otherwise every two.
"""

import pytest
from support.downloaders import DOWNLOADERS
from support.examples import SCALE
from support.exhaustive_cases import FATES, NAMES, Codes, check, prove

from mockservers.strategies import WITHOUT_RANGES

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("downloader", DOWNLOADERS)
@pytest.mark.parametrize("first", NAMES)
def test_three_codes_come_to_what_their_fates_are(servers, downloader, first, record_property):
    a = NAMES.index(first)
    cases = [
        Codes((first, name, third), connections=(a + 2 * b) % 3 + 1)
        for b, name in enumerate(NAMES)
        for third in (NAMES if SCALE > 1 else [NAMES[(a + b) % len(NAMES)]])
    ]
    prove(cases, lambda case: check(servers, downloader, case), record_property)


def test_the_fates_are_all_kinds_there_are():
    assert {fate.reply.do for fate in FATES.values() if fate.reply} == {
        kind.do for kind in WITHOUT_RANGES
    }
