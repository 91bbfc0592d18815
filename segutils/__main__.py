"""The command line of the course: `python -m segutils COMMAND --help`."""

import argparse
import sys

from segutils.errors import CourseError


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code (2 for a fault that the user can mend)."""
    parser = argparse.ArgumentParser(prog="python -m segutils", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add_command in ():
        add_command(commands)
    arguments = parser.parse_args(argv)
    try:
        return arguments.run(arguments)
    except CourseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: what was finished is kept", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
