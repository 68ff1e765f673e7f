"""The view of a journal."""

from support.journals import balance, journal, report, request, view_of


def view(lines):
    return view_of(balance(lines), lines)


def one(told=("BR OK",), entry=None, **more):
    """A run of one code."""
    entries = [entry or request(1, "BR", 0.0, 0.5)]
    return journal(["BR"], entries, report(["BR"], 1, 1, told=told), **more)
