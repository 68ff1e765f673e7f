"""What the bytes of a file are."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.download.content import (
    BLOCK,
    SIZE,
    Edition,
    OneResource,
    Page,
    What,
    look_at,
    the_resource,
)

NEW = Edition(2)
LONGER = Edition(2, 100_000)
OLD = the_resource().read(0, SIZE)
OTHER = NEW.resource.read(0, SIZE)
PAGE = Page("a page", b"<html>" + b"an error page that is longer than a few bytes " * 20)


def look(data):
    editions = [Edition(), NEW, LONGER]
    return look_at(len(data), lambda start, stop: data[start:stop], editions, [PAGE])


def test_each_block_of_the_resource_is_different():
    blocks = {OLD[at : at + BLOCK] for at in range(0, SIZE, BLOCK)}
    assert len(blocks) == SIZE / BLOCK


def test_the_resource_is_at_every_path_with_its_name():
    assert OneResource().find("/a/file.bin").read(0, SIZE) == OLD
    assert OneResource().find("/a/other.bin") is None


@pytest.mark.parametrize(
    ("data", "what", "said"),
    [
        (OLD, What.WHOLE, "version 1, whole"),
        (LONGER.resource.read(0, SIZE + 100_000), What.WHOLE, "version 2, whole"),
        (OLD[:1_048_576], What.TRUNCATED, "truncated at 1,048,576 of 4,194,304 bytes, version 1"),
        (b"", What.EMPTY, "no bytes"),
        (PAGE.body, What.PAGE, f"a page, {len(PAGE.body)} bytes"),
        (OLD[:500] + PAGE.body, What.PAGE, f"500 to {499 + len(PAGE.body):,}: a page"),
        (OLD + PAGE.body, What.APPENDED, "0 to 4,194,303: version 1"),
        (OLD[:70_000] + OLD, What.APPENDED, "70,000 to 4,264,303: version 1 from its byte 0 on"),
        (OLD[:70_000] + OTHER[70_000:], What.SPLICED, "70,000 to 4,194,303: version 2"),
        (OLD[:70_000] + OLD[80_000:], What.SPLICED, "70,000 to 4,184,303: version 1 from its byte"),
        (OLD[:70_000] + bytes(SIZE - 70_000), What.ZEROS, "70,000 to 4,194,303: zeros"),
        (OLD[:70_000] + b"\xff" + OLD[70_001:], What.FLIPPED, "; 70,000: other bytes; 70,001 to"),
        (b"something else entirely " * 50, What.PAGE, "0 to 1,199: other bytes"),
    ],
    ids=lambda value: value if isinstance(value, What) else "",
)
def test_what_a_file_is(data, what, said):
    found = look(data)
    assert found.what is what
    assert said in found.text


@settings(max_examples=30, deadline=None)
@given(st.integers(100, SIZE - 100))
def test_two_versions_are_told_apart_at_the_very_byte(at):
    found = look(OLD[:at] + OTHER[at:])
    assert found.what is What.SPLICED
    assert f"0 to {at - 1:,}: version 1; {at:,} to 4,194,303: version 2" in found.text
