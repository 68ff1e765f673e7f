"""Plain English: words and patterns that docs, docstrings, comments, messages and names avoid."""

import io
import re
import tokenize

from support import TOP

INSTEAD = {
    r"\bbehind\b": "after, following",
    r"\bborne\b": "accepted, tolerated",
    r"\bbut for\b": "except",
    r"\bwho(?:m)?ever\b": "a program that, a client that, anyone who",
    r"\bnobody\b": "no program, no client",
    r"\bin vain\b": "without a response, without effect",
    r"\bha(?:s|ve) not(?=[.,;:)\]])": "lacks, does not have",
    r"\bone's own\b": "its own, the user's",
    r"\bof more\b": "beyond that, if there are more",
    r"\bmanieth\b": "every n-th",
    r"\bsmall letters?\b": "lower case",
    r"\btwins?\b": "faulty implementation; duplicate (of a key)",
    r"\boddballs?\b": "unusual implementation",
    r"\b(?:houses?|rooms)\b": "server state, architecture; module",
    r"\bstands? (?:in|there|beside)\b": "is",
    r"\bheed(?:s|ed|ing)?\b": "reads, follows",
    r"(?<!`)\brepl(?:y|ies)\b(?![`(.])": "response",
    r"\btold\b": "reported, printed",
    r"(?<!balance the )\bbooks\b(?! balance| do not| cannot|\"$)": "records, ledger",
}
"""A pattern, and what to write instead."""
ALLOWED = {
    '"no-reply-at-all"': "an id of a case is never changed",
    'reply = http.request("GET", f"{base_url}/{name}/{name}.gif")': "a variable of a user",
}
"""A line that may have such a word, and the reason; at most 15."""


def prose_of(path):
    """The lines of a file that people read, with their numbers."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return list(enumerate(text.splitlines(), 1))
    found = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (
            tokenize.COMMENT,
            tokenize.STRING,
            getattr(tokenize, "FSTRING_MIDDLE", -1),
        ):
            lines = token.string.splitlines()
            found += [(token.start[0] + n, line) for n, line in enumerate(lines)]
    return found


FILES = sorted(
    path
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "reference/**/*",
        "mockservers/**/*.py",
        "conformance/**/*.py",
        "examples/*",
        "bench/*.md",
    )
    for path in TOP.glob(pattern)
    if path.suffix in (".py", ".md", ".sh", ".mjs") and path.name != "country_codes.txt"
)


def test_prose_has_none_of_the_words_to_avoid():
    any_of_them = re.compile("|".join(INSTEAD), re.IGNORECASE)
    found = [
        f"{path.relative_to(TOP)}:{number}: {line.strip()} (rather: {instead})"
        for path in FILES
        if any_of_them.search(path.read_text(encoding="utf-8"))
        for number, line in prose_of(path)
        if any_of_them.search(line) and line.strip() not in ALLOWED
        for pattern, instead in INSTEAD.items()
        if re.search(pattern, line, re.IGNORECASE)
    ]
    assert found == []
