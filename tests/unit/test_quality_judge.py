"""Incidents are held against campaigns by rules that no detector can bend."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from informer.cli.labels import false_incidents, hold_against
from informer.core.types import Json
from made_world import Attack, at_step, made_world, with_events
from quality.judge import EventFigures, judge, pooled
from quality.world import Event, World

# The attack covers steps 100 to 123 of the test range.
WORLD = made_world(attacks=[Attack(1, 100, 24, 3.0)])
GUILTY = {"caller": "front-1", "callee": "middle-1", "method": "GET /1/1"}
INNOCENT = {"caller": "outside", "callee": "front-0", "method": "GET /0/0"}


def incident(step: float, *rpcs: Json, kind: str = "volume", world: World = WORLD) -> Json:
    return {
        "id": f"{step}-{kind}",
        "kind": kind,
        "opened_ns": at_step(world, step),
        "rpcs": list(rpcs) or [GUILTY],
        "score": 9.0,
    }


def event(name: str, flag: str, first: float, last: float, z: float | None = None) -> Event:
    times = (at_step(WORLD, first), at_step(WORLD, last))
    return Event(name, "scraping", flag, *times, ("front-1>middle-1:",), z)


def only(figures: EventFigures) -> dict[str, float]:
    return figures.statistics()


@pytest.mark.parametrize(
    ("step", "found"), [(98, False), (99, True), (100, True), (127, True), (128, False)]
)
def test_an_incident_finds_what_it_opens_in_with_a_step_before_and_three_after(
    step: int, found: bool
) -> None:
    figures = judge([incident(step)], WORLD)
    assert figures.campaigns[0].found is found
    assert figures.false_by_day.sum() == (not found)


@pytest.mark.parametrize("kind", ["demand", "change"])
def test_demand_and_change_find_nothing_and_are_no_false_alarm(kind: str) -> None:
    figures = judge([incident(105, kind=kind), incident(20, kind=kind)], WORLD)
    assert not figures.campaigns[0].found_any
    assert figures.false_by_day.sum() == 0


def test_the_guilty_rpc_must_be_among_the_first_three() -> None:
    third = judge([incident(105, INNOCENT, INNOCENT, GUILTY)], WORLD)
    fourth = judge([incident(105, INNOCENT, INNOCENT, INNOCENT, GUILTY)], WORLD)
    assert (third.campaigns[0].found, third.campaigns[0].rank) == (True, 3)
    assert (fourth.campaigns[0].found, fourth.campaigns[0].rank) == (False, 4)
    assert fourth.campaigns[0].found_any
    assert (only(third)["guilty_1"], only(third)["guilty_3"]) == (0, 1)
    assert only(fourth)["guilty_3"] == 0
    assert fourth.false_by_day.sum() == 0  # it opened in an attack


def test_the_best_of_two_incidents_tells_the_rank() -> None:
    figures = judge([incident(105, INNOCENT, GUILTY), incident(110, GUILTY)], WORLD)
    assert figures.campaigns[0].rank == 1


def test_two_incidents_for_one_event_are_enough() -> None:
    figures = judge([incident(s) for s in (101, 105, 109, 113, 117)], WORLD)
    assert figures.false_by_day.sum() == 3


def test_where_events_overlap_an_incident_counts_for_the_one_it_names_or_the_last() -> None:
    other = replace(event("A2", "attack", 90, 140, 9.0), guilty=("outside>front-0:",))
    world = with_events(WORLD, *WORLD.events, other)
    named = [incident(s) for s in (101, 109)] + [incident(s, INNOCENT) for s in (105, 113)]
    assert judge(named, world).false_by_day.sum() == 0
    assert judge([*named, incident(117, INNOCENT)], world).false_by_day.sum() == 1
    neither = {**GUILTY, "caller": "back-1"}
    assert judge([*named[2:], incident(103, neither)], world).false_by_day.sum() == 0


def test_a_fault_excuses_an_incident_and_a_legitimate_event_does_not() -> None:
    fault = judge([incident(20)], with_events(WORLD, event("F", "fault", 18, 30)))
    sale = judge([incident(20)], with_events(WORLD, event("L", "legit", 18, 30)))
    assert (fault.false_by_day.sum(), sale.false_by_day.sum()) == (0, 1)
    assert fault.campaigns == sale.campaigns == ()


def test_false_incidents_are_counted_a_covered_day() -> None:
    half = made_world(unseen=range(144), attacks=[Attack(1, 250, 20, 3.0)])
    figures = judge([incident(150, world=half), incident(200, world=half)], half)
    assert figures.false_by_day.tolist() == [0, 2]
    assert only(figures)["false_per_day"] == 2.0  # of two days one was seen


@pytest.mark.parametrize(
    ("z", "opens", "delay"),
    [
        (10.0, 110, 4),  # z of 5 after a quarter of 24 steps: in step 106
        (10.0, 104, 0),  # earlier than anybody could know is no credit
        (5.0, 125, 1),  # only at the end: step 124
        (None, 100, 0),  # a new rpc shows at once
        (None, 107, 7),
    ],
)
def test_delay_counts_from_when_the_attack_could_be_known(
    z: float | None, opens: int, delay: int
) -> None:
    world = with_events(WORLD, event("A", "attack", 100, 124, z))
    assert judge([incident(opens)], world).campaigns[0].delay_steps == delay


def test_the_delay_is_that_of_the_first_incident_that_names_the_guilty_rpc() -> None:
    world = with_events(WORLD, event("A", "attack", 100, 124, None))
    figures = judge([incident(112), incident(103, INNOCENT), incident(108)], world)
    assert figures.campaigns[0].delay_steps == 8


def test_a_miss_is_an_endless_delay() -> None:
    events = [event(f"A{n}", "attack", 20 * n, 20 * n + 4, None) for n in range(1, 6)]
    found = judge([incident(21), incident(42)], with_events(WORLD, *events))
    assert only(found)["delay_steps"] == math.inf
    assert only(found)["delay_steps_found"] == 1.5
    most = judge([incident(20 * n + 1) for n in (1, 2, 3)], with_events(WORLD, *events))
    assert only(most)["delay_steps"] == 1


def test_recall_is_of_visible_attacks_by_strength() -> None:
    strengths = {1: 20.0, 2: 9.0, 3: 7.0, 4: 5.0, 5: 4.9, 6: None}
    events = [event(f"A{n}", "attack", 20 * n, 20 * n + 4, z) for n, z in strengths.items()]
    found = [incident(20 * n + 1) for n in (1, 4, 5, 6)]
    figures = only(judge([*found, incident(10)], with_events(WORLD, *events)))
    assert figures["recall"] == 3 / 5  # all but the one nobody can see
    assert figures["recall_z8"] == 1 / 2
    assert figures["recall_z5_8"] == 1 / 2
    assert figures["recall_novel"] == 1
    assert figures["precision"] == 4 / 5  # who finds the invisible one makes no false alarm
    assert figures["f1"] == pytest.approx(2 * 0.6 * 0.8 / 1.4)


def test_silence_all_the_time_has_no_precision_and_no_f1() -> None:
    figures = only(judge([], WORLD))
    assert figures["f1"] == 0
    assert figures["recall"] == 0
    assert math.isnan(figures["precision"])
    assert math.isnan(figures["guilty_1"])


def test_worlds_are_pooled_campaign_by_campaign_and_day_by_day() -> None:
    one, other = judge([incident(105)], WORLD), judge([incident(20), incident(200)], WORLD)
    both = pooled([one, other])
    assert only(both)["recall"] == 1 / 2
    assert both.false_by_day.tolist() == [0, 0, 1, 1]
    assert only(both)["false_per_day"] == 2 / 4


def test_the_command_judges_alike(tmp_path: Path) -> None:
    """Found, rank and false alarms as `informer demo` tells them, where both count the same."""
    world = with_events(
        WORLD,
        event("A1", "attack", 20, 30, 9.0),
        event("A2", "attack", 60, 70, 9.0),
        event("F1", "fault", 100, 110),
        event("L1", "legit", 140, 150),
    )
    found = [
        incident(22, INNOCENT, GUILTY),
        incident(29, GUILTY),
        incident(62, INNOCENT),
        incident(105, INNOCENT),
        incident(145, INNOCENT),
        incident(170, GUILTY),
        incident(171, kind="demand"),
    ]
    path = tmp_path / "labels.csv"
    columns = "event_id,kind,flag,start_ns,end_ns,effect_end_ns,guilty"
    rows = [
        f"{e.name},{e.kind},{e.flag},{e.start_ns},{e.end_ns},,{'|'.join(e.guilty)}"
        for e in world.events
    ]
    path.write_text("\n".join([columns, *rows]), encoding="utf-8")
    step_ns = world.test_grid.step_ns
    labels = hold_against(path, found, step_ns)
    figures = judge(found, world)
    attacks = [label for label in labels if label.flag == "attack"]
    assert [c.found for c in figures.campaigns] == [a.found_by is not None for a in attacks]
    assert [c.found for c in figures.campaigns] == [True, False]
    assert f"no. {figures.campaigns[0].rank}" in attacks[0].outcome
    false = false_incidents(labels, found, step_ns)
    assert figures.false_by_day.sum() == len(false) == 2


def test_days_that_were_not_covered_do_not_count() -> None:
    nobody = replace(
        WORLD, test_grid=replace(WORLD.test_grid, seen=WORLD.test_grid.seen & False), events=()
    )
    assert math.isnan(only(judge([], nobody))["false_per_day"])
