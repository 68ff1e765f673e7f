"""The codes of the flags2 programs, and where their flags are; pure."""

from functools import cache
from importlib import resources
from itertools import product
from string import ascii_uppercase

from mockservers.kinds.names import as_sent, normalised
from mockservers.kinds.values import shorten

ALL_CODES = tuple(map("".join, product(ascii_uppercase, repeat=2)))
"""AA to ZZ, 676 of them."""

POP20 = tuple("BD BR CD CN DE EG ET FR ID IN IR JP MX NG PH PK RU TR US VN".split())
"""The codes of a flags2 command line without codes: the twenty most populous countries."""

REMOTE = "REMOTE"
"""The real server of the listings, which nothing here serves."""

CODE_OF_PATH = {f"/flags/{code}/{code}.gif": code.upper() for code in map(str.lower, ALL_CODES)}
"""`BR` for `/flags/br/br.gif`; no other path is that of a code."""


@cache
def packaged_codes() -> tuple[str, ...]:
    """The 194 codes that have a flag: those of the packaged `country_codes.txt`."""
    file = resources.files("mockservers").joinpath("country_codes.txt")
    return tuple(file.read_text(encoding="utf-8").split())


def is_code(text: str) -> bool:
    """Whether `text` is one of the 676 codes."""
    return len(text) == 2 and text.isascii() and text.isalpha() and text.isupper()


def path_of_code(code: str) -> str:
    """`/flags/br/br.gif` for `BR`."""
    return f"/flags/{code.lower()}/{code.lower()}.gif"


def file_of_code(code: str) -> str:
    """`br.gif` for `BR`: the name under which a flags2 program saves it."""
    return f"{code.lower()}.gif"


def name_asked(text: object) -> str:
    """The name of what somebody speaks of: a code, or a normalised path; raises ValueError."""
    if isinstance(text, str) and text.startswith("/"):
        return name_of(normalised(as_sent(text.partition("?")[0])))
    if isinstance(text, str) and is_code(text):
        return text
    hint = ": codes are in capitals" if isinstance(text, str) and is_code(text.upper()) else ""
    raise ValueError(f"{shorten(text)} is not a code (AA to ZZ) or a path (/...){hint}")


def name_of(path: str) -> str:
    """The code of `/flags/xx/xx.gif` in capitals; of any other path, the path itself."""
    return CODE_OF_PATH.get(path, path)
