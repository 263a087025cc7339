"""Ridge regression of the next step on a window of all rpcs of the pattern and the calendar.

Axes: t step, c column of the pattern, f feature.
"""

import numpy as np
from sklearn.linear_model import RidgeCV

from informer.core.types import Bools, Floats, PatternTraffic
from informer.forecasts.calendar import waves
from quality.baselines.forecasting import busy_columns, filled, learned_steps, scored
from quality.baselines.scale import roots
from quality.baselines.timeline import timeline

WINDOW = 12  # steps
ALPHAS = (1.0, 100.0, 10_000.0)


def scores(
    past: dict[str, PatternTraffic], now: dict[str, PatternTraffic], *, seed: int
) -> dict[str, Floats]:
    """Surprise at more calls than forecast, on the scale of roots, where errors are even."""
    line = timeline(past, now)
    learned, busy, values = learned_steps(line), busy_columns(line), roots(filled(line))
    calendar = waves(line.seconds(), line.step_s, line.now * line.step_s)
    expected = np.empty((len(values), len(busy)))
    for pattern_id in line.rpcs_of:
        columns = np.intersect1d(line.columns_of(pattern_id), busy)
        if len(columns):
            own = _forecast(values[:, columns], calendar, learned)
            expected[:, np.searchsorted(busy, columns)] = own
    return scored(line, busy, expected)


def _forecast(values: Floats, calendar: Floats, learned: Bools) -> Floats:
    """Expected counts of every step, [t, c]."""
    lags = [np.roll(values, k, axis=0) for k in range(1, WINDOW + 1)]
    features = np.concatenate([*lags, calendar], axis=1)  # [t, f]
    of = learned & (np.arange(len(values)) >= WINDOW)
    centre, scale = features[of].mean(axis=0), np.maximum(features[of].std(axis=0), 1e-6)
    features = (features - centre) / scale
    model = RidgeCV(alphas=ALPHAS).fit(features[of], values[of])
    root = np.asarray(model.predict(features)).reshape(values.shape)
    # The mean of a count from that of its root: their variance comes on top.
    error = np.mean((values - root)[of] ** 2, axis=0)
    return np.asarray(np.maximum((np.maximum(root, 0.0) ** 2 + error) / 4 - 0.375, 1e-3))
