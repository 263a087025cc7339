"""Every baseline learns from the past alone, knows no future, and sees what there is to see."""

from dataclasses import replace

import numpy as np
import pytest

from informer.core.types import Floats, PatternTraffic
from made_world import Attack, made_world
from quality.baselines import BASELINES
from quality.baselines.timeline import timeline
from quality.metrics import vus_by_pattern

ATTACKED = [Attack(1, 60, 30, 2.5), Attack(3, 150, 40, 1.8)]
WORLD = made_world(attacks=ATTACKED, unseen=range(200, 206))
SCORES: dict[str, dict[str, Floats]] = {}  # by baseline: each runs once for all tests
UNSEEN = slice(200, 206)
LEARNED = [name for name in BASELINES if name != "random"]


def scores(name: str) -> dict[str, Floats]:
    if name not in SCORES:
        SCORES[name] = BASELINES[name](WORLD.train, WORLD.test, seed=1)
    return SCORES[name]


def cut(traffic: dict[str, PatternTraffic], first: int, last: int) -> dict[str, PatternTraffic]:
    return {p: t.slice(first, last) for p, t in traffic.items()}


@pytest.mark.parametrize("name", BASELINES)
def test_every_rpc_of_every_step_gets_a_finite_score(name: str) -> None:
    found = scores(name)
    assert set(found) == set(WORLD.test)
    for pattern_id, traffic in WORLD.test.items():
        assert found[pattern_id].shape == traffic.series.calls.shape
        assert np.isfinite(found[pattern_id]).all()


@pytest.mark.parametrize("name", BASELINES)
def test_nothing_is_irregular_about_a_step_that_was_not_seen(name: str) -> None:
    assert all((found[UNSEEN] == 0).all() for found in scores(name).values())


@pytest.mark.parametrize("name", BASELINES)
def test_it_ranks_attacked_steps_above_others_unless_it_is_random(name: str) -> None:
    found = np.mean(list(vus_by_pattern(scores(name), WORLD).values()))
    prevalence = np.mean([WORLD.malicious[p].mean() for p in ("p1", "p3")])
    if name == "random":
        assert found < 1.5 * prevalence
    else:
        assert found > 1.5 * prevalence


@pytest.mark.parametrize("name", BASELINES)
def test_too_little_is_learned_to_expect_anything_and_yet_it_scores(name: str) -> None:
    """An hour of the past is no season and no model."""
    past, now = cut(WORLD.train, 0, 6), cut(WORLD.train, 6, 40)
    for found in BASELINES[name](past, now, seed=1).values():
        assert np.isfinite(found).all()


@pytest.mark.parametrize("name", LEARNED)
def test_what_comes_later_changes_no_score_and_refusals_count_as_well_as_calls(name: str) -> None:
    """From step 160 on a third of one pattern's calls are refused, and another is gone."""
    test = dict(WORLD.test)
    refusals = test["p2"].refusals.copy()
    refusals[160:172] = np.round(test["p2"].series.calls[160:172] / 3)
    test["p2"] = replace(test["p2"], refusals=refusals)
    calls = test["p0"].series.calls.copy()
    calls[160:] = 0.0
    test["p0"] = replace(test["p0"], series=replace(test["p0"].series, calls=calls))
    found = BASELINES[name](WORLD.train, test, seed=1)
    for pattern_id, before in scores(name).items():
        np.testing.assert_allclose(found[pattern_id][:160], before[:160], rtol=1e-4, atol=1e-4)
    usual, refused = scores(name)["p2"].max(axis=1), found["p2"].max(axis=1)
    assert refused[160:172].max() > usual[160:172].max()
    assert refused[160:172].max() > np.quantile(usual, 0.95)


def test_a_timeline_goes_on_from_the_past_to_now() -> None:
    line = timeline(WORLD.train, WORLD.test)
    assert line.now == WORLD.train["p0"].series.steps
    assert len(line.seen) == line.now + WORLD.test["p0"].series.steps
    assert line.seconds()[line.now] * 10**9 == WORLD.test_grid.start_ns
    (calls, _) = np.split(line.columns_of("p2"), [3])
    np.testing.assert_array_equal(line.counts[: line.now, calls], WORLD.train["p2"].series.calls)


def test_what_lies_between_past_and_now_was_not_seen() -> None:
    line = timeline(cut(WORLD.train, 0, 100), WORLD.test)
    gap = WORLD.train["p0"].series.steps - 100
    assert not line.seen[100 : 100 + gap].any()
    assert line.now == 100 + gap


def test_of_a_long_gap_whole_weeks_are_left_out() -> None:
    week = 7 * 144
    late = {
        p: replace(t, series=replace(t.series, start_ns=t.series.start_ns + 9 * week * 600 * 10**9))
        for p, t in WORLD.test.items()
    }
    line = timeline(WORLD.train, late)
    assert len(line.seen) < 10 * week
    assert line.seconds()[line.now] * 10**9 == late["p0"].series.start_ns
    past_weekday = WORLD.train["p0"].series.start_ns // 10**9 % (7 * 86_400)
    assert line.seconds()[0] % (7 * 86_400) == past_weekday


def test_now_must_not_begin_before_the_past_ends() -> None:
    with pytest.raises(ValueError, match="must go on after"):
        timeline(WORLD.train, cut(WORLD.train, 0, 10))


def test_now_must_have_the_rpcs_of_the_past() -> None:
    renamed = dict(WORLD.test)
    graph = replace(renamed["p1"].series.graph, rpc_ids=("a", "b", "c"))
    renamed["p1"] = replace(renamed["p1"], series=replace(renamed["p1"].series, graph=graph))
    with pytest.raises(ValueError, match="rpcs of p1 must stay"):
        timeline(WORLD.train, renamed)
