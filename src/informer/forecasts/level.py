"""The slowly moving level of a series around its profile, robust against bursts."""

from copy import copy
from dataclasses import dataclass

import numpy as np

from informer.core.compiled import compiled
from informer.core.types import Bools, Floats
from informer.forecasts.counts import REACH_SD

NOT_SEEN = np.zeros(1, dtype=bool)


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
    level = Level(rule, spread, room)
    return level.follow(profile, calls, seen)


class Level:
    """The filter of `follow` between two steps, for [n] rpcs."""

    def __init__(
        self, rule: LevelRule, spread: Floats, room: tuple[Floats, Floats] | None = None
    ) -> None:
        moves = np.isfinite(rule.prior_calls)
        rpcs = np.zeros(len(moves))
        least, most = (rpcs - np.inf, rpcs + np.inf) if room is None else room
        decay = 0.5 ** (1.0 / rule.half_life_steps)
        prior = np.where(moves, rule.prior_calls, 1.0)
        self._rule = (decay, prior, moves, rpcs + least, rpcs + most, rpcs + spread)
        self._had = np.zeros_like(rpcs)
        self._due = np.zeros_like(rpcs)

    def copy(self) -> "Level":
        """The same, to go on by itself from here."""
        twin = copy(self)
        twin._had, twin._due = self._had.copy(), self._due.copy()
        return twin

    def follow(self, profile: Floats, calls: Floats, seen: Bools) -> Floats:
        """Expected calls of some steps, [t, n], each before it is learned."""
        expected = np.empty_like(profile, dtype=np.float64, order="C")
        self._walk(profile, calls, seen, expected, learns=True)
        return expected

    def expected(self, profile: Floats) -> Floats:
        """Calls of the next step, [n], which is not learned yet."""
        expected = np.empty((1, len(profile)))
        self._walk(profile[None], profile[None], NOT_SEEN, expected, learns=False)
        first: Floats = expected[0]
        return first

    def learn(self, calls: Floats | None, profile: Floats) -> None:
        """That step is over; None = it was not seen."""
        expected = np.empty((1, len(profile)))
        if calls is None:
            self._walk(profile[None], profile[None], NOT_SEEN, expected, learns=True)
        else:
            self._walk(profile[None], calls[None], ~NOT_SEEN, expected, learns=True)

    def _walk(
        self, profile: Floats, calls: Floats, seen: Bools, expected: Floats, *, learns: bool
    ) -> None:
        had, due = (self._had, self._due) if learns else (self._had.copy(), self._due.copy())
        _walk(
            np.ascontiguousarray(profile, dtype=np.float64),
            np.ascontiguousarray(calls, dtype=np.float64),
            np.ascontiguousarray(seen),
            *self._rule,
            had,
            due,
            expected,
        )


@compiled
def _walk(
    profile: Floats,
    calls: Floats,
    seen: Bools,
    decay: Floats,
    prior: Floats,
    moves: Bools,
    least: Floats,
    most: Floats,
    spread: Floats,
    had: Floats,
    due: Floats,
    expected: Floats,
) -> None:
    """Expect and learn step by step; writes `had`, `due` and `expected`."""
    for t in range(profile.shape[0]):
        for n in range(profile.shape[1]):
            level = (had[n] + prior[n]) / (due[n] + prior[n]) if moves[n] else 1.0
            level = min(max(level, least[n]), most[n])
            mean = profile[t, n] * level
            expected[t, n] = mean
            had[n] *= decay[n]
            due[n] *= decay[n]
            if seen[t]:
                # As `within_reach`.
                reach = REACH_SD * np.sqrt(mean + spread[n] * (mean * mean))
                had[n] += min(max(calls[t, n], mean - reach), mean + reach + 1.0)
                due[n] += profile[t, n]
