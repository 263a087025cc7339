"""The default network: a small diffusion GRU that corrects what the clock expects.

The clock tells the season and the slow level; the network reads by how much it was off lately, for
every rpc and along the graph, and says by how much it will be off next. It begins as a linear
regression that is solved at once, and says nothing where held-out steps are no better for it.
"""

import numpy as np

from informer.core.types import Bools, Floats, Forecast, Model, Series
from informer.forecasts.counts import log_likelihood
from informer.forecasts.gru_network import Weights, log_correction, random_weights
from informer.forecasts.model import TooShortError, check_fits, described, since_first_seen
from informer.forecasts.noise import Noise, fit_noise
from informer.forecasts.pool import Pool
from informer.forecasts.residuals import OWN, REACH_SD, Inputs, inputs_of, views_of
from informer.forecasts.seasonal import Seasonal

FEWEST_STEPS = 64
HELD_SHARE = 0.15
HELD_BLOCKS = 5  # of consecutive steps, over the whole range: days of all kinds
GAP_SHARE = 0.1  # of the steps that the network does not see while it learns
LONGEST_GAP = 12
VIEWS = 4  # ways to lay gaps
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the correction
COMMON_STEPS = 30.0  # of evidence for no dependence at all
OWN_STEPS = 100.0  # of evidence for that of all rpcs
CLOCK = "clock."


class DiffusionGru:
    """Forecasts by the clock, corrected by a small network on the pattern's graph."""

    name = "diffusion_gru"

    def __init__(self, pool: Pool | None = None) -> None:
        """`pool` is lent to the clock."""
        self.pool = pool

    def fit(self, series: Series, *, seed: int) -> Model:
        """Learn the clock, then the correction of what it tells of steps that it had not learned.

        Raises `TooShortError` where fewer than `FEWEST_STEPS` were seen.
        """
        from informer.forecasts.gru_stretches import Lesson
        from informer.forecasts.gru_training import GruSchedule, train
        from informer.forecasts.walks import supports

        if series.seen.sum() < FEWEST_STEPS:
            raise TooShortError(
                f"{self.name} needs {FEWEST_STEPS} seen steps, got {int(series.seen.sum())}"
            )
        series = since_first_seen(series)
        clock, base = Seasonal(self.pool).learn(series)
        noise = fit_noise(series.calls, base, series.seen)
        n = series.calls.shape[1]
        learned_s = series.steps * series.step_s
        usual_log = np.log(base).mean(axis=0)
        rng = np.random.default_rng(seed)
        seen = [series.seen, *(_with_gaps(series.seen, rng) for _ in range(VIEWS))]
        views = views_of(series, seen, base, noise, usual_log, learned_s)
        held = _held(series.steps)
        sides = supports(series.graph, 2, n)
        weights = random_weights(n, seed)
        weights["direct"] = _regressed(series, base, noise, views[:2], series.seen & ~held)
        lesson = Lesson(views, base, series.calls, series.seen, held, noise, sides)
        weights = train(weights, lesson, GruSchedule(), seed=seed)
        correction = log_correction(weights, sides, views[0])
        told = held & series.seen
        share = _best_share(series.calls[told], base[told], correction[told], noise)
        # Of all steps: those held out alone may have been calm ones, or wild ones, by chance.
        expected = base * np.exp(share * correction)
        after = fit_noise(series.calls, expected, series.seen, noise.batch)
        return Model(
            self.name,
            {f"network.{k}": v for k, v in weights.items()}
            | {f"{CLOCK}{k}": v for k, v in clock.arrays.items()}
            | {
                "sides": sides.astype(np.float32),
                "usual_log": usual_log,
                "share": np.array(share),
                "read_spread": noise.spread,
                "batch": noise.batch,
                "spread": after.spread,
            },
            {f"clock_{k}": v for k, v in clock.settings.items()}
            | {"learned_s": learned_s, **described(series)},
        )

    def forecast(self, model: Model, series: Series) -> Forecast:
        """Expected and spread, [t, n]; NumPy alone."""
        check_fits(model, series)
        a = model.arrays
        by_clock = Seasonal().forecast(clock_of(model), series)
        base = by_clock.expected
        inputs = inputs_of(
            series,
            series.seen,
            base,
            Noise(a["read_spread"], a["batch"]),
            a["usual_log"],
            int(model.settings["learned_s"]),
        )
        correction = log_correction(weights_of(model), a["sides"].astype(np.float64), inputs)
        expected = base * np.exp(float(a["share"]) * correction)
        spread = Noise(a["spread"], a["batch"]).spread_at(expected)
        doubt = np.zeros_like(spread) if by_clock.doubt is None else by_clock.doubt
        return Forecast(expected, spread + doubt, by_clock.doubt)


def clock_of(model: Model) -> Model:
    """What the clock alone would say: the seasonal model within."""
    arrays = {k.removeprefix(CLOCK): v for k, v in model.arrays.items() if k.startswith(CLOCK)}
    settings = {
        k.removeprefix("clock_"): v for k, v in model.settings.items() if k.startswith("clock_")
    }
    return Model(Seasonal.name, arrays, settings)


def weights_of(model: Model) -> Weights:
    """The network within."""
    found = model.arrays.items()
    return {k.removeprefix("network."): v for k, v in found if k.startswith("network.")}


def _with_gaps(seen: Bools, rng: np.random.Generator) -> Bools:
    """Seen steps less some stretches; so it learns to forecast through what it was not shown."""
    kept = seen.copy()
    count = int(GAP_SHARE * len(seen) * 2 / (1 + LONGEST_GAP))
    for first, length in zip(
        rng.integers(0, len(seen), count), rng.integers(1, LONGEST_GAP + 1, count), strict=True
    ):
        kept[first : first + length] = False
    return kept


def _held(steps: int) -> Bools:
    """Blocks of steps that tell when to stop; the last one ends with the series."""
    length = max(1, int(steps * HELD_SHARE / HELD_BLOCKS))
    held = np.zeros(steps, bool)
    for end in np.linspace(0, steps, HELD_BLOCKS + 1)[1:].astype(np.int64):
        held[end - length : end] = True
    return held


def _regressed(
    series: Series, base: Floats, noise: Noise, views: list[Inputs], counts: Bools
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """How each residual follows from the inputs of its own rpc, [n, f], by ridge regression.

    An rpc leans on what is common to all, and that on no dependence.
    """
    unit, deviation = views[0].unit, noise.deviation(base)
    target = np.clip((series.calls - base) / deviation, -REACH_SD, REACH_SD)
    target = (target * deviation / base / unit)[counts]  # [t, n], in units of the correction
    inputs = [view.own[counts] for view in views]
    square = np.mean([np.einsum("tnf,tng->nfg", x, x) for x in inputs], axis=0)
    cross = np.mean([np.einsum("tnf,tn->nf", x, target) for x in inputs], axis=0)
    common = np.linalg.solve(square.sum(0) + COMMON_STEPS * np.eye(OWN), cross.sum(0))
    rest = cross - square @ common
    own = np.linalg.solve(square + OWN_STEPS * np.eye(OWN), rest[..., None])[..., 0]
    return np.asarray(common + own, np.float32)


def _best_share(observed: Floats, base: Floats, correction: Floats, noise: Noise) -> float:
    """How much of the correction the held-out steps are likeliest with."""
    spread = noise.spread_at(base)
    told = [log_likelihood(observed, base * np.exp(s * correction), spread).sum() for s in SHARES]
    return SHARES[int(np.argmax(told))]
