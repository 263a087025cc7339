"""A rolling backtest: forecasts of steps that were not learned, and the choice they lead to."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise

import numpy as np

from informer.core.ports import Forecaster
from informer.core.types import Floats, Forecast, Ints, Json, Model, Series
from informer.forecasts.clock import knows_clock, with_clock
from informer.forecasts.counts import crps, log_likelihood
from informer.forecasts.model import TooShortError
from informer.forecasts.pool import Pools
from informer.forecasts.select import BAR, NAMES, forecaster

NO_POOLS = Pools()
HELD_SHARE = 0.4  # of the steps, the last ones
FOLDS = 4
FEWEST_STEPS = 40
LEAST_CALLS = 1.0  # per step, of the busiest rpc; below, no network is trained
MARGIN_ERRORS = 2.0  # standard errors by which a network must be better
BLOCKS = 40  # of consecutive steps: neighbours err alike and are not independent


@dataclass(frozen=True, slots=True)
class Score:
    """How well a forecaster did on steps that it had not learned."""

    crps: float  # calls, mean over steps and rpcs; less is better
    log_score: float  # -log likelihood, mean over steps and rpcs; less is better
    wape: float  # sum of |observed - expected| over sum of observed


@dataclass(frozen=True, slots=True)
class Backtest:
    """Which forecaster runs and why, and its forecasts of steps that it had not learned."""

    chosen: str
    reason: str  # for people
    scores: dict[str, Score]
    first: int | None  # the first step that was forecast; None where the series was too short
    forecast: Forecast | None  # of the steps from `first` on, [t, n]

    def to_json(self) -> Json:
        """All but the forecasts."""
        return {
            "chosen": self.chosen,
            "reason": self.reason,
            "scores": {name: asdict(score) for name, score in self.scores.items()},
            "first": self.first,
        }


def backtest(series: Series, forecasters: Sequence[Forecaster], *, seed: int) -> Backtest:
    """Forecast the last steps of a series in folds, each from what came before it.

    The first forecaster is the bar and is fitted anew before every fold; the others, which take
    longer, are fitted once, before the first fold, and must beat it nevertheless. What is held is a
    share of the steps from the first to the last that was seen.
    """
    bar, *rivals = forecasters
    known = np.flatnonzero(series.seen)
    born, end = (int(known[0]), int(known[-1]) + 1) if len(known) else (0, 0)
    begin = born + int((end - born) * (1.0 - HELD_SHARE))
    if end - born < FEWEST_STEPS or not series.seen[:begin].any():
        reason = f"{bar.name}: {int(series.seen.sum())} steps are too few to compare forecasters"
        return Backtest(bar.name, reason, {}, None, None)
    steps = np.arange(begin, series.steps)
    limits = np.linspace(begin, series.steps, FOLDS + 1).astype(np.int64)
    found = {bar.name: _rolling(bar, series, limits, seed)}
    cannot = []
    for rival in rivals:
        try:
            found[rival.name] = _rolling(rival, series, limits[[0, -1]], seed)
        except TooShortError as why:
            cannot.append(str(why))
    seen = series.seen[steps]
    observed = series.calls[steps][seen]
    judged = {
        name: Forecast(made.expected[seen], made.spread[seen]) for name, made in found.items()
    }
    scores = {name: _score(observed, made) for name, made in judged.items()}
    chosen, said = _choose(bar.name, observed, judged, scores)
    reason = f"{chosen}: {'; '.join([*said, *cannot]) or 'no other forecaster was tried'}"
    return Backtest(chosen, reason, scores, begin, found[chosen])


def fit_best(
    series: Series, *, seed: int, names: Sequence[str] = NAMES, pools: Pools = NO_POOLS
) -> tuple[Model, Backtest]:
    """The forecaster that the backtest chose, fitted on the whole series, and the backtest.

    Where the busiest rpc has fewer than `LEAST_CALLS` a step, no network is even trained.
    """
    calls = series.calls[series.seen]
    busiest = float(calls.mean(axis=0).max(initial=0.0)) if len(calls) else 0.0
    offered = [BAR, *(name for name in names if name != BAR)]
    quiet = busiest < LEAST_CALLS and len(offered) > 1
    if quiet:
        offered = [BAR]
    tried = [forecaster(name, pools.backtests) for name in offered]
    result = backtest(series, tried, seed=seed)
    if quiet:
        reason = f"{BAR}: {busiest:.2g} calls a step are too few to train a network on"
        result = replace(result, reason=reason)
    model = forecaster(result.chosen, pools.models).fit(series, seed=seed)
    if knows_clock(model):
        return model, result
    return with_clock(model, forecaster(BAR, pools.models).fit(series, seed=seed)), result


def _rolling(forecaster: Forecaster, series: Series, limits: Ints, seed: int) -> Forecast:
    """Forecasts of limits[0]..limits[-1], [t, n], fitted anew at every limit but the last."""
    parts = []
    for begin, end in pairwise(limits.tolist()):
        model = forecaster.fit(series.slice(0, begin), seed=seed)
        made = forecaster.forecast(model, series.slice(0, end))
        parts.append(made.slice(begin))
    return Forecast.joined(parts)


def _score(observed: Floats, made: Forecast) -> Score:
    off = np.abs(observed - made.expected).sum()
    return Score(
        float(crps(observed, made.expected, made.spread).mean()),
        float(-log_likelihood(observed, made.expected, made.spread).mean()),
        float(off / max(observed.sum(), 1.0)),
    )


def _choose(
    bar: str, observed: Floats, judged: dict[str, Forecast], scores: dict[str, Score]
) -> tuple[str, list[str]]:
    """The forecaster that runs, and what to say about each rival."""
    loss = {
        name: crps(observed, made.expected, made.spread).mean(axis=1)
        for name, made in judged.items()
    }  # [t] each
    chosen, said = bar, []
    for rival in judged:
        if rival == bar:
            continue
        gain = [float(b.mean()) for b in np.array_split(loss[bar] - loss[rival], BLOCKS) if b.size]
        error = float(np.std(gain, ddof=1)) / np.sqrt(len(gain)) if len(gain) > 1 else np.inf
        ours, theirs = scores[rival], scores[bar]
        compared = f"CRPS of {rival} {ours.crps:.3g}, of {bar} {theirs.crps:.3g}"
        if not np.mean(gain) > MARGIN_ERRORS * error:
            said.append(f"{compared}: not better by {MARGIN_ERRORS:g} standard errors")
        elif ours.log_score > theirs.log_score:
            said.append(f"{compared}, but its log score {ours.log_score:.3g} is worse")
        else:
            said.append(f"{compared}: better by more than {MARGIN_ERRORS:g} standard errors")
            if ours.crps < scores[chosen].crps:
                chosen = rival
    return chosen, said
