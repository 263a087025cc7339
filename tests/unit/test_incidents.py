"""Detections that belong together are one incident, told in words."""

from typing import Any

import orjson
import pytest

from informer.core.tables import DETECTIONS, INCIDENTS
from informer.core.types import NOISE
from informer.incidents.build import Names, build_incidents

STEP_NS = 600 * 10**9
START_NS = 1_780_272_000_000_000_000
END = 1000  # steps, of the range
# rpc: caller, callee
RPCS = {
    "in": ("outside", "gateway"),
    "login": ("gateway", "auth"),
    "db": ("auth", "db"),
    "catalog": ("gateway", "catalog"),
    "reviews": ("catalog", "reviews"),
    "users": ("auth", "users"),
    "far": ("cron", "mail"),
    "shop": ("outside", "shop"),
    "bank": ("outside", "bank"),
}
PATTERNS = {
    "login": {"gateway", "auth", "db"},
    "browse": {"gateway", "catalog", "reviews"},
    "nightly": {"cron", "mail"},
}
NAMES = Names(
    {r: {"caller": a, "callee": b, "method": f"{r}-method"} for r, (a, b) in RPCS.items()},
    {p: f"the {p} pattern" for p in PATTERNS},
    {p: frozenset(s) for p, s in PATTERNS.items()},
)

Row = dict[str, Any]


def cells(
    pattern_id: str,
    rpc_id: str,
    kind: str = "volume",
    *,
    first: int,
    last: int | None = None,
    signal: str = "calls",
    score: float = 9.0,
    every: int = 1,
) -> list[Row]:
    """Detections of one cell, step by step."""
    return [
        {
            "detection_id": f"{pattern_id}-{rpc_id}-{signal}-{step}",
            "pattern_id": pattern_id,
            "rpc_id": rpc_id,
            "signal": signal,
            "step_start_ns": START_NS + step * STEP_NS,
            "window_steps": 1,
            "observed": 40.0,
            "expected": 10.0,
            "score": score,
            "threshold": 6.0,
            "kind": kind,
        }
        for step in range(first, (first if last is None else last) + 1, every)
    ]


def told(*rows: list[Row], **more: Any) -> list[Row]:
    """The incidents, with evidence as values and times as steps."""
    detections = DETECTIONS.of([row for part in rows for row in part])
    options: dict[str, Any] = {"changes": [], "novel": []} | more
    made = build_incidents(
        detections, NAMES, step_ns=STEP_NS, until_ns=START_NS + END * STEP_NS, **options
    )
    assert made.schema == INCIDENTS.schema
    found: list[Row] = made.to_pylist()
    for row in found:
        row["evidence"] = orjson.loads(row["evidence"])
        row["opened"] = (row["opened_ns"] - START_NS) // STEP_NS
        resolved = row["resolved_ns"]
        row["resolved"] = None if resolved is None else (resolved - START_NS) // STEP_NS
    return found


def guilty(incident: Row) -> list[str]:
    return [rpc["rpc_id"] for rpc in incident["evidence"]["rpcs"]]


def test_nothing_detected_is_no_incident() -> None:
    assert told() == []


def test_an_incident_opens_with_its_first_step_and_ends_after_its_last() -> None:
    (incident,) = told(cells("login", "login", first=10, last=14))
    assert (incident["opened"], incident["resolved"]) == (10, 15)


def test_an_incident_that_reaches_the_end_of_the_range_is_still_open() -> None:
    (incident,) = told(cells("login", "login", first=END - 3, last=END - 1))
    assert incident["resolved_ns"] is None
    (ended,) = told(cells("login", "login", first=END - 3, last=END - 2))
    assert ended["resolved"] == END - 1


def test_a_short_pause_does_not_end_an_incident_and_a_long_one_does() -> None:
    assert len(told(cells("login", "login", first=10, last=40, every=3))) == 1
    apart = told(cells("login", "login", first=10), cells("login", "login", first=60))
    assert [i["opened"] for i in apart] == [10, 60]


def test_the_same_rpc_in_two_patterns_is_one_incident() -> None:
    (incident,) = told(
        cells("login", "in", first=10, last=14), cells("browse", "in", first=11, last=14)
    )
    assert {p["id"] for p in incident["evidence"]["patterns"]} == {"login", "browse"}


