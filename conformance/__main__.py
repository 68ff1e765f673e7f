"""`python -m conformance`, and the command `conformance`; it names an extra that is missing."""

import sys
from typing import NoReturn

from mockservers.cli.command_line import how_to_install


def main() -> NoReturn:
    """Run the command line; without the extra, say how to install it and exit with status 4."""
    try:
        from conformance import cli
    except ImportError as exc:
        if exc.name is None or exc.name.partition(".")[0] == "conformance":
            raise
        install = how_to_install("conformance")
        print(f"conformance: {exc.name} is missing: {install}", file=sys.stderr)
        sys.exit(4)
    cli.main()


if __name__ == "__main__":
    main()
