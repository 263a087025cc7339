"""The slowly moving level of a series around its profile, robust against bursts."""

from copy import copy
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
    level = Level(rule, spread, room)
    expected = np.empty_like(profile)
    for t in range(len(profile)):
        expected[t] = level.expected(profile[t])
        level.learn(calls[t] if seen[t] else None, profile[t], expected[t])
    return expected


class Level:
    """The filter of `follow` between two steps, for [n] rpcs."""

    def __init__(
        self, rule: LevelRule, spread: Floats, room: tuple[Floats, Floats] | None = None
    ) -> None:
        self._decay = 0.5 ** (1.0 / rule.half_life_steps)
        self._moves = np.isfinite(rule.prior_calls)
        self._all_move = bool(self._moves.all())
        self._prior = np.where(self._moves, rule.prior_calls, 1.0)
        self._room = room
        self._spread = spread
        self._had = np.zeros_like(self._prior)
        self._due = np.zeros_like(self._prior)

    def copy(self) -> "Level":
        """The same, to go on by itself from here."""
        twin = copy(self)
        twin._had, twin._due = self._had.copy(), self._due.copy()
        return twin

    def expected(self, profile: Floats) -> Floats:
        """Calls of the next step, [n]."""
        level: Floats = (self._had + self._prior) / (self._due + self._prior)
        if not self._all_move:
            level = np.where(self._moves, level, 1.0)
        if self._room is not None:
            level = np.clip(level, *self._room)
        return profile * level

    def learn(self, calls: Floats | None, profile: Floats, expected: Floats) -> None:
        """That step is over; None = it was not seen."""
        self._had *= self._decay
        self._due *= self._decay
        if calls is not None:
            self._had += within_reach(calls, expected, self._spread)
            self._due += profile