def test_the_rpcs_of_one_pattern_are_one_incident_with_the_guiltiest_first() -> None:
    (incident,) = told(
        cells("login", "in", first=10, last=14, score=7.0),
        cells("login", "login", first=10, last=14, score=21.0),
        cells("login", "db", first=10, last=14, score=14.0),
    )
    assert guilty(incident) == ["login", "db", "in"]
    shares = [rpc["share"] for rpc in incident["evidence"]["rpcs"]]
    assert shares == pytest.approx([21 / 42, 14 / 42, 7 / 42])


def test_what_only_happens_at_the_same_time_is_two_incidents() -> None:
    found = told(
        cells("login", "login", first=10, last=14), cells("nightly", "far", first=10, last=14)
    )
    assert sorted(guilty(i) for i in found) == [["far"], ["login"]]
    assert len({i["incident_id"] for i in found}) == 2


def test_misuse_of_two_patterns_that_share_a_service_is_two_incidents() -> None:
    found = told(
        cells("login", "login", first=10, last=14), cells("browse", "catalog", first=10, last=14)
    )
    assert len(found) == 2


def test_a_fault_that_travels_along_the_chain_is_one_incident() -> None:
    (incident,) = told(
        cells("browse", "reviews", "failure", first=10, last=14, signal="failures", score=20.0),
        cells("login", "catalog", "mix", first=11, last=14, signal="share"),
    )
    assert incident["kind"] == "failure"


@pytest.mark.parametrize("kind", ["failure", "change"])
def test_that_both_are_called_from_outside_is_nothing_in_common(kind: str) -> None:
    found = told(
        cells(NOISE, "shop", kind, first=10, last=14, signal="failures"),
        cells(NOISE, "bank", kind, first=10, last=14, signal="failures"),
    )
    assert len(found) == 2


def test_a_long_story_holds_together_what_is_short_and_begins_with_it() -> None:
    (incident,) = told(
        cells("login", "in", first=10, last=90),
        cells("login", "login", first=12),
        cells("login", "db", first=22),
    )
    assert (incident["opened"], incident["resolved"]) == (10, 91)


@pytest.mark.parametrize(
    "attack",
    [
        cells("login", "db", first=60, last=64),
        cells("login", "in", "refusal", first=60, last=64, signal="refusals"),
        cells("browse", "in", first=60, last=64),
    ],
    ids=["another rpc", "another signal", "another pattern"],
)
def test_what_begins_long_after_is_an_incident_of_its_own(attack: list[Row]) -> None:
    lasting, own = told(cells("login", "in", first=10, last=END - 1), attack)
    assert (lasting["opened"], lasting["resolved"]) == (10, None)
    assert (own["opened"], own["resolved"]) == (60, 65)


def test_a_gateway_does_not_join_what_begins_apart() -> None:
    """An attack on the login goes on, with fewer calls behind it, when another page fails."""
    missing = cells("login", "login", "mix", first=10, last=90, signal="share")
    soon, late = (
        told(missing, cells("browse", "catalog", "failure", first=f, last=60, signal="failures"))
        for f in (13, 14)
    )
    assert [i["opened"] for i in soon] == [10]
    assert [i["opened"] for i in late] == [10, 14]


def test_what_goes_on_side_by_side_is_one_incident_however_it_is_ordered() -> None:
    (incident,) = told(
        cells("login", "in", first=10, last=12),
        cells("login", "login", first=11, last=90),
        cells("login", "db", first=20, last=21),
        cells("login", "users", first=23, last=60),
    )
    assert incident["resolved"] == 91


def test_a_lasting_change_does_not_swallow_the_attack_on_its_own_patterns() -> None:
    found = told(
        cells("browse", "reviews", "change", first=10, last=400, signal="version", score=6.0),
        cells("browse", "reviews", "volume", first=200, last=210),
        cells("login", "login", "volume", first=300, last=310),
    )
    assert [(i["kind"], i["opened"], i["resolved"]) for i in found] == [
        ("change", 10, 401),
        ("volume", 200, 211),
        ("volume", 300, 311),
    ]


