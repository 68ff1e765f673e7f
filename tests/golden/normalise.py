"""What differs from run to run, made the same: used on what was recorded and on what is tested.

Plain functions on text; nothing here knows a listing or a port.
"""

import hashlib
import re

USAGE = re.compile(r"^usage: .*(?:\n +\S.*)*", re.MULTILINE)


def digest(text: str) -> str:
    """The SHA-256 of `text` in UTF-8, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def codes_summary(codes: list[str]) -> str | dict[str, object]:
    """The codes with a space between them; of more than 30, their number and a digest."""
    text = " ".join(codes)
    return text if len(codes) <= 30 else {"count": len(codes), "sha256": digest(text)}


def command_text(text: str) -> str:
    """Output of a downloader without its program name, its line wrapping, and its seconds."""

    def on_one_line(usage: re.Match[str]) -> str:
        return re.sub(r"^usage: .*? \[-h\]", "usage: PROG [-h]", " ".join(usage[0].split()))

    text = USAGE.sub(on_one_line, text)
    text = re.sub(r"^\S.*: error: ", "PROG: error: ", text, flags=re.MULTILINE)
    return re.sub(r"^Elapsed time: \d+\.\d\ds$", "Elapsed time: #s", text, flags=re.MULTILINE)


def displayed(text: str) -> list[str]:
    """The messages after the time stamps, in order, even where threads tore the lines."""
    text = re.sub(r"0x[0-9a-fA-F]+", "0xADDRESS", text)
    return re.findall(r"\[\d\d:\d\d:\d\d\] ([^\[\n]*)", text)


def without_time(text: str) -> str:
    """The text with `[TIME]` for each time stamp."""
    return re.sub(r"\[\d\d:\d\d:\d\d\]", "[TIME]", text)


def without_numbers(text: str) -> str:
    """The text with one N for each number, whatever its sign."""
    return re.sub(r"-?\d+", "N", text)


def task_blocks(text: str) -> tuple[list[str], list[list[str]]]:
    """The lines before the first task, and the lines of each task, of a quicksort program."""
    head: list[str] = []
    blocks: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("[Task "):
            blocks.append([])
        (blocks[-1] if blocks else head).append(line)
    return head, blocks
