"""The command `informer`."""

import errno
import sys

import click

from informer.cli.app import informer
from informer.core.errors import InformerError

# What the machine lacks and the user can mend: room, rights, a folder that can be written.
LACKS = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS),
    *(errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENAMETOOLONG, errno.ENOTDIR),
}


def main() -> None:
    """Run the command line; a user's mistake is one line on stderr and exit 2."""
    try:
        sys.exit(informer(prog_name="informer", standalone_mode=False))
    except InformerError as error:
        _complain(str(error))
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
        _complain(error.format_message() + (f" (see `{where} --help`)" if where else ""))
    except (click.Abort, KeyboardInterrupt):
        print("informer: stopped", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # The reader (`head`, say) has what it wanted.
        sys.stderr.close()
    except OSError as error:
        if error.errno not in LACKS:
            raise
        _complain(f"{error.filename or 'the work'} stopped: {error.strerror}")


def _complain(text: str) -> None:
    """One line, whatever the names in it hold, and exit 2."""
    from informer.cli.show import printable

    print(f"informer: {printable(' '.join(text.split()))}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
