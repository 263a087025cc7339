"""Values that people type: moments and durations, and text that is UTF-8."""

import re
from typing import Any

import click

from informer.core.moments import LAST_NS, moment_ns

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Duration(click.ParamType[int]):
    """A duration in whole seconds, typed as 60, 60s, 10m, 1h or 1d."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Seconds; a usage error for anything else."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d{1,9})([smhd]?)", str(value).strip())
        if not found or int(found[1]) == 0:
            self.fail(f"{value!r} must be a duration such as 60s, 10m or 1h", param, ctx)
        return int(found[1]) * UNITS_S[found[2] or "s"]


class Moment(click.ParamType[int]):
    """A moment in nanoseconds since 1970 UTC, typed as a date, a date and time, or those ns."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Nanoseconds; a usage error for anything else."""
        if isinstance(value, int):
            return value
        time_ns = _moment_ns(str(value).strip())
        if time_ns is None:
            self.fail(
                f"{value!r} must be a time from 1970 to 2262, such as 2026-06-15T08:00",
                param,
                ctx,
            )
        return time_ns


def hold_to_utf8(command: click.Command) -> None:
    """Have the command, and those of a group, refuse what is no UTF-8, but for SOURCE.

    Neither tables nor the engine take such ids and names. Files of spans may have them.
    """
    for given in command.params:
        if given.name != "sources" and given.callback is None:
            given.callback = _utf8
    if isinstance(command, click.Group):
        for one in command.commands.values():
            hold_to_utf8(one)


def _utf8(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    for text in map(str, value if isinstance(value, tuple) else (value,)):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise click.BadParameter(f"{text} must be UTF-8", ctx, param) from error
    return value


def _moment_ns(text: str) -> int | None:
    if re.fullmatch(r"\d{16,19}", text):
        return int(text) if int(text) <= LAST_NS else None
    try:
        return moment_ns(text)
    except ValueError:
        return None
