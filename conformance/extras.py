"""How to install an extra of this distribution."""


def how_to_install(extra: str) -> str:
    """The commands that install an extra, for a package and for a checkout, in one line."""
    return f"pip install 'flags2-reference[{extra}]' (in a checkout: pip install -e '.[{extra}]')"
