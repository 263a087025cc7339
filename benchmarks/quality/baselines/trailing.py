"""Sums, means and deviations over windows that end before, or at, every step.

Axes: t step, c column.
"""

import numpy as np

from informer.core.types import Bools, Floats

LEAST_SEEN = 0.25  # share of a window that must have been seen for it to say anything


def sums(values: Floats, window: int) -> Floats:
    """Over the `window` steps that end at each step, fewer at the beginning; [t, ...]."""
    running = np.cumsum(values, axis=0)
    whole = running.copy()
    whole[window:] -= running[:-window]
    return whole


def before(values: Floats) -> Floats:
    """What ended at each step as what had ended one step earlier, zeros first; [t, ...]."""
    return np.concatenate([np.zeros_like(values[:1]), values[:-1]])


def moments_before(values: Floats, seen: Bools, window: int) -> tuple[Floats, Floats, Bools]:
    """Mean and deviation of the seen steps of the window before each, [t, c]; enough seen, [t]."""
    weight = seen[:, None].astype(np.float64)
    centre = values[seen].mean(axis=0) if seen.any() else np.zeros(values.shape[1])
    kept = (values - centre) * weight  # near zero, so that the differences below stay exact
    count = before(sums(weight, window))
    divisor = np.maximum(count, 1.0)
    mean = before(sums(kept, window)) / divisor
    square = before(sums(kept**2, window)) / divisor
    scatter = np.sqrt(np.maximum(square - mean**2, 0.0))
    return mean + centre, scatter, count[:, 0] >= max(LEAST_SEEN * window, 2)
