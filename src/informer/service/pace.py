"""Pace: of several streams that are read side by side, none runs far ahead of the others.

Stream time goes by the newest spans. After an outage each partition and each file has hours to
catch up with; if one of them were read to its end first, all of the others would come too late.
"""

from collections.abc import Mapping
from dataclasses import dataclass

PATIENCE_S = 30.0  # for a stream that has more to give, and gives nothing


@dataclass(slots=True)
class Progress:
    """How far one stream was read."""

    at_s: float | None = None  # the time that its last message speaks of; None = none came yet
    at_end: bool = False  # there is nothing more at the moment
    heard_s: float = 0.0  # when something came, or was due to; by a clock that only goes forward


def limit_s(
    streams: Mapping[str, Progress], name: str, *, most_ahead_s: float, now_s: float
) -> float | None:
    """The time up to which one stream may be read; None = as far as it likes.

    The stream that is behind all others always may.
    """
    behind = None
    for other, progress in streams.items():
        if other == name or progress.at_end or now_s - progress.heard_s > PATIENCE_S:
            continue
        at_s = float("-inf") if progress.at_s is None else progress.at_s
        behind = at_s if behind is None else min(behind, at_s)
    return None if behind is None else behind + most_ahead_s
