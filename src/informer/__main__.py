"""The command `informer`."""

import sys

import click

from informer.cli.app import informer
from informer.core.errors import InformerError


def main() -> None:
    """Run the command line; a user's mistake is one line on stderr and exit 2."""
    try:
        informer(prog_name="informer", standalone_mode=False)
    except InformerError as error:
        print(f"informer: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        print(f"informer: {error.format_message()}", file=sys.stderr)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        print("informer: stopped", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # The reader (`head`, say) has what it wanted.
        sys.stderr.close()


if __name__ == "__main__":
    main()
