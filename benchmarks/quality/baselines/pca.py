"""Principal components of all traffic: what they do not explain of a window is irregular.

After Lakhina, Crovella, Diot 2004, "Diagnosing network-wide traffic anomalies": what many rpcs do
together, the day and its crowds, lies in a few directions, and what one does alone does not.

Axes: t step, c column, w part of a window, k component.
"""

import numpy as np

from informer.core.types import Bools, Floats, PatternTraffic
from quality.baselines.scale import deviation, roots
from quality.baselines.timeline import timeline
from quality.baselines.trailing import before, sums

PARTS = (1, 3, 8)  # steps, the latest first: a window of twelve, what is near in more detail
MOST_COMPONENTS = 20
LEAST_DEVIATION = 0.5  # of what is left: components take chance away as well, but not all of it


def scores(
    past: dict[str, PatternTraffic], now: dict[str, PatternTraffic], *, seed: int
) -> dict[str, Floats]:
    """How far an rpc's window is above its reconstruction, in deviations of the past."""
    line = timeline(past, now)
    parts, skipped = [], 0
    for length in PARTS:
        ended = sums(line.counts, length)
        for _ in range(skipped):
            ended = before(ended)
        parts.append(roots(ended))
        skipped += length
    windows = np.concatenate(parts, axis=1)  # [t, w * c]
    left = _residuals(windows, line.past)
    above = np.maximum(left / deviation(left, line.past, chance=LEAST_DEVIATION), 0.0)
    error = np.sqrt(np.mean(above.reshape(len(above), len(PARTS), -1) ** 2, axis=1))  # [t, c]
    return line.by_pattern(error[line.now :])


def _residuals(windows: Floats, of: Bools) -> Floats:
    """Windows without what the components that stand out explain of them."""
    left = windows - windows[of].mean(axis=0)
    scatter = left[of].std(axis=0)
    (varied,) = np.nonzero(scatter)  # what never moved has nothing in common with anything
    scale = np.maximum(scatter[varied], 1.0)
    values = left[:, varied] / scale
    steps, size = int(of.sum()), len(varied)
    variance, directions = np.linalg.eigh(values[of].T @ values[of] / steps)
    # Pure chance has no larger eigenvalue than that (Marchenko and Pastur 1967).
    chance = float(np.median(variance)) * (1 + np.sqrt(size / steps)) ** 2
    standing_out = min(int((variance > chance).sum()), MOST_COMPONENTS)
    kept = directions[:, size - standing_out :]  # [w * c, k]
    left[:, varied] = (values - (values @ kept) @ kept.T) * scale
    return np.asarray(left)
