"""What one sampled call stands for: a pattern's unit, kept with its model."""

import numpy as np
import pyarrow as pa
import pytest

from informer.core.types import Forecast, Model
from informer.engines.duckdb import DuckDBEngine
from informer.pipeline.sampled import as_told, counted_by, counted_in, counting, sampled_patterns


def test_a_chain_stands_for_as_many_as_its_pattern_scatters_by() -> None:
    with DuckDBEngine(threads=1) as scratch:
        shapes = ["a", "a", "b", "b", "c", "c", "nobody's"]
        chains = [1.0, 1.0, 10.0, 10.0, 1.0, 99.0, 5.0]
        squares = [weight**2 for weight in chains]
        rows = {"shape_id": shapes, "chains": chains, "squares": squares}
        scratch.write("shape_weights", pa.table(rows))
        members = {"shape_id": ["a", "b", "c"], "pattern_id": ["whole", "tenth", "mixed"]}
        scratch.write("members", pa.table(members))
        found = sampled_patterns(scratch)
    assert found == {"whole": 1.0, "tenth": 10.0, "mixed": pytest.approx(98.02)}


def test_a_model_remembers_what_its_calls_stand_for() -> None:
    model = Model("seasonal", {}, {"rpcs": ["in"]})
    assert counted_in(model) == 1.0
    made = counting(model, 100.0)
    assert counted_by({"p": made, "q": model}) == {"p": 100.0, "q": 1.0}
    assert made.settings["rpcs"] == ["in"]


def test_people_are_told_the_variance_of_the_calls_stood_for() -> None:
    met = Forecast(np.array([[3.0]]), np.array([[0.2]]))
    told = as_told(met, 10.0)
    variance = told.expected + told.spread * told.expected**2
    assert variance == pytest.approx(100.0 * (3.0 + 0.2 * 3.0**2))
    same = as_told(met, 1.0)
    assert (same.expected == met.expected).all()
    assert (same.spread == met.spread).all()
