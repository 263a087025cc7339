"""Forecasters side by side: one step ahead and twelve, from what came before alone.

Axes: t step, s judged step, n rpc, b block of judged steps that follow each other.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.linear_model import Ridge

from informer.core.ports import Forecaster
from informer.core.types import Bools, Floats, Forecast, Ints, Json, Model, Series
from informer.forecasts.backtest import backtest
from informer.forecasts.counts import crps, fit_spread
from informer.forecasts.dcrnn import Dcrnn, DcrnnSettings
from informer.forecasts.diffusion_gru import DiffusionGru
from informer.forecasts.model import TooShortError
from informer.forecasts.select import NAMES, forecaster
from informer.forecasts.training import Schedule
from quality.intervals import interval

DEFAULT = DiffusionGru.name
SMALL = "dcrnn, small"  # one layer of 16, three steps ahead: published size takes minutes a pattern
OURS = (DEFAULT, "seasonal", SMALL)
SMALL_SETTINGS = DcrnnSettings(
    hidden=16,
    layers=1,
    horizon=3,
    schedule=Schedule(
        batch=32, batches=16, epochs=24, patience=5, falls=(12, 18), sampling_decay=60.0
    ),
)
SELECTION, RIDGE = "selection", "ridge"
AHEAD = 12
HORIZONS = {"1 step": 1, f"{AHEAD} steps": AHEAD}
EVERY = 24  # steps between two origins of far forecasts
FEWEST_ORIGINS = 60
CONTEXT = 576  # steps before an origin
BLOCK = 24  # steps
BLOCK_ORIGINS = 6
PAST = 12
PENALTIES = tuple(float(x) for x in np.geomspace(1e-2, 1e4, 13))
TUNED = 0.6  # of training; the rest tells spreads, and which penalty is best
LEAST_EXPECTED = 1e-3  # calls: nothing is impossible

Blocks = Floats  # [b, 3]: observed, |error| and CRPS, summed


@dataclass(frozen=True, slots=True)
class Case:
    """One pattern: what is learned, the whole, and which steps are asked for, [t]."""

    train: Series
    whole: Series
    asked: Bools


def named(who: str) -> Forecaster:
    """The forecaster of that name, the small reference among them."""
    return Dcrnn(SMALL_SETTINGS) if who == SMALL else forecaster(who)


def measured(cases: Sequence[Case], ours: Sequence[str] = OURS) -> Json:
    """Figures of every forecaster at both distances, and how many patterns chose which.

    `selection` is for every pattern the forecaster that learning chooses for it, by a backtest
    within what is learned.
    """
    learned = [_models(case, ours) for case in cases]
    choices = [backtest(c.train, [forecaster(n) for n in NAMES], seed=0).chosen for c in cases]
    found: Json = {}
    for title, ahead in HORIZONS.items():
        blocks: dict[str, list[Blocks]] = {}
        for case, models, chosen in zip(cases, learned, choices, strict=True):
            for who, told in _told(case, models, ahead):
                blocks.setdefault(who, []).append(told)
                if who == chosen:
                    blocks.setdefault(SELECTION, []).append(told)
        found[title] = _figures(blocks, len(cases))
    return found | {"chosen": dict(sorted(Counter(choices).items()))}


def _models(case: Case, ours: Sequence[str]) -> dict[str, Model]:
    """A model of each, once for both distances; none of those for which training is too short."""
    models = {}
    for who in ours:
        try:
            models[who] = named(who).fit(case.train, seed=0)
        except TooShortError:
            continue
    return models


def _told(case: Case, models: dict[str, Model], ahead: int) -> Iterator[tuple[str, Blocks]]:
    learned = case.train.steps
    tuned = int(TUNED * learned)
    size = BLOCK if ahead == 1 else BLOCK_ORIGINS
    asked = _steps(np.flatnonzero(case.asked), ahead)
    tried = np.arange(tuned + ahead + PAST, learned)
    tried = _steps(tried[case.train.seen[tried]], ahead)
    for who, model in models.items():
        ours = named(who)
        if ahead == 1:
            made = ours.forecast(model, case.whole)
            made = Forecast(made.expected[asked], made.spread[asked])
        else:
            far = _far(ours, model, case.whole, np.concatenate([tried, asked]))
            made = _with_spread(case, far[: len(tried)], tried, far[len(tried) :])
        yield who, _blocks(case.whole.calls[asked], made, size)
    # What ridge learned by heart would make it look sure: its spread is of steps not learned.
    before, expected = _ridge(case.whole, learned, ahead)
    made = _with_spread(case, before[tried], tried, expected[asked])
    yield RIDGE, _blocks(case.whole.calls[asked], made, size)


def _steps(steps: Ints, ahead: int) -> Ints:
    return steps if ahead == 1 else steps[:: min(EVERY, max(1, len(steps) // FEWEST_ORIGINS))]


def _far(ours: Forecaster, model: Model, whole: Series, steps: Ints) -> Floats:
    """Each of these steps, forecast from what was seen up to AHEAD steps before; [s, n]."""
    found = []
    for step in steps:
        first = max(0, int(step) + 1 - AHEAD - CONTEXT)
        part = whole.slice(first, int(step) + 1)
        seen = part.seen.copy()
        seen[-AHEAD:] = False
        calls = np.where(seen[:, None], part.calls, 0.0)
        told = ours.forecast(model, replace(part, calls=calls, seen=seen))
        found.append(told.expected[-1])
    return np.stack(found)


def _with_spread(case: Case, tried: Floats, at: Ints, expected: Floats) -> Forecast:
    told = np.maximum(tried, LEAST_EXPECTED)
    spread = fit_spread(case.whole.calls[at], told, np.ones(len(at), bool))
    expected = np.maximum(expected, LEAST_EXPECTED)
    return Forecast(expected, np.broadcast_to(spread, expected.shape))


def _ridge(series: Series, learned: int, ahead: int) -> tuple[Floats, Floats]:
    """Every rpc from the last steps of all, in logarithms, as a change from the last one known.

    Learned from the first part of training, and from all of it, [t, n] each; the first steps, which
    have no past, are 1. The penalty is the best one on the part of training left out at first.
    """
    logs = np.log1p(series.calls)
    lags = np.concatenate([np.roll(logs, ahead + k, axis=0) for k in range(PAST)], axis=1)
    now = np.roll(logs, ahead, axis=0)
    first, tuned = ahead + PAST, int(TUNED * learned)

    def made(end: int, penalty: float) -> Floats:
        model = Ridge(alpha=penalty).fit(lags[first:end], (logs - now)[first:end])
        return now + model.predict(lags).reshape(logs.shape)

    left_out = slice(tuned, learned)
    off = {p: np.square(made(tuned, p)[left_out] - logs[left_out]).mean() for p in PENALTIES}
    best = min(off, key=lambda p: float(off[p]))
    early = np.arange(len(logs))[:, None] < first
    both = (np.maximum(np.expm1(made(end, best)), 0.0) for end in (tuned, learned))
    before, whole = (np.where(early, 1.0, told) for told in both)
    return before, whole


def _blocks(observed: Floats, made: Forecast, size: int) -> Blocks:
    off = np.abs(observed - made.expected).sum(axis=1)
    score = crps(observed, made.expected, made.spread).sum(axis=1)
    each = np.stack([observed.sum(axis=1), off, score], axis=1)
    return np.stack([each[i : i + size].sum(axis=0) for i in range(0, len(each), size)])


def _figures(of: dict[str, list[Blocks]], patterns: int) -> Json:
    """WAPE, CRPS and the ratio of the CRPS to the default's, each with its interval.

    Who could not learn every pattern is left out: the others would be judged on more.
    """
    blocks = {n: np.concatenate(parts) for n, parts in of.items() if len(parts) == patterns}
    names = list(blocks)
    size = len(blocks[RIDGE])

    def figures(rows: Ints) -> Floats:
        total = np.stack([blocks[n][rows].sum(axis=0) for n in names])
        wape, score = total[:, 1] / total[:, 0], total[:, 2] / total[:, 0]
        base = score[names.index(DEFAULT)] if DEFAULT in names else np.nan
        return np.concatenate([wape, score, score / base])

    values = figures(np.arange(size))
    low, high = interval(lambda rng: figures(rng.integers(0, size, size)), seed=0)
    k = len(names)
    return {
        n: {
            name: [_plain(x[i + j * k]) for x in (values, low, high)]
            for j, name in enumerate(("wape", "crps", "crps_ratio"))
        }
        for i, n in enumerate(names)
    }


def _plain(value: float) -> float | None:
    """JSON knows no NaN."""
    return round(float(value), 4) if np.isfinite(value) else None
