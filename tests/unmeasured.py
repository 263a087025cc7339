"""The environment of commands that coverage must not measure."""

import os


def unmeasured() -> dict[str, str]:
    """This process's environment without the variables by which coverage starts in a command.

    Coverage takes a lock around what it writes down: an exception out of a signal that comes just
    then leaves it taken, and the command waits for it for ever. And where files may not grow,
    coverage cannot write its own.
    """
    return {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
