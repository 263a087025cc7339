"""A row of the table holds every figure with its interval, and nothing that JSON cannot say."""

import json
from functools import partial

import numpy as np
import pytest

from informer.core.types import Floats
from made_world import Attack, made_world
from quality.intervals import interval
from quality.judge import Campaign, EventFigures
from quality.metrics import summary_row, vus_by_pattern

FIELDS = {
    *("detector", "vus_pr", "f1_1", "f1_5", "f1_20", "recall_z8", "recall_z5_8", "false_per_day"),
    *("delay_steps", "guilty_1", "guilty_3"),
}


def campaign(found: bool, z: float | None = 9.0) -> Campaign:
    delay = 2.0 if found else float("inf")
    return Campaign("A", "scraping", z, found, found, 1 if found else None, delay)


def figures(found: int, missed: int, false: list[int]) -> EventFigures:
    campaigns = (campaign(True),) * found + (campaign(False),) * missed
    return EventFigures(campaigns, np.array(false), len(false))


def test_a_row_has_every_figure_as_value_and_interval() -> None:
    at = {1: figures(12, 4, [0, 1, 2, 1]), 5: figures(14, 2, [6] * 4), 20: figures(15, 1, [20] * 4)}
    row = summary_row("ours", [0.2, 0.4, 0.9], at, seed=0)
    assert set(row) >= FIELDS
    assert row["vus_pr"][0] == 0.5
    assert row["f1_1"][0] == pytest.approx(0.75, abs=0.001)
    assert row["recall_z8"][0] == 0.75
    assert row["false_per_day"] == [1.0, 0.25, 1.75]
    for name in FIELDS - {"detector", "recall_z5_8"}:
        value, low, high = row[name]
        assert low <= value <= high
    assert row["recall_z5_8"] == [None, None, None]  # there is no such campaign
    assert json.loads(json.dumps(row, allow_nan=False)) == row


def test_a_median_delay_without_end_is_null() -> None:
    at = dict.fromkeys((1, 5, 20), figures(1, 9, [0]))
    row = summary_row("ours", [0.5], at, seed=0)
    assert row["delay_steps"][0] is None
    assert row["delay_steps_found"] == [2.0, 2.0, 2.0]


def test_nothing_to_judge_is_a_row_of_nulls() -> None:
    at = dict.fromkeys((1, 5, 20), EventFigures((), np.array([0, 2]), 2.0))
    row = summary_row("ours", [], at, seed=0)
    assert row["vus_pr"] == row["recall_z8"] == [None, None, None]
    assert row["false_per_day"][0] == 1.0


def test_the_same_seed_gives_the_same_intervals() -> None:
    at = dict.fromkeys((1, 5, 20), figures(12, 4, [0, 1, 2, 1]))
    one, same, other = (summary_row("ours", [0.1, 0.4], at, seed=s) for s in (1, 1, 2))
    assert one == same
    assert one != other


def mean_of_drawn(values: Floats, rng: np.random.Generator) -> Floats:
    return np.asarray(rng.choice(values, len(values)).mean(keepdims=True))


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        values = rng.random(40)
        low, high = interval(partial(mean_of_drawn, values), seed=trial, resamples=200)
        covered += bool(low[0] <= 0.5 <= high[0])
    assert 0.88 <= covered / 200 <= 0.99


def test_vus_is_of_patterns_under_attack_and_of_their_highest_rpc() -> None:
    world = made_world(attacks=[Attack(1, 100, 24, 3.0), Attack(2, 200, 30, 3.0)])
    rng = np.random.default_rng(0)
    scores = {p: rng.random(t.series.calls.shape) for p, t in world.test.items()}
    scores["p1"][:, 2] += world.malicious["p1"]
    found = vus_by_pattern(scores, world)
    assert set(found) == {"p1", "p2"}
    assert found["p1"] > 0.9
    assert found["p2"] < 0.3
    del scores["p2"]
    assert vus_by_pattern(scores, world)["p2"] == 0
