"""What is drawn on a report: series made light, graphs laid out, a strip of time."""

import doctest
import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from informer.core.types import NS_PER_S
from informer.web import words
from informer.web.charts import POINTS, encode, points_each, rows_to_draw, script_safe, sparkline
from informer.web.graph import BOX_H, BOX_W, draw
from informer.web.timeline import timeline
from informer.web.views import Rpc, RpcSeries
from report_sample import quiet_report, sample_report


def rpc(name: str) -> Rpc:
    return Rpc(name, "caller", name, "GET /")


def series(n: int, **values: object) -> RpcSeries:
    flat = np.full(n, 5.0)
    full = {
        "rpc_id": "r",
        "step_start_ns": (1000 + np.arange(n) * 60) * NS_PER_S,
        "observed": flat,
        "expected": flat,
        "low": flat,
        "high": flat,
        "score": np.zeros(n),
        "threshold": flat,
    }
    return RpcSeries(**{**full, **values})  # type: ignore[arg-type]


def test_the_examples_in_words_hold() -> None:
    tried = doctest.testmod(words)
    assert tried.attempted >= 8
    assert tried.failed == 0


def test_a_short_series_is_sent_whole() -> None:
    sent = encode(series(4, observed=[1, None, 3.14159265, float("inf")], threshold=[2, 2, 2, 2]))
    assert sent["o"] == [1, None, 3.142, None]
    assert (sent["t0"], sent["unit"], sent["dt"]) == (1000, 60, 3)
    assert sent["x"] == 2


def test_a_threshold_that_moves_is_sent_step_by_step() -> None:
    assert encode(series(3, threshold=[2, 2, 3]))["x"] == [2, 2, 3]


def test_an_empty_series_is_sent_as_one() -> None:
    assert encode(series(0))["o"] == []


def test_lists_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must have 3 values, not so: \['e'\]"):
        encode(series(3, expected=[1.0, 2.0]))


@given(st.integers(1_600, 40_000), st.integers(0, 2**32 - 1))
def test_no_peak_and_no_gap_is_lost_when_points_are_dropped(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    observed, score = rng.poisson(9, n).astype(float), rng.random(n)
    peak, hot, lost = rng.choice(n, 3, replace=False)
    observed[peak], score[hot], observed[lost] = 1e6, 99.0, np.nan
    rows = rows_to_draw(observed, score)
    assert {peak, hot, lost, 0, n - 1} <= set(rows.tolist())
    assert len(rows) <= POINTS + 2
    assert (np.diff(rows) > 0).all()


def test_the_time_around_an_incident_is_drawn_step_by_step() -> None:
    rng = np.random.default_rng(1)
    rows = rows_to_draw(rng.random(40_000), rng.random(40_000), windows=[(20_000, 20_100)])
    assert set(range(20_000, 20_100)) <= set(rows.tolist())
    assert len(rows) <= POINTS + 4


def test_dropped_points_keep_their_time() -> None:
    observed = np.zeros(5_000)
    observed[3_333] = 7
    sent = encode(series(5_000, observed=observed))
    times = sent["t0"] + np.cumsum([0, *sent["dt"]]) * sent["unit"]
    assert times[sent["o"].index(7)] == 1000 + 3_333 * 60


def test_many_series_share_the_points_of_a_page() -> None:
    assert [points_each(n) for n in (0, 34, 200, 5_000)] == [POINTS, POINTS, 600, 240]


def test_json_in_a_script_cannot_end_the_script() -> None:
    hostile = "</script><!-- & \u2028"
    text = script_safe({"name": hostile})
    assert not set(text) & set("<>&\u2028")
    assert json.loads(text) == {"name": hostile}


def test_a_sparkline_shows_the_highest_step() -> None:
    values = np.zeros(1000)
    values[777] = 5
    heights = [float(p.split()[1]) for p in sparkline(values)[1:].split("L")]
    assert min(heights) == 1.0
    assert heights.count(1.0) == 1


edges = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11), st.floats(0.01, 1)), max_size=40)


@given(edges)
def test_boxes_never_overlap_and_every_edge_is_drawn(
    links: list[tuple[int, int, float]],
) -> None:
    drawing = draw([rpc(f"r{i}") for i in range(12)], links)
    boxes = drawing.boxes
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            assert abs(a.x - b.x) >= BOX_W or abs(a.y - b.y) >= BOX_H
    assert len(drawing.lines) == len(links)
    assert max(b.x for b in boxes) + BOX_W <= drawing.width
    assert max(b.y for b in boxes) + BOX_H <= drawing.height


def test_the_heaviest_edge_decides_what_an_rpc_hangs_below() -> None:
    nodes = [rpc(name) for name in "abcd"]
    drawing = draw(nodes, [(0, 1, 1.0), (0, 2, 1.0), (1, 3, 0.2), (2, 3, 0.8)])
    d, c = drawing.boxes[3], drawing.boxes[2]
    assert d.y == c.y
    assert [line.share for line in drawing.lines] == ["", "", "20 %", "80 %"]


def test_a_chain_of_five_hundred_rpcs_can_be_drawn() -> None:
    nodes = [rpc(f"r{i}") for i in range(500)]
    drawing = draw(nodes, [(i, i + 1, 1.0) for i in range(499)])
    assert len({box.x for box in drawing.boxes}) == 500


def test_a_new_rpc_hangs_below_its_caller_or_names_it() -> None:
    known = [Rpc("1", "outside", "shop", "GET /"), Rpc("2", "shop", "stock", "GET /")]
    new = [Rpc("3", "stock", "vault", "GET /"), Rpc("4", "toolbox", "stock", "GET /")]
    drawing = draw(known, [(0, 1, 1.0)], new=new)
    below, alone = drawing.boxes[2:]
    assert below.callee == "vault"
    assert below.x > drawing.boxes[1].x
    assert alone.callee == "toolbox → stock"
    assert [line.new for line in drawing.lines] == [False, True]


def test_bars_that_would_touch_take_lanes_of_their_own() -> None:
    report = sample_report()
    strip = timeline(report, report.incidents)
    for lane in range(strip.label_lanes):
        inside = sorted((b for b in strip.labels if b.lane == lane), key=lambda b: b.x)
        for a, b in pairwise(inside):
            assert a.x + a.width < b.x
    assert strip.label_lanes >= 2


def test_an_open_incident_reaches_the_end_of_the_strip() -> None:
    report = sample_report()
    bar = next(
        b for b in timeline(report, report.incidents).incidents if "REGISTER" in b.says.upper()
    )
    assert bar.x + bar.width == pytest.approx(100)
    assert bar.flip


@pytest.mark.parametrize("hours", [0.01, 1, 24, 240, 24 * 365 * 3])
def test_a_strip_has_few_round_ticks_at_any_length(hours: float) -> None:
    report = quiet_report()
    until = report.from_ns + round(hours * 3600) * NS_PER_S
    ticks = timeline(replace(report, until_ns=until), ()).ticks
    assert 1 <= len(ticks) <= 9
    assert all(0 <= t.x <= 100 for t in ticks)
