"""What sixty lines can do: season, one demand factor for all, a negative binomial scan.

With one thing more, which has no place among scores of known rpcs: an rpc that was never met is
told by name from its first call on (`alarms.news_of`).

Axes: t step, c column.
"""

import numpy as np

from informer.core.types import Floats, Ints, PatternTraffic
from quality.baselines.count_tail import spread_of, surprise
from quality.baselines.season import season
from quality.baselines.timeline import Timeline, timeline
from quality.baselines.trailing import sums

WINDOWS = (1, 2, 3, 6, 12, 24)  # steps
SLOPPY = 0.01  # least spread: no season is known better


def scores(
    past: dict[str, PatternTraffic], now: dict[str, PatternTraffic], *, seed: int
) -> dict[str, Floats]:
    """-log10 of the chance of so many calls, in the window that is most telling.

    What all entries together have more or less of than their season is demand: every expectation
    is multiplied with it.
    """
    line = timeline(past, now)
    expected = season(line, line.past) * line.seen[:, None]
    entries = _entries(line)
    best = np.zeros_like(line.counts[line.now :])
    for window in WINDOWS:
        observed, usual = sums(line.counts, window), sums(expected, window)  # [t, c]
        shared = observed[:, entries].sum(axis=1) / np.maximum(usual[:, entries].sum(axis=1), 1.0)
        usual *= shared[:, None]
        spread = np.maximum(spread_of(observed[line.past], usual[line.past]), SLOPPY)
        found = surprise(observed[line.now :], usual[line.now :], spread)
        best = np.maximum(best, found)
    return line.by_pattern(best)


def _entries(line: Timeline) -> Ints:
    """The columns of the calls of the first rpc of every pattern."""
    first = np.cumsum([0, *line.rpcs_of.values()])[:-1]
    return np.flatnonzero((line.signal == 0) & np.isin(line.cell, first))
