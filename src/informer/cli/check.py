"""`informer check`."""

from informer.cli.show import print_json, progress_on_stderr, say
from informer.config.settings import Settings
from informer.pipeline.check import CheckResult, check


def run_check(sources: tuple[str, ...], settings: Settings, *, json_out: bool) -> None:
    """Check, then say what was found."""
    with progress_on_stderr() as progress:
        checked = check(sources, settings, progress=progress)
    if json_out:
        print_json(checked.to_json())
    else:
        print_check(checked)


def print_check(checked: CheckResult) -> None:
    """What was found, for people."""
    for line in checked.lines():
        say(line)
