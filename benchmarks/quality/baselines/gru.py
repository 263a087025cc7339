"""GRU without a graph: every column is forecast from its own past, its season and the calendar.

Axes: t step, c column, f input.
"""

from collections.abc import Sequence

import numpy as np

from informer.core.types import Floats, Ints, PatternTraffic
from informer.forecasts.calendar import waves
from quality.baselines.forecasting import busy_columns, learned_steps, scored
from quality.baselines.recurrent import Sequences, forecast
from quality.baselines.scale import roots
from quality.baselines.season import season
from quality.baselines.timeline import Timeline, timeline
from quality.baselines.trailing import before

BUSY = 2.0  # a busy column differs from a quiet one by about that, in logarithms


def scores(
    past: dict[str, PatternTraffic], now: dict[str, PatternTraffic], *, seed: int
) -> dict[str, Floats]:
    """Surprise at more calls than forecast; one network for the columns of all patterns."""
    line = timeline(past, now)
    busy = busy_columns(line)
    if len(busy) == 0:
        return scored(line, busy, np.zeros((len(line.seen), 0)))
    return scored(line, busy, forecast(sequences(line, busy), learned_steps(line), seed=seed))


def sequences(line: Timeline, columns: Ints, walks: Sequence[Floats] = ()) -> Sequences:
    """What a network reads of some columns, [c].

    How far the step before was above its season, on the scale of roots, and how much the season
    itself brings; `walks`, [c, c] each, carry the former along a graph.
    """
    usual = season(line, learned_steps(line))[:, columns]
    above = before((roots(line.counts[:, columns]) - roots(usual)) * line.seen[:, None])  # [t, c]
    busy = np.log(usual / usual[: line.now].mean()) / BUSY
    inputs = [above, *(above @ walk.T for walk in walks), busy]
    seen = before(line.seen[:, None].astype(np.float64))
    calendar = waves(line.seconds(), line.step_s, line.now * line.step_s)
    return Sequences(
        np.stack([x.astype(np.float32) for x in inputs]),
        np.concatenate([calendar, seen], axis=1),
        usual,
        line.counts[:, columns],
    )
