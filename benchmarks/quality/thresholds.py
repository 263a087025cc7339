"""The threshold that an alert budget means, for detectors that have no budget of their own.

Axes: t step, n rpc, p pattern, k level.
"""

import numpy as np

from informer.core.types import Bools, Floats, Ints

PAUSE_STEPS = 12  # exceedances of a pattern no further apart are one incident
LEVELS = 400  # at which incidents are counted, the highest scores first
NEAR = 2.0  # times more or fewer incidents than the budget allows say something of its level
ENOUGH = 12  # incidents are needed for that in any case
DAY_S = 86_400


def threshold_for(
    budget_per_day: float, scores: dict[str, Floats], seen: Bools, step_s: int
) -> float:
    """The score that clean traffic exceeds in `budget_per_day` incidents a day, all patterns told.

    `scores` are [t, n] by pattern, of clean steps that the detector did not learn; `seen` is [t].
    Few days hold few incidents at such a level, and of a few hours a budget allows less than one.
    So the level is read off a line through those of about as many incidents, level against the
    logarithm of their number: it smooths where they are plenty and extrapolates where they are few.
    """
    days = float(seen.sum()) * step_s / DAY_S
    highest = np.stack(
        [np.where(seen, found.max(axis=1), -np.inf) for found in scores.values()], axis=1
    )  # [t, p]
    if days == 0 or not np.isfinite(highest).any():
        raise ValueError("a threshold needs clean steps that were seen, got none")
    allowed = budget_per_day * days
    level, incidents = _tail(highest)
    if allowed > incidents[-1]:
        return float(level[-1])  # more incidents than that there never are
    fewest, most = allowed / NEAR, max(allowed * NEAR, ENOUGH)
    (near,) = np.nonzero((incidents >= fewest) & (incidents <= most))
    if len(near) < 2:
        near = np.argsort(np.abs(np.log(incidents / allowed)), kind="stable")[:2]
    line = _line(np.log(incidents[near]), level[near], incidents[near])
    # Where scores leap, a line is far off: what was counted bounds it.
    too_low, too_high = level[incidents > most], level[incidents < fewest]
    lowest = float(too_low[0]) if len(too_low) else -np.inf
    highest_level = float(too_high[-1]) if len(too_high) else np.inf
    return float(np.clip(line[0] + line[1] * np.log(allowed), lowest, highest_level))


def incidents_at(highest: Floats, threshold: float) -> int:
    """How many incidents the exceedances of patterns' highest scores, [t, p], would have been."""
    return sum(_clusters(np.flatnonzero(column > threshold)) for column in highest.T)


def _tail(highest: Floats) -> tuple[Floats, Ints]:
    """Levels in falling order, and the most incidents there are at or above each; [k] each.

    A lower level can have fewer incidents than a higher one where they run into each other: only
    levels where there are more than ever before are kept.
    """
    values = np.sort(highest[np.isfinite(highest)])[::-1]
    ranks = np.unique(np.geomspace(1, len(values), LEVELS).astype(np.int64)) - 1
    level = np.unique(values[ranks])[::-1]
    counts = np.array([incidents_at(highest, below) for below in np.nextafter(level, -np.inf)])
    more = counts > np.concatenate([[0], np.maximum.accumulate(counts)[:-1]])
    return level[more], counts[more]


def _line(x: Floats, y: Floats, weight: Ints) -> Floats:
    """Intercept and slope through y over x, the slope not above 0; weighted least squares."""
    total = weight.sum()
    mean_x, mean_y = (weight @ x) / total, (weight @ y) / total
    square = weight @ (x - mean_x) ** 2
    slope = min(float(weight @ ((x - mean_x) * (y - mean_y)) / square), 0.0) if square > 0 else 0.0
    return np.array([mean_y - slope * mean_x, slope])


def _clusters(steps: Ints) -> int:
    return int(len(steps) > 0) + int((np.diff(steps) > PAUSE_STEPS).sum())
