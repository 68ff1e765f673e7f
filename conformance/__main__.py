"""`python -m conformance`, and the command `conformance`: says what is missing, if something is."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line; without the extra it says which, and exits with status 4."""
    try:
        from conformance import cli
    except ImportError as exc:
        if exc.name is None or exc.name.partition(".")[0] == "conformance":
            raise
        print(f"conformance: {exc.name} is missing: pip install '.[conformance]'", file=sys.stderr)
        sys.exit(4)
    cli.main()


if __name__ == "__main__":
    main()
