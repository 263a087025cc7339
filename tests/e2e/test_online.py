"""Live traffic is judged as files are: a step at a time, once, and on after a restart."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from command import done
from informer.core.errors import InformerError
from informer.core.types import NS_PER_S, Json
from informer.forecasts.clock import learned_until_ns
from informer.pipeline.decide import accept_pattern
from informer.pipeline.look import list_incidents
from informer.pipeline.memory import models_in_force, recall_pool, versions_in_force
from informer.pipeline.online import Closed, Online
from informer.pipeline.read import sources_of
from informer.pipeline.refresh import due_patterns, fit_one, take_up
from informer.pipeline.workspace import Workspace
from shop import ATTACK, Shop
from traffic_maker import DAY_STEPS, STEP_NS

WATERMARK_S = 60
LATER_NS = 4 * 10**18


@dataclass
class Feed:
    """Spans of a file in batches, in order of time, into a workspace that watches."""

    spans: pa.Table
    home: Workspace
    folder: Path
    told: list[tuple[str, int]] = field(default_factory=list)  # incident, closed until
    closed: list[Closed] = field(default_factory=list)
    given: int = 0  # spans

    def __post_init__(self) -> None:
        self.online = self.opened()

    def opened(self) -> Online:
        return Online(self.home, watermark_s=WATERMARK_S, beside=self._hear)

    def _hear(self, incidents: pa.Table, note: Json) -> None:
        self.told += [(i, note["closed_ns"]) for i in incidents["incident_id"].to_pylist()]

    def give_day(self, first: int = 0, last: int = DAY_STEPS, *, most: int = 4) -> None:
        """Steps first..last-1, a batch of `most` steps after the other."""
        for step in range(first, last, most):
            self.give(step, min(step + most, last), batch=1 + step // most)

    def give(self, first_step: int, last_step: int, *, batch: int) -> None:
        """Spans of these steps since the first span, as one batch; then close what is due."""
        self.stage(first_step, last_step, batch=batch)
        due = self.online.due()
        if due > self.online.closed_ns:
            self.closed.append(self.online.close(due, {"batch": batch}))

    def stage(self, first_step: int, last_step: int, *, batch: int) -> None:
        start_ns = pc.min(self.spans["StartNs"]).as_py()
        begin = start_ns - start_ns % STEP_NS
        since, until = begin + first_step * STEP_NS, begin + last_step * STEP_NS
        starts = self.spans["StartNs"]
        inside = pc.and_(pc.greater_equal(starts, since), pc.less(starts, until))
        path = self.folder / f"batch{batch}.parquet"
        pq.write_table(self.spans.filter(inside), path)
        came = self.online.add(sources_of([path], self.home.settings), batch, now_ns=LATER_NS)
        self.given += came.spans


@pytest.fixture
def feed(shop: Shop, own_workspace: Path, tmp_path: Path) -> Iterator[Feed]:
    with Workspace.open(own_workspace) as home:
        made = Feed(pq.read_table(shop.attacked), home, tmp_path)
        yield made
        made.online.shut()


def told(incidents: list[Json]) -> set[tuple[str, str, str]]:
    """What people read first: the kind and the guilty rpc."""
    return {(i["kind"], i["rpcs"][0]["callee"], i["rpcs"][0]["method"]) for i in incidents}


def tables(home: Workspace) -> dict[str, Any]:
    return {
        name: home.table(name).sort_by([(c, "ascending") for c in order]).to_pylist()
        for name, order in {
            "traffic": ("pattern_id", "rpc_id", "step_start_ns"),
            "detections": ("detection_id",),
            "steps": ("step_start_ns",),
        }.items()
    }


def test_steps_judged_as_they_come_tell_what_the_whole_day_tells(
    shop: Shop, feed: Feed, own_workspace: Path, tmp_path: Path
) -> None:
    feed.give_day()
    feed.home.close()
    live = list_incidents(own_workspace)
    other = shutil.copytree(shop.workspace, tmp_path / "whole")
    whole = done("detect", shop.attacked, "-w", other, "--json").json["incidents"]
    assert whole
    assert told(live) == told(whole)


def test_a_restart_goes_on_where_it_was(
    shop: Shop, feed: Feed, own_workspace: Path, tmp_path: Path
) -> None:
    undisturbed = Path(shutil.copytree(own_workspace, tmp_path / "undisturbed"))
    feed.give_day(0, 64)
    needed = feed.online.open.batches()
    feed.online.shut()  # what a kill does: all that was open is lost from memory
    feed.online = feed.opened()
    for batch in sorted(needed):
        feed.stage(4 * (batch - 1), 4 * batch, batch=batch)
    feed.give_day(64)
    with Workspace.open(undisturbed) as home:
        other = Feed(feed.spans, home, tmp_path)
        other.give_day()
        other.online.shut()
        assert tables(home) == tables(feed.home)
        assert [i for i, _ in other.told] == [i for i, _ in feed.told]


def test_an_attack_is_told_within_the_watermark_and_two_steps_of_stream_time(
    shop: Shop, feed: Feed
) -> None:
    feed.give_day(0, ATTACK.first)
    assert feed.told == []
    step = ATTACK.first
    while not feed.told:
        feed.give(step, step + 1, batch=1_000 + step)
        step += 1
    began_ns = shop.day_ns + ATTACK.first * STEP_NS
    assert feed.online.open.stream_ns <= began_ns + WATERMARK_S * NS_PER_S + 2 * STEP_NS
    assert feed.home.table("incidents")["kind"].to_pylist() == ["refusal"]


def test_a_step_is_told_of_once(feed: Feed) -> None:
    feed.give_day()
    ends = [c.grid.end_ns for c in feed.closed]
    starts = [c.grid.start_ns for c in feed.closed]
    assert starts[1:] == ends[:-1]
    detections = feed.home.table("detections")["detection_id"].to_pylist()
    assert len(set(detections)) == len(detections) > 0


def test_what_comes_after_its_step_was_closed_is_late_and_counted(feed: Feed) -> None:
    feed.give_day(0, 16)
    feed.stage(8, 9, batch=90)
    feed.give(16, 20, batch=91)
    late = feed.closed[-1].late
    assert late > 0
    assert sum(c.late for c in feed.closed[:-1]) == 0


def test_what_was_late_before_a_restart_is_not_counted_again(feed: Feed) -> None:
    feed.give_day(0, 16)
    feed.stage(8, 9, batch=5)
    feed.give(16, 20, batch=6)
    feed.online.shut()
    feed.online = feed.opened()
    feed.stage(8, 9, batch=5)
    feed.stage(16, 20, batch=6)
    feed.give(20, 24, batch=7)
    assert feed.closed[-1].late == 0


def test_no_data_is_no_silence(feed: Feed) -> None:
    feed.give_day(0, 24)
    feed.give(36, 40, batch=50)
    hole = feed.closed[-1].grid
    assert hole.seen.tolist() == [True] + 12 * [False] + 3 * [True]
    assert feed.closed[-1].incidents.num_rows == 0


def test_watching_may_begin_long_after_learning_ended(feed: Feed) -> None:
    feed.give_day(110, 122)
    assert sum(len(c.grid.seen) for c in feed.closed) == 10
    assert feed.home.table("incidents").num_rows == 0


def test_a_time_in_which_nobody_listened_is_not_covered(feed: Feed) -> None:
    feed.give_day(0, 16)
    start_ns = feed.online.closed_ns
    feed.online.missed(start_ns + STEP_NS // 2, start_ns + STEP_NS + 1)
    feed.give(16, 20, batch=5)
    assert feed.closed[-1].grid.seen.tolist() == [False, False, True, True]


def test_the_step_in_which_listening_began_is_left_out(feed: Feed) -> None:
    start_ns = pc.min(feed.spans["StartNs"]).as_py()
    feed.give_day(0, 8)
    assert feed.closed[0].grid.start_ns == start_ns - start_ns % STEP_NS + STEP_NS
    assert feed.closed[0].late == 0
    taken = sum(closed.spans for closed in feed.closed)
    left_out = feed.online.open.rejected["before_watching"]
    assert taken + feed.online.open.count() + left_out == feed.given > taken


def test_spans_from_the_future_close_nothing(feed: Feed) -> None:
    feed.give_day(0, 8)
    closed_ns = feed.online.closed_ns
    path = feed.folder / "future.parquet"
    ahead = pc.add(feed.spans["StartNs"], 3 * 10**18)
    spans = feed.spans.set_column(feed.spans.schema.get_field_index("StartNs"), "StartNs", ahead)
    pq.write_table(spans.slice(0, 50), path)
    feed.online.add(sources_of([path], feed.home.settings), 60, now_ns=LATER_NS)
    assert feed.online.due() == closed_ns
    assert feed.online.open.rejected["from_the_future"] == 50


def test_a_look_that_fails_keeps_nothing_of_it(feed: Feed) -> None:
    feed.give_day(0, 8)
    before = tables(feed.home)

    def broken(incidents: pa.Table, note: Json) -> None:
        raise InformerError("the sink's table is gone")

    feed.online.shut()
    feed.online = Online(feed.home, watermark_s=WATERMARK_S, beside=broken)
    feed.stage(8, 12, batch=3)
    with pytest.raises(InformerError):
        feed.online.close(feed.online.due(), {})
    assert tables(feed.home) == before


def refreshed(home: Workspace) -> dict[str, str]:
    """Every pattern that is due learns again; the versions now in force of those that changed."""
    end_ns = int(home.get("watching")["closed_ns"])
    found = due_patterns(home, every_s=3600, until_ns=end_ns)
    fitted = [(one, fit_one(one, recall_pool(home), 0)) for one in found]
    return {one.pattern_id: take_up(home, one, fit) for one, fit in fitted}


def test_patterns_learn_again_from_what_was_seen_since(feed: Feed) -> None:
    before = versions_in_force(feed.home)[1]
    feed.give_day()
    told = refreshed(feed.home)
    assert set(told) == set(before)
    assert versions_in_force(feed.home)[1] == told
    assert all(told[p] > before[p] for p in told)
    end_ns = int(feed.home.get("watching")["closed_ns"])
    ends = [learned_until_ns(m) for m in models_in_force(feed.home)[1].values()]
    assert min(ends) > end_ns - 3600 * 10**9
    assert due_patterns(feed.home, every_s=3600, until_ns=end_ns) == []


def test_what_was_irregular_and_is_undecided_does_not_teach(feed: Feed) -> None:
    feed.give_day()
    end_ns = int(feed.home.get("watching")["closed_ns"])
    found = due_patterns(feed.home, every_s=3600, until_ns=end_ns)
    (attack,) = [i for i in list_incidents(feed.home) if i["rpcs"][0]["callee"] == "auth"]
    attacked = {p["id"] for p in attack["patterns"]}
    assert attacked < {one.pattern_id for one in found}
    for one in found:
        starts = one.traffic.series.step_starts_ns()
        inside = (starts >= attack["opened_ns"]) & (starts < attack["resolved_ns"])
        assert one.traffic.series.seen[inside].any() == (one.pattern_id not in attacked)


def test_a_decision_made_while_a_pattern_learns_again_stands(feed: Feed) -> None:
    feed.give_day()
    end_ns = int(feed.home.get("watching")["closed_ns"])
    one = due_patterns(feed.home, every_s=3600, until_ns=end_ns)[0]
    fitted = fit_one(one, recall_pool(feed.home), 0)
    accept_pattern(feed.home, one.pattern_id)
    decided = versions_in_force(feed.home)[1]
    assert take_up(feed.home, one, fitted) == ""
    assert versions_in_force(feed.home)[1] == decided
