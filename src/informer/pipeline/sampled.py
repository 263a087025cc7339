"""How many calls one that was met stands for, by pattern: a model counts as it was taught.

Sampled spans say what they stand for (`weight`). A hundred calls that come of one trace scatter a
hundred times as much as a hundred that come of as many, so forecasts, scores and rules about how
much is enough are about calls that were met; people are told what these stand for.
"""

from collections.abc import Mapping
from dataclasses import replace

from informer.core.sql import read_sql
from informer.core.types import Forecast, Model
from informer.engines.duckdb import DuckDBEngine

SETTING = "stands_for"


def sampled_patterns(scratch: DuckDBEngine) -> dict[str, float]:
    """What one chain met stands for, by pattern; `scratch` holds shape_weights and members."""
    rows = scratch.query(read_sql("informer.traffic", "stands_for")).to_pylist()
    return {row["pattern_id"]: float(row["stands_for"]) for row in rows}


def counting(model: Model, stands_for: float) -> Model:
    """The model with a note of what the calls it was taught with stand for."""
    return replace(model, settings=model.settings | {SETTING: stands_for})


def counted_in(model: Model) -> float:
    """What one call stands for that this model expects."""
    return float(model.settings.get(SETTING, 1.0))


def counted_by(models: Mapping[str, Model]) -> dict[str, float]:
    """The same of several, by pattern."""
    return {pattern_id: counted_in(model) for pattern_id, model in models.items()}


def as_told(forecast: Forecast, stands_for: float) -> Forecast:
    """What is expected of the calls that those met stand for.

    >>> import numpy as np
    >>> met = Forecast(np.array([[3.0]]), np.array([[0.0]]))  # a variance of 3
    >>> told = as_told(met, 10.0)
    >>> float((told.expected + told.spread * told.expected**2)[0, 0])
    300.0
    """
    expected = forecast.expected * stands_for
    spread = forecast.spread + (stands_for - 1.0) / expected
    return replace(forecast, expected=expected, spread=spread)
