"""The slowly moving level of a series around its profile, robust against bursts."""

from dataclasses import dataclass

import numpy as np

from informer.core.types import Bools, Floats
from informer.forecasts.counts import within_reach


@dataclass(frozen=True, slots=True)
class LevelRule:
    """How fast the level forgets and how much it takes to move it."""

    half_life_steps: Floats  # [n]
    prior_calls: Floats  # [n], evidence for level 1; infinite = the level never moves


def follow(
    profile: Floats,
    calls: Floats,
    seen: Bools,
    rule: LevelRule,
    spread: Floats,
    room: tuple[Floats, Floats] | None = None,
) -> Floats:
    """Expected calls of every step, [t, n]: the profile times the level before that step.

    The level is a discounted gamma-Poisson filter (West and Harrison 1997, "Bayesian
    Forecasting and Dynamic Models"): calls seen over calls expected, both forgotten with the
    half-life, with `prior_calls` added to both. What enters is clipped, so an attack moves it
    little; a step that was not seen only forgets. `room` is the least and the most that the level
    may be, [n] each: patience moves it no further.
    """
    decay = 0.5 ** (1.0 / rule.half_life_steps)
    moves = np.isfinite(rule.prior_calls)
    prior = np.where(moves, rule.prior_calls, 1.0)
    had = np.zeros_like(profile[0]) if len(profile) else np.zeros(0)
    due = np.zeros_like(had)
    expected = np.empty_like(profile)
    least, most = (0.0, np.inf) if room is None else room
    for t in range(len(profile)):
        level = np.where(moves, (had + prior) / (due + prior), 1.0)
        mean = profile[t] * np.clip(level, least, most)
        expected[t] = mean
        had *= decay
        due *= decay
        if seen[t]:
            had += within_reach(calls[t], mean, spread)
            due += profile[t]
    return expected
