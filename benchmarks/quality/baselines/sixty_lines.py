"""What sixty lines can do: season, one demand factor for all, a negative binomial scan.

Axes: t step, c column, d day.
"""

import numpy as np
from scipy.special import betainc

from informer.core.types import Floats, Ints, PatternTraffic
from quality.baselines.timeline import DAY_S, Timeline, timeline

WINDOWS = (1, 2, 3, 6, 12, 24)  # steps
SMOOTH_S = 3_600
PRIOR_CALLS = 0.5  # in all of the past: a call never seen is rare, not impossible
SLOPPY = 0.01  # least spread: no season is known better


def scores(
    past: dict[str, PatternTraffic], now: dict[str, PatternTraffic], *, seed: int
) -> dict[str, Floats]:
    """-log10 of the chance of so many calls, in the window that is most telling."""
    line = timeline(past, now)
    expected = _season(line) * line.seen[:, None]
    (entries,) = np.nonzero((line.signal == 0) & np.isin(line.cell, _entries(line)))
    best = np.zeros_like(line.counts)
    for window in WINDOWS:
        o, e = (_trailing(x, window) for x in (line.counts, expected))  # [t, c]
        e = e * (o[:, entries].sum(axis=1) / np.maximum(e[:, entries].sum(axis=1), 1))[:, None]
        e = np.maximum(e, 1e-6)
        regular = np.minimum((o - e) ** 2, 25 * (e + SLOPPY * e**2))[line.past]
        excess = (regular - e[line.past]).sum(axis=0) / (e[line.past] ** 2).sum(axis=0)
        spread = np.maximum(excess, SLOPPY)
        high = o > e + np.sqrt(e + spread * e**2)
        size = np.broadcast_to(1 / spread, e.shape)[high]
        chance = betainc(o[high], size, e[high] / (e[high] + size))
        best[high] = np.maximum(best[high], -np.log10(np.maximum(chance, 1e-300)))
    return line.by_pattern(best[line.now :])


def _season(line: Timeline) -> Floats:
    """Mean of the past at the same time of day, smoothed, times a factor of the weekday."""
    day = line.steps_in(DAY_S)
    seconds, past, counts = line.seconds(), line.past, line.counts
    slot, weekday = seconds % DAY_S // line.step_s, (seconds // DAY_S + 3) % 7
    mean = (counts[past].sum(axis=0) + PRIOR_CALLS) / max(past.sum(), 1)
    if past.sum() < 2 * day:
        return np.broadcast_to(mean, counts.shape)
    of_day, of_slot = np.zeros((7, counts.shape[1])), np.zeros((day, counts.shape[1]))
    np.add.at(of_day, weekday[past], counts[past])
    steps = np.bincount(weekday[past], minlength=7)[:, None]
    factor = (of_day / np.maximum(mean, 1e-9) + day) / (steps + day)  # a day's worth of doubt
    np.add.at(of_slot, slot[past], counts[past] / factor[weekday[past]])
    held = np.bincount(slot[past], minlength=day)[:, None] * np.ones_like(of_slot)
    width = 2 * (line.steps_in(SMOOTH_S) // 2) + 1
    profile = _around(of_slot, width) + mean * 0.1
    return np.asarray((profile / (_around(held, width) + 0.1))[slot] * factor[weekday])


def _around(values: Floats, width: int) -> Floats:
    """Sums over the time around each slot, past midnight as well."""
    half = width // 2
    around = np.concatenate([values[len(values) - half :], values, values[:half]])
    return _trailing(around, width)[width - 1 :]


def _trailing(values: Floats, window: int) -> Floats:
    running = np.cumsum(values, axis=0)
    earlier = np.concatenate([np.zeros_like(running[:window]), running[:-window]])
    return np.asarray(running - earlier)


def _entries(line: Timeline) -> Ints:
    """The cell of the first rpc of every pattern."""
    return np.cumsum([0, *line.rpcs_of.values()])[:-1]
