"""The built-in flags: a GIF per country code, made from the code alone.

Each is three bands of colour with the code written across, so that a person can tell them
apart; sizes spread from 1 KB to 36 KB like those of real flags. The bytes are the same on every
machine and with every version of any library, for they are part of what a run replays: that
is why no image library makes them (the tests read them back with one).
"""

import hashlib
from functools import cache
from itertools import count

# Letters of 5 x 7 dots: a row per five bits, the top row first.
_LETTERS = {
    "A": "01110 10001 10001 11111 10001 10001 10001",
    "B": "11110 10001 10001 11110 10001 10001 11110",
    "C": "01110 10001 10000 10000 10000 10001 01110",
    "D": "11110 10001 10001 10001 10001 10001 11110",
    "E": "11111 10000 10000 11110 10000 10000 11111",
    "F": "11111 10000 10000 11110 10000 10000 10000",
    "G": "01110 10001 10000 10111 10001 10001 01111",
    "H": "10001 10001 10001 11111 10001 10001 10001",
    "I": "01110 00100 00100 00100 00100 00100 01110",
    "J": "00111 00010 00010 00010 00010 10010 01100",
    "K": "10001 10010 10100 11000 10100 10010 10001",
    "L": "10000 10000 10000 10000 10000 10000 11111",
    "M": "10001 11011 10101 10101 10001 10001 10001",
    "N": "10001 11001 10101 10011 10001 10001 10001",
    "O": "01110 10001 10001 10001 10001 10001 01110",
    "P": "11110 10001 10001 11110 10000 10000 10000",
    "Q": "01110 10001 10001 10001 10101 10010 01101",
    "R": "11110 10001 10001 11110 10100 10010 10001",
    "S": "01111 10000 10000 01110 00001 00001 11110",
    "T": "11111 00100 00100 00100 00100 00100 00100",
    "U": "10001 10001 10001 10001 10001 10001 01110",
    "V": "10001 10001 10001 10001 10001 01010 00100",
    "W": "10001 10001 10001 10101 10101 11011 10001",
    "X": "10001 10001 01010 00100 01010 10001 10001",
    "Y": "10001 10001 01010 00100 00100 00100 00100",
    "Z": "11111 00001 00010 00100 01000 10000 11111",
}
_BANDS = ("CE1126", "FCD116", "006A4E", "002868", "FFFFFF", "FF8200", "74ACDF", "111111")
_INK, _PAPER = "111111", "F4F4F4"
_COLOURS = (*_BANDS, _INK, _PAPER)


@cache
def flag(code: str) -> bytes:
    """The GIF of a code, AA to ZZ: 1 KB to 36 KB, 3 x 2 in shape, the code in the middle."""
    chance = _chance(code)
    height = 28 + chance[0] * 127 // 256
    width = height * 3 // 2
    bands, upright = _chosen(chance)
    rows = _bands(width, height, bands, upright=upright)
    _write(rows, code, width, height)
    return _gif(rows, width, height)


def colours(code: str) -> tuple[list[str], bool]:
    """The colours of its three bands, as `CE1126`, and whether they are upright."""
    bands, upright = _chosen(_chance(code))
    return [_BANDS[band] for band in bands], upright


def _chance(code: str) -> bytes:
    return hashlib.sha256(f"flag|{code}".encode()).digest()


def _chosen(chance: bytes) -> tuple[tuple[int, int, int], bool]:
    first = chance[1] % 8
    second = (first + 1 + chance[2] % 7) % 8
    third = next(i % 8 for i in count(chance[3]) if i % 8 not in (first, second))
    return (first, second, third), bool(chance[4] % 2)


def _bands(
    width: int, height: int, bands: tuple[int, int, int], *, upright: bool
) -> list[bytearray]:
    if upright:
        row = bytes(bands[x * 3 // width] for x in range(width))
        return [bytearray(row) for _ in range(height)]
    return [bytearray([bands[y * 3 // height]]) * width for y in range(height)]


def _write(rows: list[bytearray], code: str, width: int, height: int) -> None:
    """Draw the two letters, dark on a light plate in the middle."""
    dot = height // 14
    plate_width, plate_height = 13 * dot, 9 * dot
    left, top = (width - plate_width) // 2, (height - plate_height) // 2
    for y in range(plate_height):
        line = bytearray([_COLOURS.index(_PAPER)]) * plate_width
        if 1 <= y // dot <= 7:
            for place, letter in zip((1, 7), code, strict=True):
                for x, bit in enumerate(_LETTERS[letter].split()[y // dot - 1]):
                    if bit == "1":
                        start = (place + x) * dot
                        line[start : start + dot] = bytes([len(_COLOURS) - 2]) * dot
        rows[top + y][left : left + plate_width] = line


def _gif(rows: list[bytearray], width: int, height: int) -> bytes:
    """GIF87a of rows of colour numbers below 128.

    The pixels are not compressed: a clear code before the dictionary can grow keeps every LZW
    code eight bits wide, so that a code is a byte (the GIF specification, appendix F).
    """
    palette = bytes.fromhex("".join(_COLOURS)).ljust(16 * 3, b"\0")
    screen = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    pixels = b"".join(rows)
    clear, end = b"\x80", b"\x81"
    codes = b"".join(clear + pixels[i : i + 120] for i in range(0, len(pixels), 120)) + end
    blocks = (codes[i : i + 255] for i in range(0, len(codes), 255))
    return b"".join(
        [
            b"GIF87a" + screen + b"\xf3\0\0" + palette,  # 16 colours, no background, square dots
            b"," + bytes(4) + screen + b"\0" + b"\x07",  # one image; codes of seven bits and one
            *(bytes([len(block)]) + block for block in blocks),
            b"\0;",
        ]
    )
