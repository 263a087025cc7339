"""The level around a profile: compiled, and the same to the bit as it is written in the paper."""

import numpy as np
import pytest

from informer.core.types import Bools, Floats
from informer.forecasts.counts import within_reach
from informer.forecasts.level import Level, LevelRule, follow

STEPS, RPCS = 400, 5


def plainly(
    profile: Floats, calls: Floats, seen: Bools, rule: LevelRule, spread: Floats, room: Floats
) -> Floats:
    """The filter, a step at a time over arrays of rpcs."""
    decay = 0.5 ** (1.0 / rule.half_life_steps)
    moves = np.isfinite(rule.prior_calls)
    prior = np.where(moves, rule.prior_calls, 1.0)
    had, due = np.zeros(profile.shape[1]), np.zeros(profile.shape[1])
    expected = np.empty_like(profile)
    for t in range(len(profile)):
        level = np.where(moves, (had + prior) / (due + prior), 1.0)
        expected[t] = profile[t] * np.clip(level, *room)
        had, due = had * decay, due * decay
        if seen[t]:
            had = had + within_reach(calls[t], expected[t], spread)
            due = due + profile[t]
    return expected


def drawn(seed: int) -> tuple[Floats, Floats, Bools, LevelRule, Floats]:
    random = np.random.default_rng(seed)
    profile = random.gamma(2.0, 10.0, (STEPS, RPCS))
    calls = random.poisson(profile).astype(np.float64)
    calls[100:110] *= 20.0  # an attack, cut
    seen = random.random(STEPS) > 0.1
    rule = LevelRule(random.uniform(6.0, 600.0, RPCS), np.array([100.0, 30.0, np.inf, 10.0, 3.0]))
    return profile, calls, seen, rule, random.uniform(0.0, 0.4, RPCS)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("room", [(-np.inf, np.inf), (0.9, 1.05)])
def test_the_compiled_filter_gives_the_same_bits(seed: int, room: tuple[float, float]) -> None:
    profile, calls, seen, rule, spread = drawn(seed)
    bounds = np.array(room)[:, None] + np.zeros(RPCS)
    given = None if np.isinf(room[0]) else (bounds[0], bounds[1])
    expected = follow(profile, calls, seen, rule, spread, given)
    assert np.array_equal(expected, plainly(profile, calls, seen, rule, spread, bounds))


def test_step_by_step_is_the_same_as_at_once_and_looking_changes_nothing() -> None:
    profile, calls, seen, rule, spread = drawn(3)
    level, expected = Level(rule, spread), np.empty_like(profile)
    for t in range(STEPS):
        level.expected(profile[t] * 2.0)
        expected[t] = level.expected(profile[t])
        level.learn(calls[t] if seen[t] else None, profile[t])
    assert np.array_equal(expected, follow(profile, calls, seen, rule, spread))


def test_columns_of_a_larger_array_are_followed_as_they_are() -> None:
    profile, calls, seen, rule, spread = drawn(4)
    wide = np.repeat(profile, 2, axis=1)[:, ::2]
    assert not wide.flags["C_CONTIGUOUS"]
    assert np.array_equal(
        follow(wide, np.asfortranarray(calls), seen, rule, spread),
        follow(profile, calls, seen, rule, spread),
    )
