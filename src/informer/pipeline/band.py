"""The regular range around what is expected, as it is drawn."""

import numpy as np

from informer.core.types import Floats

BAND = 2.58  # standard deviations: 99 in 100 regular steps lie inside


def band(expected: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Its lower and upper end; no count is below zero."""
    deviation = BAND * np.sqrt(variance)
    return np.maximum(expected - deviation, 0.0), expected + deviation
