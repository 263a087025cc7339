"""Traffic and forecasts become detections: what is told of a range, in which words."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from informer.core.tables import DETECTIONS
from informer.core.types import Floats, Grid
from informer.detections.budget import KINDS
from informer.detections.calibrate import Calibration
from informer.detections.detect import STAYING, Detected, Learned, Observed, detect
from informer.detections.novelty import LEAST_CALLS, News, Novel
from informer.detections.scan import WINDOWS
from informer.detections.streams import Rates
from informer.detections.tail import Tail
from pattern_traffic import START_NS, STEP_S, expecting, traffic_of

STEPS, FIRST, LAST = 200, 120, 130
RATES = {"login": 12.0, "browse": 40.0, "pay": 25.0, "search": 30.0}
THRESHOLD = 6.0
SHARED = "gateway"  # all chains begin here
NEWS = {  # so many calls are rare enough
    what: News(
        tuple(9.0 if least < enough else 0.05 for least in LEAST_CALLS),
        tuple(90 * (least < enough) for least in LEAST_CALLS),
        10.0,
    )
    for what, enough in {"edge": 1, "method": 2, "shape": 5}.items()
}
STEP_NS = STEP_S * 10**9


def counts(seed: int = 0) -> dict[str, Floats]:
    rng = np.random.default_rng(seed)
    return {p: rng.poisson(rate, STEPS).astype(float) for p, rate in RATES.items()}


def found_in(
    calls: dict[str, Floats] | None = None,
    *,
    refusals: Floats | None = None,
    seen: list[int] | None = None,
    stands_for: float = 1.0,
    **observed: Any,
) -> Detected:
    """Every pattern is the gateway and one rpc behind it; `seen` lists steps not covered."""
    mask = np.ones(STEPS, dtype=bool)
    mask[seen or []] = False
    traffic, forecasts, rates = {}, {}, Rates({}, {})
    for pattern_id, entry in (calls or counts()).items():
        inner = f"{pattern_id}-rpc"
        refused = {inner: refusals} if refusals is not None and pattern_id == "login" else None
        traffic[pattern_id] = traffic_of(
            pattern_id, {SHARED: entry, inner: entry}, refusals=refused, seen=mask
        )
        series = replace(traffic[pattern_id].series, stands_for=stands_for)
        traffic[pattern_id] = replace(traffic[pattern_id], series=series)
        rate = RATES[pattern_id]
        forecasts[pattern_id] = expecting(traffic[pattern_id], rate, rate)
        for rpc_id in (SHARED, inner):
            rates.calls[pattern_id, rpc_id] = 1e5
            rates.hits["refusals", pattern_id, rpc_id] = 1e3
    tail = Tail(THRESHOLD, 0.01, 1.0)
    calibration = Calibration(
        dict.fromkeys(KINDS, tail), 5.0, WINDOWS[-1], (2000.0,) * len(WINDOWS), {}
    )
    learned = Learned(
        calibration, rates, NEWS, {"auth": {"v1": 1.0}}, {"login": frozenset({"auth"})}, 1.0
    )
    given = Observed(Grid(START_NS, STEP_S, mask), [], {}, {"auth": ("login", "login-rpc")}, {})
    return detect(traffic, forecasts, learned, replace(given, **observed))


def rows(found: Detected) -> list[dict[str, Any]]:
    assert found.detections.schema == DETECTIONS.schema
    listed: list[dict[str, Any]] = found.detections.to_pylist()
    for row in listed:
        row["step"] = (row["step_start_ns"] - START_NS) // STEP_NS
    return listed


def attacked(times: float = 5.0) -> dict[str, Floats]:
    calls = counts()
    calls["login"][FIRST : LAST + 1] *= times
    return calls


def test_clean_traffic_brings_no_detection() -> None:
    found = found_in()
    assert found.detections.num_rows == 0
    assert not any(steps.any() for steps in found.irregular.values())


def test_a_rush_is_told_by_the_rpc_that_only_it_uses() -> None:
    listed = rows(found_in(attacked()))
    assert {(r["pattern_id"], r["rpc_id"], r["signal"], r["kind"]) for r in listed} == {
        ("login", "login-rpc", "calls", "volume")
    }
    assert listed[0]["step"] == FIRST
    assert {r["step"] for r in listed} >= set(range(FIRST, LAST + 1))
    assert listed[0]["threshold"] >= THRESHOLD
    assert all(r["score"] >= r["threshold"] >= STAYING * THRESHOLD for r in listed)
    assert all(r["observed"] > 2 * r["expected"] for r in listed[:5])


def test_detections_come_in_order_of_time_and_have_ids_of_their_own() -> None:
    listed = rows(found_in(attacked()))
    assert [r["step_start_ns"] for r in listed] == sorted(r["step_start_ns"] for r in listed)
    assert len({r["detection_id"] for r in listed}) == len(listed)


def test_the_same_cell_has_the_same_id_in_every_run() -> None:
    assert found_in(attacked()).detections.equals(found_in(attacked()).detections)


def test_irregular_steps_must_not_teach_the_pattern_and_no_other() -> None:
    irregular = found_in(attacked()).irregular
    assert irregular["login"][FIRST : LAST + 1].all()
    assert not irregular["login"][:FIRST].any()
    assert not irregular["browse"].any()


def test_refusals_are_told_where_the_calls_are_not_unusual() -> None:
    refusals = np.zeros(STEPS)
    refusals[FIRST:LAST] = 8.0
    listed = rows(found_in(refusals=refusals))
    assert {(r["rpc_id"], r["signal"], r["kind"]) for r in listed} == {
        ("login-rpc", "refusals", "refusal")
    }


def test_a_crowd_is_told_once_a_step_as_demand_and_teaches_nobody() -> None:
    rng = np.random.default_rng(1)
    calls = counts()
    for pattern_id, rate in RATES.items():
        calls[pattern_id][FIRST : LAST + 1] = rng.poisson(2.5 * rate, LAST + 1 - FIRST)
    found = found_in(calls)
    listed = rows(found)
    assert {(r["kind"], r["signal"], r["pattern_id"]) for r in listed} == {
        ("demand", "demand", "browse")
    }
    assert {r["step"] for r in listed} >= set(range(FIRST + 2, LAST))
    assert all(steps[FIRST + 2 : LAST].all() for steps in found.irregular.values())


def test_a_hole_in_the_data_is_neither_told_nor_scored() -> None:
    found = found_in(seen=list(range(FIRST, LAST + 1)))
    assert found.detections.num_rows == 0
    starts = set(found.scores["step_start_ns"].to_pylist())
    assert len(starts) == STEPS - (LAST + 1 - FIRST)
    assert START_NS + FIRST * STEP_NS not in starts


def novel(what: str, *steps: int, pattern_id: str = "login") -> Novel:
    calls = np.zeros(STEPS)
    calls[list(steps)] = 1.0
    return Novel(what, "new", pattern_id, "new-rpc", calls, calls)


def test_news_is_told_from_the_call_that_is_enough() -> None:
    told = {
        what: [r["step"] for r in rows(found_in(novel=[novel(what, 50, 60, 70)]))] for what in NEWS
    }
    assert told == {"edge": [50, 60, 70], "method": [60, 70], "shape": []}


def test_news_names_its_rpc_and_its_kind() -> None:
    (row,) = rows(found_in(novel=[novel("edge", 50)]))
    assert (row["pattern_id"], row["rpc_id"], row["signal"], row["kind"]) == (
        *("login", "new-rpc", "novelty", "novel"),
    )
    assert (row["observed"], row["expected"]) == (1.0, 0.0)
    assert row["score"] == row["threshold"] > 3


def workloads(new_from: int) -> dict[str, dict[str, Floats]]:
    fresh = np.zeros(STEPS)
    fresh[new_from:] = 10.0
    return {"auth": {"v1": np.full(STEPS, 10.0), "v2": fresh}}


CAME = 100  # the step in which version 2 of `auth` comes
HOUR = 3_600 // STEP_S


def kinds_of(*news: Novel, **ends: tuple[str, str]) -> list[str]:
    """The kinds of these, told beside a version of `auth` that comes; ends are by rpc."""
    listed = rows(found_in(novel=list(news), workloads=workloads(new_from=CAME), ends=ends))
    return list(dict.fromkeys(r["kind"] for r in listed if r["signal"] == "novelty"))


def test_a_version_that_comes_is_a_change() -> None:
    found = found_in(workloads=workloads(new_from=CAME))
    versions = [r for r in rows(found) if r["signal"] == "version"]
    assert versions[0]["step"] == CAME
    assert {(r["pattern_id"], r["rpc_id"], r["kind"]) for r in versions} == {
        ("login", "login-rpc", "change")
    }
    assert [(c.what, c.version) for c in found.changes] == [("appeared", "v2")]


@pytest.mark.parametrize(
    ("what", "caller", "callee", "kind"),
    [
        ("edge", "auth", "vault", "change"),
        ("edge", "web", "auth", "novel"),  # a callee's version makes nobody call it
        ("method", "web", "auth", "change"),
        ("method", "auth", "vault", "change"),
        ("method", "web", "pay", "novel"),
        ("shape", "web", "pay", "change"),  # `auth` is on the chains of this pattern
    ],
)
def test_a_version_explains_what_its_code_can_bring(
    what: str, caller: str, callee: str, kind: str
) -> None:
    steps = range(CAME + 1, CAME + 9)
    assert kinds_of(novel(what, *steps), **{"new-rpc": (caller, callee)}) == [kind]


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        (CAME - 2, "novel"),
        (CAME - 1, "change"),
        (CAME + 2 * HOUR, "change"),
        (CAME + 2 * HOUR + 1, "novel"),
    ],
)
def test_a_version_explains_what_is_first_called_about_when_it_is(first: int, kind: str) -> None:
    news = novel("edge", first, first + 1, first + 40)  # all of it is one thing
    assert kinds_of(news, **{"new-rpc": ("auth", "vault")}) == [kind]


def test_a_new_form_of_another_pattern_is_explained_by_no_version() -> None:
    steps = range(CAME + 1, CAME + 9)
    assert kinds_of(novel("shape", *steps, pattern_id="browse")) == ["novel"]


def test_every_covered_cell_is_scored() -> None:
    scores = found_in(attacked()).scores
    # Calls and the share of the inner rpc, failures and refusals of both.
    assert scores.num_rows == STEPS * len(RATES) * 6
    cells = {(r["pattern_id"], r["rpc_id"], r["signal"]) for r in scores.to_pylist()}
    assert ("login", SHARED, "calls") in cells
    assert ("login", "login-rpc", "share") in cells
    assert len(cells) == len(RATES) * 6
    assert np.isfinite(scores["score"].to_numpy()).all()
    assert (scores["expected"].to_numpy() >= 0).all()


def test_what_sampled_calls_stand_for_is_told_and_makes_no_score_higher() -> None:
    met, told = found_in(attacked()), found_in(attacked(), stands_for=100.0)
    for a, b in zip(rows(met), rows(told), strict=True):
        assert (b["score"], b["step"], b["rpc_id"]) == (a["score"], a["step"], a["rpc_id"])
        assert (b["observed"], b["expected"]) == (100 * a["observed"], 100 * a["expected"])
    for a, b in zip(met.suspects, told.suspects, strict=True):
        for one, other in zip(a["others"], b["others"], strict=True):
            assert other["observed"] == 100 * one["observed"]


def test_a_sampled_score_tells_its_variance_in_the_calls_stood_for() -> None:
    scores = found_in(stands_for=100.0).scores.to_pylist()
    calls = [s for s in scores if s["signal"] == "calls"]
    for s in calls:
        variance = s["expected"] + s["spread"] * s["expected"] ** 2
        assert abs(variance - 100.0 * s["expected"]) < 1e-6 * variance  # Poisson of those met
