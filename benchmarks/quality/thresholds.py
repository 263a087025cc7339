"""The threshold that an alert budget means, for detectors that have no budget of their own.

Axes: t step, n rpc, p pattern, k level.
"""

import numpy as np

from informer.core.types import Bools, Floats, Ints

PAUSE_STEPS = 12  # exceedances of a pattern no further apart are one incident
LEVELS = 400  # at which incidents are counted, the highest scores first
FEWEST, MOST = 12, 200  # incidents that the tail is fitted on
AROUND = 4.0  # times the incidents that the budget allows: nearer ones say more of the tail there
DAY_S = 86_400


def threshold_for(
    budget_per_day: float, scores: dict[str, Floats], seen: Bools, step_s: int
) -> float:
    """The score that clean traffic exceeds in `budget_per_day` incidents a day, all patterns told.

    `scores` are [t, n] by pattern, of clean steps that the detector did not learn; `seen` is [t].
    Few days hold few incidents at such a level, and of a few hours a budget allows less than one.
    So the level is read off a line through the highest of them, level against the logarithm of
    incidents a day: it interpolates where they are plenty and extrapolates where they are few.
    """
    days = float(seen.sum()) * step_s / DAY_S
    highest = np.stack(
        [np.where(seen, found.max(axis=1), -np.inf) for found in scores.values()], axis=1
    )  # [t, p]
    if days == 0 or not np.isfinite(highest).any():
        raise ValueError("a threshold needs clean steps that were seen, got none")
    allowed = budget_per_day * days
    level, incidents = _tail(highest)
    near = incidents <= np.clip(AROUND * allowed, FEWEST, MOST)
    if near.sum() < 2:
        near[:2] = True
    line = _line(np.log(incidents[near]), level[near], incidents[near])
    fitted = float(line[0] + line[1] * np.log(allowed))
    if allowed > incidents[-1]:
        return float(level[-1])  # more incidents than that there never are
    # What a line misses: the fit is not to leave the scores whose counts were seen to fit.
    above = level[incidents > AROUND * allowed]
    return max(fitted, float(above[0])) if len(above) else fitted


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
