"""The same traffic by service: nothing is lost, and whoever is told by service can be judged."""

import numpy as np

from informer.core.types import Floats, PatternTraffic
from made_world import Attack, made_world
from quality.alarms import incidents_of
from quality.baselines import BASELINES
from quality.judge import judge
from quality.per_service import TOTAL, per_service

WORLD = made_world(attacks=[Attack(1, 100, 24, 4.0)], unseen=[7])
SERVICES = per_service(WORLD)


def test_the_unit_is_the_service_that_is_called() -> None:
    own = {f"{name}-{p}" for name in ("front", "middle") for p in range(4)}
    assert set(SERVICES.test) == set(SERVICES.train) == own | {"store"}
    assert SERVICES.services_of["store"] == {"store"}
    assert SERVICES.test["front-1"].series.graph.rpc_ids == ("p1-r0",)


def test_what_several_patterns_call_is_summed_and_stands_before_its_parts() -> None:
    series = SERVICES.test["store"].series
    assert series.graph.rpc_ids == (TOTAL + "store", "p3-r2", "p2-r2", "p1-r2", "p0-r2")
    parts = sum(WORLD.test[f"p{p}"].series.calls[:, 2] for p in range(4))
    np.testing.assert_array_equal(series.calls[:, 0], parts)
    np.testing.assert_array_equal(series.calls[:, 1], WORLD.test["p3"].series.calls[:, 2])
    assert series.graph.edges.tolist() == [[0, 0, 0, 0], [1, 2, 3, 4]]
    assert series.graph.weight.sum() == 1
    assert SERVICES.rpcs[TOTAL + "store"] == WORLD.rpcs["p3-r2"]


def test_one_rpc_of_two_patterns_is_one_series() -> None:
    twice = made_world()
    same = twice.test["p0"]
    twice.test["p9"] = same
    twice.train["p9"] = twice.train["p0"]
    doubled = per_service(twice).test["front-0"]
    np.testing.assert_array_equal(doubled.series.calls, 2 * same.series.calls[:, :1])
    np.testing.assert_array_equal(doubled.refusals, 2 * same.refusals[:, :1])
    np.testing.assert_allclose(doubled.latency_ms, same.latency_ms[:, :1])


def test_every_call_refusal_and_unseen_step_is_kept() -> None:
    for signal in ("calls", "refusals"):
        before = sum(_values(t, signal).sum() for t in WORLD.test.values())
        after = sum(
            _values(t, signal)[:, t.series.graph.rpc_ids[0].startswith(TOTAL) :].sum()
            for t in SERVICES.test.values()
        )
        assert before == after
    assert not SERVICES.test["store"].series.seen[7]
    assert np.isnan(SERVICES.test["store"].latency_ms[7]).all()


def test_a_service_is_malicious_when_a_pattern_through_it_is() -> None:
    for service in ("front-1", "middle-1", "store"):
        np.testing.assert_array_equal(SERVICES.malicious[service], WORLD.malicious["p1"])
    assert not SERVICES.malicious["front-0"].any()


def test_a_detector_finds_the_attack_by_service() -> None:
    found = BASELINES["sixty lines"](SERVICES.train, SERVICES.test, seed=0)
    figures = judge(incidents_of(found, 12.0, SERVICES), SERVICES)
    assert figures.campaigns[0].found


def _values(traffic: PatternTraffic, signal: str) -> Floats:
    return traffic.series.calls if signal == "calls" else traffic.refusals
