"""The command `mockservers`, also `python -m mockservers`."""

import sys


def main() -> None:
    """Run it; Ctrl-C while its modules are still being read ends it without a traceback."""
    try:
        from mockservers.cli.commands import main
    except KeyboardInterrupt:
        sys.exit(130)
    main()


if __name__ == "__main__":
    main()