def test_a_crowd_does_not_swallow_the_attack_inside_it() -> None:
    found = told(
        cells("browse", "in", "demand", first=10, last=60, signal="demand"),
        cells("browse", "in", "volume", first=30, last=34),
    )
    assert [(i["kind"], i["opened"]) for i in found] == [("demand", 10), ("volume", 30)]


def test_changes_of_one_service_are_one_incident_and_of_two_services_two() -> None:
    (one,) = told(
        cells("browse", "reviews", "change", first=10, last=20, signal="version"),
        cells("browse", "catalog", "change", first=30, last=40, signal="calls"),
    )
    assert one["kind"] == "change"
    two = told(
        cells("browse", "reviews", "change", first=10, last=20, signal="version"),
        cells("nightly", "far", "change", first=10, last=20, signal="version"),
    )
    assert len(two) == 2


def test_news_outside_every_pattern_is_told_by_its_rpc_alone() -> None:
    found = told(
        cells(NOISE, "far", "novel", first=10, signal="novelty"),
        cells(NOISE, "db", "novel", first=10, signal="novelty"),
    )
    assert len(found) == 2
    assert found[0]["patterns"] == []


def new(rpc_id: str, step: int, pattern_id: str = NOISE) -> list[Row]:
    return cells(pattern_id, rpc_id, "novel", first=step, signal="novelty")


def test_new_calls_along_one_way_are_one_incident_that_counts_and_names_them() -> None:
    (incident,) = told(new("login", 10), new("db", 10), new("users", 12))
    assert incident["title"] == "Never seen before: auth > db db-method and 2 more"
    assert (
        "New with it: gateway > auth login-method; auth > users users-method."
        in incident["evidence"]["explanation"]
    )
    assert set(guilty(incident)) == {"login", "db", "users"}


def test_of_a_flood_of_new_calls_the_first_are_named() -> None:
    flood = {f"r{i}": {"caller": "intruder", "callee": "db", "method": f"m{i}"} for i in range(500)}
    made = build_incidents(
        DETECTIONS.of([row for rpc_id in flood for row in new(rpc_id, 10)]),
        Names(flood, {}, {}),
        step_ns=STEP_NS,
        until_ns=START_NS + END * STEP_NS,
        changes=[],
        novel=[],
    )
    (incident,) = made.to_pylist()
    assert incident["title"].endswith(" and 499 more")
    (named,) = [w for w in orjson.loads(incident["evidence"])["explanation"] if "New with" in w]
    assert named.endswith("; 494 more.")
    assert len(named) < 200


def test_what_is_new_with_a_version_that_came_is_named() -> None:
    (incident,) = told(
        cells("login", "login", "change", first=10, last=20, signal="version"),
        cells("login", "db", "change", first=12, last=20, signal="novelty"),
    )
    assert (incident["kind"], incident["severity"]) == ("change", "info")
    assert "New with it: auth > db db-method." in incident["evidence"]["explanation"]


def test_a_new_call_alone_says_nothing_of_others() -> None:
    (incident,) = told(new("login", 10))
    assert incident["title"] == "Never seen before: gateway > auth login-method"
    assert not any("New with it" in why for why in incident["evidence"]["explanation"])


@pytest.mark.parametrize(("other", "step"), [("users", 14), ("far", 10), ("bank", 10)])
def test_new_calls_elsewhere_or_later_are_another_incident(other: str, step: int) -> None:
    assert len(told(new("db", 10), new("shop", 10), new(other, step))) == 3


def test_a_new_form_of_chain_belongs_to_no_new_call_of_its_service() -> None:
    form = {"what": "shape", "name": "s1", "pattern_id": "browse", "rpc_id": "catalog"}
    found = told(new("login", 10), new("catalog", 10, "browse"), novel=[form])
    assert len(found) == 2


def test_the_most_telling_kind_names_the_incident() -> None:
    (incident,) = told(
        cells("login", "login", "volume", first=10, last=14, score=50.0),
        cells("login", "db", "novel", first=12, signal="novelty", score=3.0),
    )
    assert incident["kind"] == "novel"
    assert guilty(incident)[0] == "db"
    assert incident["score"] == 3.0


def test_the_same_detections_in_any_order_are_the_same_incidents() -> None:
    parts = [
        *cells("login", "login", first=10, last=14),
        *cells("login", "db", first=12, last=16, score=12.0),
        *cells("browse", "catalog", first=11, last=14),
    ]
    assert told(parts) == told(parts[::-1])


