"""Forecasters side by side: the next step of every rpc, from the steps before it alone.

Ours and the simplest there are, all judged alike: expected and spread of a negative binomial. A
forecaster that tells no spread gets the likeliest one for its errors on the last part of training,
as ours do.

Axes: t step, n rpc.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn.linear_model import Ridge

from informer.core.types import Bools, Floats, Forecast, Series
from informer.forecasts.counts import crps, fit_spread
from informer.forecasts.model import TooShortError
from informer.forecasts.select import NAMES, forecaster

LEAST_EXPECTED = 0.5  # calls: nothing is impossible
RIDGE_PAST = 12  # steps
RIDGE_PENALTIES = tuple(float(x) for x in np.geomspace(1e-3, 1e3, 13))
LEARNED_SHARE = 0.6  # of the training range; errors on the rest tell the spread

Expect = Callable[[Series, int], Floats]  # steps before the second learned: expected, [t, n]


@dataclass(frozen=True, slots=True)
class Compared:
    """How well one forecaster did; NaN where the training range was too short for it."""

    forecaster: str
    mae: float  # calls, mean over steps and rpcs
    crps: float  # likewise
    wape: float  # sum of |observed - expected| over sum of observed
    note: str = ""


def compare(
    train: Series,
    test: Series,
    counts: Bools,
    *,
    season_steps: int,
    ours: Sequence[str] = NAMES,
    seed: int = 0,
) -> list[Compared]:
    """Every forecaster on the steps of `test` that count ([t]) and were seen, best CRPS first.

    `season_steps` is the cycle that seasonal-naive repeats. `test` must follow `train` directly.
    """
    series = joined(train, test)
    at = np.concatenate([np.zeros(train.steps, dtype=bool), counts & test.seen])
    simple: dict[str, Expect] = {
        "last value": lambda s, _: _before(s.calls, 1),
        "seasonal-naive": lambda s, _: _before(s.calls, season_steps),
        "ridge": _ridge,
    }
    makers: dict[str, Callable[[], Forecast]] = {}
    makers |= {name: partial(_ours, name, train, series, seed) for name in ours}
    makers |= {
        name: partial(_with_spread, expect, train, series) for name, expect in simple.items()
    }
    found = []
    for name, make in makers.items():
        try:
            made = make()
        except TooShortError as why:
            found.append(Compared(name, np.nan, np.nan, np.nan, str(why)))
            continue
        found.append(_score(name, series.calls[at], made.expected[at], made.spread[at]))
    return sorted(found, key=lambda c: (np.isnan(c.crps), c.crps))


def _score(name: str, observed: Floats, expected: Floats, spread: Floats) -> Compared:
    off = np.abs(observed - expected)
    return Compared(
        name,
        float(off.mean()),
        float(crps(observed, expected, spread).mean()),
        float(off.sum() / observed.sum()),
    )


def _ours(name: str, train: Series, series: Series, seed: int) -> Forecast:
    ours = forecaster(name)
    return ours.forecast(ours.fit(train, seed=seed), series)


def _with_spread(expect: Expect, train: Series, series: Series) -> Forecast:
    learned = int(train.steps * LEARNED_SHARE)
    tried = expect(train, learned)
    told = train.seen & (np.arange(train.steps) >= learned) & ~np.isnan(tried).any(axis=1)
    if not told.any():
        raise TooShortError(f"{train.steps} steps of training are too few to learn a spread")
    spread = fit_spread(train.calls, np.where(told[:, None], _possible(tried), 1.0), told)
    expected = _possible(expect(series, train.steps))
    return Forecast(expected, np.broadcast_to(spread, expected.shape))


def _possible(expected: Floats) -> Floats:
    return np.maximum(expected, LEAST_EXPECTED)


def _before(calls: Floats, steps: int) -> Floats:
    """Calls so many steps earlier, NaN where there were none yet."""
    earlier = np.full(calls.shape, np.nan)
    earlier[steps:] = calls[:-steps]
    return earlier


def _ridge(series: Series, learned: int) -> Floats:
    """Every rpc from the last steps of all, in logarithms, as a change from the last value.

    The penalty is the best one on the last part of what is learned.
    """
    logs = np.log1p(series.calls)
    past = np.stack(
        [logs[i : len(logs) - RIDGE_PAST + i] for i in range(RIDGE_PAST)], axis=1
    )  # [t, past, n]: row k is before step k + RIDGE_PAST
    now = past[:, -1]
    inputs = (past - now[:, None]).reshape(len(past), -1)
    inputs = np.concatenate([inputs[:, : -logs.shape[1]], now], axis=1)
    targets = logs[RIDGE_PAST:] - now
    rows = learned - RIDGE_PAST
    tuned = int(rows * LEARNED_SHARE)
    if tuned < 1:
        raise TooShortError(f"ridge needs more than {RIDGE_PAST} steps, got {learned}")
    missed = {
        penalty: np.square(
            fitted(inputs[:tuned], targets[:tuned], penalty).predict(inputs[tuned:rows])
            - targets[tuned:rows]
        ).mean()
        for penalty in RIDGE_PENALTIES
    }
    best = min(missed, key=lambda penalty: float(missed[penalty]))
    expected = np.full(series.calls.shape, np.nan)
    made = fitted(inputs[:rows], targets[:rows], best).predict(inputs)
    expected[RIDGE_PAST:] = np.expm1(now + made)
    return expected


def fitted(inputs: Floats, targets: Floats, penalty: float) -> Ridge:
    """A ridge regression of [t, targets] on [t, inputs]."""
    return Ridge(alpha=penalty).fit(inputs, targets)


def joined(train: Series, test: Series) -> Series:
    """Both ranges as one series."""
    return Series(
        train.graph,
        train.start_ns,
        train.step_s,
        np.concatenate([train.calls, test.calls]),
        np.concatenate([train.seen, test.seen]),
    )
