"""The built-in flags are pictures that a person can tell apart, and the same everywhere."""

import hashlib
import io
import statistics

import pytest
from PIL import Image

from mockservers.content.flag_images import flag
from mockservers.flags2.codes import ALL_CODES, packaged_codes


def picture(code):
    with Image.open(io.BytesIO(flag(code))) as image:
        image.load()
        return image.format, image.convert("RGB")


def test_the_bytes_are_these_on_every_machine():
    # Whoever changes them changes what every recorded run replays: a new version of the format.
    catalogue = b"".join(map(flag, packaged_codes()))
    assert hashlib.sha256(catalogue).hexdigest() == (
        "9139af9e0551dc7851424ccc2ebf2e971dc269f6d1b64063b514884c5b2fc1fe"
    )


@pytest.mark.parametrize("code", ["", "B", "BRA"])
def test_there_is_no_flag_of_fewer_or_more_letters_than_two(code):
    with pytest.raises(ValueError, match="zip"):
        flag(code)


def test_a_flag_is_drawn_once():
    # Each request asks for it: drawing takes longer than all the rest of a reply.
    assert flag("BR") is flag("BR")


def test_every_flag_differs():
    assert len({flag(code) for code in ALL_CODES}) == 676


def test_sizes_spread_like_those_of_real_flags():
    sizes = [len(flag(code)) for code in packaged_codes()]
    assert min(sizes) >= 1024
    assert max(sizes) <= 36 * 1024
    assert 8_000 <= statistics.mean(sizes) <= 16_000
    assert max(sizes) > 30_000
    assert min(sizes) < 2_000


@pytest.mark.parametrize("code", ["AA", "BR", "QX", "ZW", "the smallest"])
def test_a_flag_is_a_gif_of_three_bands_with_the_code_on_a_plate(code):
    if code == "the smallest":
        code = min(ALL_CODES, key=lambda c: len(flag(c)))
    kind, image = picture(code)
    assert kind == "GIF"
    width, height = image.size
    assert width == height * 3 // 2
    corners = {image.getpixel((0, 0)), image.getpixel((width - 1, height - 1))}
    assert len(corners) == 2
    plate = image.getpixel((width // 2, height // 2 - 4 * (height // 14)))
    assert plate == (0xF4, 0xF4, 0xF4)
    assert (0x11, 0x11, 0x11) in {colour for _, colour in image.getcolors()}


def test_every_flag_can_be_read_by_an_image_library():
    for code in packaged_codes():
        assert picture(code)[0] == "GIF"


def test_two_codes_differ_in_what_is_written_on_them():
    """The dots of the letters alone tell all codes of one size apart."""
    by_size = {}
    for code in ALL_CODES:
        image = picture(code)[1]
        width, height = image.size
        dot = height // 14
        left, top = (width - 13 * dot) // 2, (height - 9 * dot) // 2
        dots = tuple(
            image.getpixel((left + x * dot, top + y * dot)) == (0x11, 0x11, 0x11)
            for y in range(9)
            for x in range(13)
        )
        by_size.setdefault(image.size, set()).add(dots)
    assert sum(map(len, by_size.values())) == 676