def test_every_kind_has_a_title_a_severity_and_a_reason() -> None:
    kinds = ("volume", "silence", "mix", "failure", "refusal", "latency", "novel", "demand")
    for kind in (*kinds, "change"):
        (incident,) = told(cells("login", "login", kind, first=10, last=12))
        assert incident["kind"] == kind
        assert incident["severity"] in ("info", "low", "medium", "high", "critical")
        assert incident["evidence"]["explanation"]
        assert kind == "demand" or "gateway > auth login-method" in incident["title"]
        assert (incident["severity"] == "info") == (kind in ("demand", "change"))


def test_the_title_says_how_much_was_seen() -> None:
    (incident,) = told(cells("login", "login", first=10))
    assert incident["title"] == "4.0 times the expected calls: gateway > auth login-method"


def test_a_rush_that_ends_in_a_lull_is_told_as_one_of_them() -> None:
    rush = [row | {"observed": 59.0, "expected": 32.5} for row in cells("login", "in", first=10)]
    lull = [
        row | {"observed": 4.0, "expected": 19.1, "threshold": 9.0, "window_steps": 13}
        for row in cells("login", "in", "silence", first=14, last=15, score=8.0)
    ]
    (incident,) = told(rush, lull)
    assert (incident["kind"], incident["score"]) == ("volume", 9.0)
    assert incident["title"] == "1.8 times the expected calls: outside > gateway in-method"
    assert incident["evidence"]["threshold"] == 6.0
    assert (incident["opened"], incident["resolved"]) == (10, 16)
    assert incident["evidence"]["explanation"][-1] == (
        "At another time it was the other way round: 4 of 19.1 expected, in 2 h 10 min."
    )
    stronger = [row | {"score": 30.0} for row in lull]
    (incident,) = told(rush, stronger)
    assert (incident["kind"], incident["score"]) == ("silence", 30.0)
    assert incident["title"].startswith("Fewer calls than expected (4 of 19.1 in 2 h 10 min)")
    assert incident["evidence"]["threshold"] == 9.0
    assert "59 of 32.5 expected" in incident["evidence"]["explanation"][-1]


def test_what_was_counted_says_over_how_long() -> None:
    few = [row | {"window_steps": 1, "score": 7.0} for row in cells("login", "in", first=10)]
    most = [row | {"window_steps": 9} for row in cells("login", "in", first=11)]
    (incident,) = told(few, most)
    evidence = incident["evidence"]
    assert evidence["rpcs"][0]["window_s"] == 9 * 600
    first = "40 calls were observed where 10.0 were expected, in 1 h 30 min."
    assert evidence["explanation"][0] == first
    one = [
        row | {"observed": 1.0}
        for row in cells("login", "in", "failure", first=9, signal="failures")
    ]
    (incident,) = told(one)
    first = "1 failed call was observed where 10.0 were expected, in 10 min."
    assert incident["evidence"]["explanation"][0] == first
    (news,) = told(cells("login", "db", "novel", first=10, last=12, signal="novelty"))
    assert news["evidence"]["rpcs"][0]["window_s"] == 3 * 600


def test_rpcs_beside_the_guilty_one_went_the_same_way() -> None:
    rows = [row | {"observed": 4.0} for row in cells("login", "in", "silence", first=10, last=14)]
    counts = {"login": (40.0, 20.0), "db": (3.0, 20.0)}
    others = [{"rpc_id": r, "observed": o, "expected": e} for r, (o, e) in counts.items()]
    suspect = {"pattern_id": "login", "rpc_id": "in", "others": others}
    suspect |= {"first_ns": START_NS, "last_ns": START_NS + 99 * STEP_NS}
    (incident,) = told(rows, suspects=[suspect])
    assert guilty(incident) == ["in", "db"]


@pytest.mark.parametrize(
    ("observed", "said"),
    [
        (0.0, "hardly any of the expected"),
        (3.0, "hardly any of the expected"),
        (60.0, "6 % of the expected"),
        (3000.0, "3.0 times the expected"),
    ],
)
def test_a_fall_of_everything_is_told_as_a_part_of_what_was_expected(
    observed: float, said: str
) -> None:
    rows = cells("login", "in", "demand", first=10, signal="demand")
    (incident,) = told([row | {"observed": observed, "expected": 1000.0} for row in rows])
    assert incident["title"] == f"All traffic together: {said} calls"


