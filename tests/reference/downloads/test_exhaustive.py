"""Whatever happens to three codes, or to one of twenty, every download is accounted for.

With HYPOTHESIS_PROFILE=thorough every world there is; daily a slice, whose reach is a test itself.
"""

from itertools import product

import pytest
from support.downloaders import DOWNLOADERS
from support.examples import SCALE
from support.exhaustive_cases import FATES, NAMES, World, check_sticky, live_through, prove

from mockservers.content.flag_images import flag
from mockservers.faults import KINDS

CONNECTIONS = (1, 2, 3)
EVERY = SCALE > 1
TWENTY = range(20)


def in_slice(a, b, c, downloader, connections):
    """Whether a world of three codes is tried daily, by the numbers of its fates.

    The third fate follows from the first two, so that any two at any two places meet once (a Latin
    square); program and connections change from one to the next.
    """
    return (
        c == (a + b) % len(NAMES)
        and downloader == (3 * a + 5 * b) // 4 % 2
        and connections == (a + 2 * b) % 3 + 1
    )


def worlds_of_three(first, downloader, connections):
    """Those that begin with a fate."""
    numbered = range(len(NAMES))
    return [
        World((first, NAMES[b], NAMES[c]), connections)
        for b, c in product(numbered, numbered)
        if EVERY or in_slice(NAMES.index(first), b, c, DOWNLOADERS.index(downloader), connections)
    ]


@pytest.mark.parametrize("first", NAMES)
@pytest.mark.parametrize("connections", CONNECTIONS)
@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_three_codes_come_to_what_their_fates_are(
    servers, downloader, connections, first, record_property
):
    def check(world):
        check_sticky(world, live_through(servers, downloader, world))

    prove(worlds_of_three(first, downloader, connections), check, record_property)


def test_the_fates_are_all_kinds_there_are():
    assert {fate.reply.do for fate in FATES.values() if fate.reply} == set(KINDS)


def test_the_daily_slice_has_every_fate_everywhere_and_every_two_together():
    numbered = range(len(NAMES))
    everywhere, together, by_both = set(), set(), set()
    for a, b, d, m in product(numbered, numbered, (0, 1), CONNECTIONS):
        fates = (a, b, (a + b) % len(NAMES))
        if in_slice(*fates, d, m):
            everywhere |= {(place, fate, d, m) for place, fate in enumerate(fates)}
            for p, q in [(0, 1), (1, 2), (0, 2)]:
                together.add((p, q, fates[p], fates[q]))
                by_both.add((fates[p], fates[q], d))
    assert len(everywhere) == 3 * len(NAMES) * len(DOWNLOADERS) * len(CONNECTIONS)
    assert len(together) == 3 * len(NAMES) ** 2
    assert len(by_both) > 0.9 * 2 * len(NAMES) ** 2, "nearly all of them with both programs"


# --- one among twenty -------------------------------------------------------------------


def places(name, downloader, once):
    """Where a fate is tried daily: elsewhere for each program, and for each `once`."""
    shift = 10 * DOWNLOADERS.index(downloader) + 5 * once
    return TWENTY if EVERY else [(7 * NAMES.index(name) + shift) % 20]


def one_in_twenty(name, downloader, once):
    """Worlds of twenty codes, of which one meets a fate."""
    fates = ("serve",) * 20
    return [
        World((*fates[:place], name, *fates[place + 1 :]), connections=4, once=once)
        for place in places(name, downloader, once)
    ]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_one_code_of_twenty_with_a_fate_for_good_leaves_the_others_alone(
    servers, downloader, name, record_property
):
    def check(world):
        check_sticky(world, live_through(servers, downloader, world))

    prove(one_in_twenty(name, downloader, once=False), check, record_property)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("serve", "absent")])
@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_one_code_of_twenty_with_a_fate_for_its_first_request_is_as_its_last_one(
    servers, downloader, name, record_property
):
    def check(world):
        played = live_through(servers, downloader, world)
        place = world.fates.index(name)
        for at, code in enumerate(world.codes):
            asked = played.ledger.rows[code].requests
            again = len(asked) > 1
            saved = played.files.get(f"{code.lower()}.gif")
            if at != place or (again and name != "redirect"):
                assert (played.outcomes[code], saved) == ("ok", flag(code))
            elif name == "redirect":
                assert saved == flag(world.codes[(place + 1) % 20])
            else:
                assert played.outcomes[code] in FATES[name].may_say
            # Only what got no head may be asked for again, once (REQ-5), and what leads on.
            no_head = asked[0].status is None
            led_on = name in ("redirect", "redirect_loop") and at == place
            assert len(asked) == 2 if led_on else len(asked) <= 1 + no_head

    prove(one_in_twenty(name, downloader, once=True), check, record_property)


def test_the_daily_slice_has_every_fate_and_every_place():
    tried = {
        (name, place, once)
        for name, downloader, once in product(NAMES, DOWNLOADERS, (False, True))
        for place in places(name, downloader, once)
    }
    for once in (False, True):
        assert {name for name, _, o in tried if o is once} == set(NAMES)
        assert {place for _, place, o in tried if o is once} == set(TWENTY)
