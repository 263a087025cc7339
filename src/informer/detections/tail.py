"""How often clean traffic passes a score: counted where it does so often, extrapolated from there.

Few clean days hold no more than a handful of incidents at the level of an alert budget, and a
handful says little. Scores are -log10 of probabilities, so that their tail is close to
exponential: its slope, fitted on the many lesser incidents, says more.

Axes: t step, u unit.
"""

from dataclasses import dataclass

import numpy as np

from informer.core.types import Bools, Floats, Ints, Json

LEVELS = np.arange(1.5, 20.0, 0.05)
SATURATED = 0.5  # of the most incidents; where more pass, they run into each other and count as few
COUNTED, COUNTED_PER_DAY = 60, 25.0  # incidents are enough for a slope, and for a large budget
# A tail of perfect -log10 p falls tenfold with every unit; uneven traffic makes it fall slower.
PRIOR_SLOPE, PRIOR_INCIDENTS = 0.85, 15.0
FURTHEST = 3.0  # above the base; what lies beyond is no chance and says nothing about its tail


@dataclass(frozen=True, slots=True)
class Tail:
    """Incidents a day at a base level, and how fast they become fewer above it."""

    base: float  # score
    per_day: float  # incidents of clean traffic at the base
    slope: float  # decades of incidents a unit of score

    def level(self, per_day: float) -> float:
        """The score that clean traffic passes so many times a day; not below the base."""
        return self.base + max(float(np.log10(self.per_day / per_day)), 0.0) / self.slope

    def to_json(self) -> Json:
        """As a JSON object."""
        return {"base": self.base, "per_day": self.per_day, "slope": self.slope}

    @classmethod
    def from_json(cls, value: Json) -> "Tail":
        """Back from the JSON object."""
        return cls(float(value["base"]), float(value["per_day"]), float(value["slope"]))


def guessed_tail(cells_a_day: float) -> Tail:
    """Without clean traffic: every cell is a chance of its own."""
    return Tail(0.0, cells_a_day, 1.0)


def fit_tail(by_unit: Floats, days: float, merge_steps: int) -> Tail:
    """Fit the tail of the highest scores of every unit, [t, u], over so many clean days.

    Exceedances no further apart than `merge_steps` would have been told as one incident.
    """
    passed = np.array([_incidents(by_unit >= level, merge_steps) for level in LEVELS])
    peak = int(passed.argmax())
    enough = min(SATURATED * float(passed[peak]), max(COUNTED, COUNTED_PER_DAY * days))
    usable = np.flatnonzero(passed[peak:] <= enough)
    at = peak + int(usable[0]) if len(usable) else peak
    beyond = np.concatenate([_beyond(column, LEVELS[at], merge_steps) for column in by_unit.T])
    # An exponential distribution cut off at FURTHEST, with a Gamma prior for its rate.
    within = float((beyond < FURTHEST).sum())
    decades = (PRIOR_INCIDENTS + within) / (
        PRIOR_INCIDENTS / PRIOR_SLOPE + np.log(10) * float(np.minimum(beyond, FURTHEST).sum())
    )
    # Half an incident more than were counted: none in three days is not never.
    return Tail(float(LEVELS[at]), (len(beyond) + 0.5) / days, float(decades))


def _beyond(scores: Floats, level: float, merge_steps: int) -> Floats:
    """How far the highest score of every incident of a unit lies above the level."""
    steps = np.flatnonzero(scores >= level)
    if len(steps) == 0:
        return np.zeros(0)
    first = np.flatnonzero(np.diff(steps, prepend=steps[0] - merge_steps - 1) > merge_steps)
    return np.asarray(np.maximum.reduceat(scores[steps], first) - level)


def _incidents(passed: Bools, merge_steps: int) -> int:
    """How many incidents exceedances of units, [t, u], would have been."""
    return sum(_clusters(np.flatnonzero(column), merge_steps) for column in passed.T)


def _clusters(steps: Ints, merge_steps: int) -> int:
    """How many incidents the exceedances at these steps would have been."""
    return int(len(steps) > 0) + int((np.diff(steps) > merge_steps).sum())