def test_severity_and_reason_go_by_the_limit_that_opened_the_incident() -> None:
    """Once it is open, half of the limit is enough for a cell: that is not what the budget set."""
    opening, going_on = cells("login", "login", first=10, last=11)
    rows = [
        opening | {"score": 4.5, "threshold": 4.0},
        going_on | {"score": 7.0, "threshold": 2.0},
    ]
    (incident,) = told(rows)
    evidence = incident["evidence"]
    assert incident["score"] == 7.0
    assert evidence["threshold"] == 4.0
    assert any("limit at 4.0" in sentence for sentence in evidence["explanation"])
    assert incident["severity"] == "medium"  # less than twice its limit


def test_a_change_is_named_by_the_version_that_came_or_went() -> None:
    change = {"service": "reviews", "version": "v1", "what": "gone"}
    change |= {f"{k}_ns": START_NS + step * STEP_NS for k, step in (("since", 8), ("first", 10))}
    change |= {"last_ns": START_NS + 30 * STEP_NS}
    rows = cells("browse", "reviews", "change", first=10, last=20, signal="version")
    (incident,) = told(rows, changes=[change])
    assert incident["title"] == "v1 of reviews went; traffic moved with it"
    assert incident["evidence"]["changes"] == ["v1 of reviews went"]
    (other,) = told(cells("login", "login", first=10), changes=[change])
    assert other["evidence"]["changes"] == ["v1 of reviews went"]  # near it, for a person to judge
    assert "reviews" not in other["title"]
    (later,) = told(cells("login", "login", first=100), changes=[change])
    assert later["evidence"]["changes"] == []


def test_news_is_kept_with_its_incident_so_that_accepting_it_makes_it_known() -> None:
    novel = [
        {"what": "edge", "name": "db", "pattern_id": "login", "rpc_id": "db"},
        {"what": "edge", "name": "far", "pattern_id": "nightly", "rpc_id": "far"},
    ]
    (incident,) = told(cells("login", "db", "novel", first=10, signal="novelty"), novel=novel)
    assert incident["evidence"]["novel"] == [novel[0]]


@pytest.mark.parametrize(
    ("signal", "observed", "said"),
    [
        ("share", 1.0, "Calls missing after those of their callers (1 of 32.0 in 30 min)"),
        (
            "share",
            125.0,
            "Too many calls for those of their callers (125 in 30 min, 32.0 expected)",
        ),
        ("calls", 1.0, "Fewer requests in one form of chain (1 in 30 min, 32.0 expected)"),
        ("calls", 125.0, "More requests in one form of chain (125 in 30 min, 32.0 expected)"),
    ],
)
def test_a_mix_says_whether_calls_are_missing_or_too_many(
    signal: str, observed: float, said: str
) -> None:
    rows = cells("login", "login", "mix", first=10, signal=signal)
    counts = {"observed": observed, "expected": 32.0, "window_steps": 3}
    (incident,) = told([row | counts for row in rows])
    assert incident["title"] == f"{said}: gateway > auth login-method"


def failing(rpc_id: str, score: float) -> list[Row]:
    rows = cells("login", rpc_id, "failure", first=10, signal="failures", score=score)
    return [row | {"observed": 60.0, "expected": 2.8, "window_steps": 2} for row in rows]


def test_what_failed_in_a_rush_is_told_with_it() -> None:
    rush = cells("login", "login", first=10, last=14)
    (louder,) = told(rush, failing("login", 50.0), failing("db", 60.0))
    assert louder["kind"] == "volume"
    assert louder["title"] == (
        "4.0 times the expected calls, 60 failed (2.8 expected): gateway > auth login-method"
    )
    said = "60 failed calls where 2.8 were expected, in 20 min (score {}): {}."
    sentence = said.format("50.0", "gateway > auth login-method")
    assert louder["evidence"]["explanation"][-1] == sentence
    (lesser,) = told(rush, failing("login", 7.0))
    assert lesser["title"] == "4.0 times the expected calls: gateway > auth login-method"
    assert lesser["evidence"]["explanation"][-1].startswith("60 failed calls where 2.8")
    (behind,) = told(rush, failing("db", 60.0))
    assert "failed" not in behind["title"]
    assert behind["evidence"]["explanation"][-1] == said.format("60.0", "auth > db db-method")


