"""Gradient boosting of the next step on a window of the rpc, its pattern's entry and its season.

Axes: t step, c column, r row of the training set, f feature.
"""

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from informer.core.types import Floats, Ints, PatternTraffic
from quality.baselines.forecasting import busy_columns, filled, learned_steps, scored
from quality.baselines.scale import roots
from quality.baselines.season import season
from quality.baselines.timeline import DAY_S, Timeline, timeline
from quality.baselines.trailing import before, sums

WINDOW = 12  # steps
ROWS = 150_000  # to learn from
AT_ONCE = 40  # columns to forecast together


def scores(
    past: dict[str, PatternTraffic], now: dict[str, PatternTraffic], *, seed: int
) -> dict[str, Floats]:
    """Surprise at more calls than forecast, by one model of all columns with Poisson loss.

    It learns the ratio of calls to the season, weighted by the season: the same as calls with the
    season as an offset, so that what busy columns teach holds for quiet ones.
    """
    line = timeline(past, now)
    learned, busy = learned_steps(line), busy_columns(line)
    usual = np.maximum(season(line, learned), 1e-6)
    features = _Features(line, usual)
    (steps,) = np.nonzero(learned & (np.arange(len(learned)) >= WINDOW))
    if len(steps) == 0 or len(busy) == 0:
        return scored(line, busy, usual[:, busy])
    rng = np.random.default_rng(seed)
    size = min(ROWS, len(steps) * len(busy))
    rows, columns = rng.choice(steps, size), rng.choice(busy, size)
    offset = usual[rows, columns]
    model = HistGradientBoostingRegressor(
        loss="poisson", max_iter=120, max_leaf_nodes=15, min_samples_leaf=50, random_state=seed
    ).fit(features.of(rows, columns), line.counts[rows, columns] / offset, sample_weight=offset)
    expected = usual[:, busy].copy()
    (needed,) = np.nonzero(line.seen & ~learned)
    for first in range(0, len(busy), AT_ONCE):
        some = np.arange(first, min(first + AT_ONCE, len(busy)))
        t, c = (x.ravel() for x in np.meshgrid(needed, busy[some], indexing="ij"))
        ratio = model.predict(features.of(t, c)).reshape(len(needed), len(some))
        expected[np.ix_(needed, some)] *= ratio
    return scored(line, busy, expected)


class _Features:
    """What is known before a step, for rows (step, column)."""

    def __init__(self, line: Timeline, usual: Floats) -> None:
        values = filled(line)
        self._above = (roots(values) - roots(usual)).astype(np.float32)  # [t, c]
        self._log_usual = np.log(usual).astype(np.float32)
        seen = line.seen[:, None].astype(np.float64)
        self._ratios = [
            ((before(sums(line.counts, w)) + 1) / (before(sums(usual * seen, w)) + 1)).astype(
                np.float32
            )
            for w in (line.steps_in(3_600), line.steps_in(DAY_S))
        ]
        self._time = (line.seconds() % DAY_S / DAY_S).astype(np.float32)
        first = np.cumsum([0, *line.rpcs_of.values()])
        entry = first[np.searchsorted(first, line.cell, side="right") - 1]  # cell, [c]
        calls = np.flatnonzero(line.signal == 0)
        self._entry = calls[np.searchsorted(line.cell[calls], entry)]  # column, [c]

    def of(self, steps: Ints, columns: Ints) -> Floats:
        """[r, f]."""
        entry = self._entry[columns]
        return np.stack(
            [
                *(self._above[steps - k, columns] for k in range(1, WINDOW + 1)),
                *(self._above[steps - k, entry] for k in range(1, 4)),
                self._log_usual[steps, columns],
                *(ratio[steps, columns] for ratio in self._ratios),
                self._time[steps],
            ],
            axis=1,
        )
