"""How many requests of every pattern a minute brings, before chance: [t step, p pattern]."""

import math
from datetime import UTC, datetime

import numpy as np

from informer.core.types import NS_PER_S, Floats
from informer.simulate.scenario import Calendar, Noise, Scenario, Season

STEP_NS = 60 * NS_PER_S
STEPS_PER_DAY = 1440


def regular_rates(scenario: Scenario, from_ns: int, seed: int) -> Floats:
    """Requests a step without any event, [t, p]: season, calendar and noise.

    A longer simulation begins with exactly the same values. A cron batch stands in the step of
    its beginning, its number of requests exact.
    """
    head, noise = scenario.head, scenario.noise
    steps = head.days * STEPS_PER_DAY
    shared = _wander([np.random.default_rng([seed, 1])], steps, noise.shared_sigma, noise)
    places = range(len(scenario.patterns))
    own = [np.random.default_rng([seed, 2, place]) for place in places]
    rates = np.exp(_wander(own, steps, noise.sigma, noise) + shared)  # [t, p]
    clock = _minute_of_day(from_ns) + np.arange(steps)
    for place, pattern in enumerate(scenario.patterns):
        if pattern.cron is not None:
            due = (clock - pattern.cron.at_minute) % pattern.cron.every_minutes == 0
            rates[:, place] = np.where(due, float(pattern.cron.requests), 0.0)
        else:
            season = _season(pattern.season, scenario.calendar, from_ns, steps)
            rates[:, place] *= pattern.per_minute * head.volume * season
    return rates


def _season(season: Season, calendar: Calendar, from_ns: int, steps: int) -> Floats:
    """What the time of day and the day make of the rate, [t]; mean 1 on a regular day."""
    start = datetime.fromtimestamp(from_ns / NS_PER_S, UTC)
    first = _minute_of_day(from_ns)
    minutes = np.arange(STEPS_PER_DAY)
    profile = np.full(STEPS_PER_DAY, season.floor)
    for hour, width, height in season.peaks:
        away = np.abs(minutes / 60 - hour)
        away = np.minimum(away, 24 - away)
        profile += height * np.exp(-0.5 * (away / width) ** 2)
    profile /= profile.mean()
    step = np.arange(steps)
    day = step // STEPS_PER_DAY
    weekday = (start.weekday() + (first + step) // STEPS_PER_DAY) % 7
    made = profile[(first + step) % STEPS_PER_DAY]
    made = made * np.where(weekday >= 5, season.weekend, 1.0)
    made = made * np.where(np.isin(day, calendar.holidays), calendar.holiday, 1.0)
    return np.asarray(made * (1 + calendar.trend_per_day) ** (step / STEPS_PER_DAY))


def _wander(rngs: list[np.random.Generator], steps: int, sigma: float, noise: Noise) -> Floats:
    """Autocorrelated noise (AR 1) of the logarithm, [t, rng]; its exponential has mean 1."""
    if sigma == 0:
        return np.zeros((steps, len(rngs)))
    memory = math.exp(-1 / noise.memory_minutes) if noise.memory_minutes else 0.0
    wander = np.stack([rng.standard_normal(steps) for rng in rngs], axis=1) * sigma
    wander[1:] *= math.sqrt(1 - memory**2)
    for t in range(1, steps):
        wander[t] += memory * wander[t - 1]
    return np.asarray(wander - sigma**2 / 2)


def _minute_of_day(from_ns: int) -> int:
    start = datetime.fromtimestamp(from_ns / NS_PER_S, UTC)
    return start.hour * 60 + start.minute