def test_a_new_form_of_chain_is_not_said_to_be_a_new_call() -> None:
    form = {"what": "shape", "name": "abc", "pattern_id": "login", "rpc_id": "in"}
    edge = {"what": "edge", "name": "db", "pattern_id": "login", "rpc_id": "db"}
    (of_form,) = told(cells("login", "in", "novel", first=10, signal="novelty"), novel=[form, edge])
    assert of_form["title"] == "Known calls in a new form of chain: outside > gateway in-method"
    assert of_form["evidence"]["explanation"][0].endswith("begin with outside > gateway in-method.")
    (of_edge,) = told(cells("login", "db", "novel", first=10, signal="novelty"), novel=[form, edge])
    assert of_edge["title"].startswith("Never seen before: ")
    again = cells("login", "in", "novel", first=24, signal="novelty")
    (now,) = going_on(of_form, again, first=21)  # what was told before is not among the news
    assert now["title"] == of_form["title"]


def test_a_flood_of_detections_becomes_few_incidents() -> None:
    flood = [
        row
        for i in range(200)
        for row in cells("login", f"rpc{i}", first=i % 50, last=i % 50 + 900, every=9)
    ]
    many = Names(
        {f"rpc{i}": {"caller": "a", "callee": "b", "method": "m"} for i in range(200)}, {}, {}
    )
    assert len(flood) > 20_000
    made = build_incidents(
        DETECTIONS.of(flood), many, step_ns=STEP_NS, until_ns=2**62, changes=[], novel=[]
    )
    assert 1 <= made.num_rows <= 1000


def going_on(before: Row, *rows: list[Row], first: int, **more: Any) -> list[Row]:
    """The incidents of a look that begins with step `first`, after one that left another open."""
    row = {name: before[name] for name in INCIDENTS.schema.names}
    row["evidence"] = orjson.dumps(before["evidence"]).decode()
    return told(*rows, earlier=[row | more], from_ns=START_NS + first * STEP_NS)


def test_an_incident_that_goes_on_in_the_next_look_is_the_same() -> None:
    (before,) = told(cells("login", "login", first=10, last=20, score=30.0))
    (now,) = going_on(before, cells("login", "login", first=24, last=29, score=8.0), first=21)
    assert now["incident_id"] == before["incident_id"]
    assert (now["opened"], now["resolved"]) == (10, 30)
    assert now["score"] == 30.0
    assert len(now["evidence"]["detections"]) == 11 + 6


def test_the_same_volume_goes_on_whatever_rpc_it_is_blamed_on() -> None:
    (before,) = told(cells("login", "login", first=10, last=20))
    (now,) = going_on(before, cells("login", "in", first=24, last=29), first=21)
    assert now["incident_id"] == before["incident_id"]
    (refused,) = going_on(
        before, cells("login", "in", "refusal", first=22, last=29, signal="refusals"), first=21
    )
    assert refused["incident_id"] == before["incident_id"]  # it begins near the other
    later = cells("login", "in", "refusal", first=60, last=64, signal="refusals")
    assert [i["opened"] for i in going_on(before, later, first=21)] == [60]


def test_an_incident_that_does_not_go_on_is_not_among_the_new() -> None:
    (before,) = told(cells("login", "login", first=10, last=20))
    (now,) = going_on(before, cells("browse", "catalog", first=24, last=29), first=21)
    assert now["opened"] == 24


def test_what_goes_on_keeps_its_verdict_and_its_news() -> None:
    news = {"what": "edge", "name": "db", "pattern_id": "login", "rpc_id": "db"}
    (before,) = told(cells("login", "db", "novel", first=10, signal="novelty"), novel=[news])
    again = cells("login", "db", "novel", first=24, signal="novelty")
    (now,) = going_on(before, again, first=21, verdict="rejected")
    assert now["verdict"] == "rejected"
    assert now["evidence"]["novel"] == [news]
