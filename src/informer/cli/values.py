"""Values that people type: moments and durations."""

import re
from datetime import UTC, datetime
from typing import Any

import click

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Duration(click.ParamType[int]):
    """A duration in whole seconds, typed as 60, 60s, 10m, 1h or 1d."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Seconds; a usage error for anything else."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+)([smhd]?)", str(value).strip())
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
        text = str(value).strip()
        if re.fullmatch(r"\d{16,19}", text):
            return int(text)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.fail(
                f"{value!r} must be a time such as 2026-06-15 or 2026-06-15T08:00", param, ctx
            )
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1_000_000) * 1000
