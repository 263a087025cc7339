"""The check says what is wrong with spans, and which options to use."""

import json
from pathlib import Path
from typing import Any

import pytest

from informer.core.tables import SPANS
from informer.engines.duckdb import DuckDBEngine
from informer.spans.check import Check, check
from informer.spans.open import open_sources

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
T0 = 1_780_272_000 * SECOND


def row(trace: str, span: str, parent: str | None = None, **given: Any) -> dict[str, Any]:
    """One span; a server of `shop` unless told otherwise."""
    return {
        "trace_id": trace,
        "span_id": span,
        "parent_span_id": parent,
        "service": "shop",
        "operation": "GET /",
        "kind": "server",
        "peer": None,
        "start_ns": T0,
        "duration_ns": 1_000_000,
        "status_code": 200,
        "failed": False,
        "refused": False,
        "weight": 1.0,
        "version": None,
        "scope": None,
        "attributes": "{}",
        **given,
    }


def call(trace: str, start_ns: int = T0, **given: Any) -> list[dict[str, Any]]:
    """A request: shop calls stock."""
    both = {"start_ns": start_ns, **given}
    return [
        row(trace, f"{trace}1", **both),
        row(trace, f"{trace}2", f"{trace}1", **both, service="stock"),
    ]


def checked(*rows: dict[str, Any], **given: Any) -> Check:
    """The check of some spans."""
    with DuckDBEngine(threads=1) as engine:
        engine.write("spans", SPANS.of(list(rows)))
        return check(engine, **given)


def days(n: int = 3, every: int = 600 * SECOND) -> list[dict[str, Any]]:
    """Requests at even pauses for some days."""
    return [one for i in range(n * DAY // every) for one in call(f"t{i}", T0 + i * every)]


def test_whole_traces_of_some_days_are_fit() -> None:
    found = checked(*days())
    assert (found.verdict, found.options, found.reasons) == ("fit", (), ())
    assert (found.spans, found.traces, found.services) == (864, 432, 2)
    assert (found.links, found.links_across, found.orphans, found.lone_traces) == (432, 432, 0, 0)
    assert (found.from_ns, found.gaps) == (T0, ())
    assert found.lines()[-1] == "verdict: fit"


def test_nothing_is_not_fit() -> None:
    found = checked()
    assert (found.verdict, found.spans, found.from_ns) == ("not fit", 0, None)
    assert found.reasons == ("there is no span",)
    assert found.lines()[-1] == "verdict: not fit"


@pytest.mark.parametrize(("traces", "said"), [(1, "one trace"), (9, "9 traces"), (10, None)])
def test_too_few_traces_to_learn_from_are_told(traces: int, said: str | None) -> None:
    calls = [one for i in range(traces) for one in call(f"t{i}", T0 + i * DAY)]
    found = checked(*calls)
    told = [reason for reason in found.reasons if "pattern" in reason]
    assert told == ([f"{said}: a pattern can be learned from 10 alike ones"] if said else [])
    assert found.verdict == "fit"


def test_spans_that_lead_nowhere_are_not_fit() -> None:
    found = checked(row("a", "1"), row("a", "2", "1"))
    assert found.verdict == "not fit"
    assert any("no call shows" in reason for reason in found.reasons)


def test_a_named_peer_is_a_call_too() -> None:
    assert checked(row("a", "1", peer="bank", kind="client")).verdict == "fit"


def test_more_lost_parents_than_found_ones_are_not_fit() -> None:
    found = checked(*call("a"), row("b", "1", "lost"), row("c", "1", "lost"))
    assert (found.orphans, found.orphaned_traces) == (2, 2)
    assert found.verdict == "not fit"


def test_some_lost_parents_are_told() -> None:
    found = checked(*days(), row("b", "1", "lost"), *(row("b", f"x{i}", "lost") for i in range(9)))
    assert found.verdict == "fit"
    assert any("2.3% of the spans that name a parent lost it" in line for line in found.lines())


def test_a_guessed_parent_that_is_not_there_is_no_orphan() -> None:
    found = checked(*call("a"), row("b", "web", "?outer"), row("b", "db", "?web", service="db"))
    assert (found.orphans, found.links) == (0, 2)


def test_more_rejected_than_read_is_not_fit() -> None:
    found = checked(*call("a"), rejected={"not_json": 3})
    assert found.verdict == "not fit"
    assert "rejected: 3 not_json" in found.lines()


def test_a_span_that_came_twice_is_counted_once() -> None:
    assert checked(*call("a"), *call("a"), *call("a")).duplicates == 4


def test_children_that_begin_outside_their_parents_are_counted() -> None:
    early, late = T0 - 5_000_000, T0 + 9_000_000
    found = checked(
        *call("a"),
        row("a", "early", "a1", service="x", start_ns=early),
        row("a", "late", "a1", service="y", start_ns=late),
        row("a", "near", "a1", service="z", start_ns=T0 - 900_000),
    )
    assert (found.links, found.outside_parents) == (4, 2)
    assert any("50.0% of the spans begin outside" in reason for reason in found.reasons)


def test_a_gap_is_far_longer_than_the_usual_pause() -> None:
    before = [one for i in range(200) for one in call(f"a{i}", T0 + i * 10 * SECOND)]
    later = T0 + DAY
    after = [one for i in range(200) for one in call(f"b{i}", later + i * 10 * SECOND)]
    found = checked(*before, *after)
    assert found.gaps == ((T0 + 1990 * SECOND, later),)
    assert "no span from 2026-06-01 00:33:10 UTC to 2026-06-02 00:00:00 UTC" in found.lines()


def test_a_short_range_is_told() -> None:
    assert any("a daily season cannot be learned" in line for line in checked(*call("a")).lines())


@pytest.mark.parametrize(
    ("lacks", "told"),
    [
        ({"duration_ns": 0}, "no span has a duration"),
        ({"status_code": None}, "no span failed, was refused or has a status code"),
        ({"parent_span_id": None, "peer": "stock"}, "no span names a parent"),
    ],
)
def test_what_no_span_says_is_told(lacks: dict[str, Any], told: str) -> None:
    found = checked(*[one | lacks for one in days()])
    assert found.verdict == "fit"
    assert [reason for reason in found.reasons if reason.startswith(told)] == list(found.reasons)


def test_sampled_spans_are_told() -> None:
    found = checked(*call("a", weight=4.0), *call("b"))
    assert (found.weighted, found.mean_weight) == (2, 2.5)
    assert "2 spans are sampled, mean weight 2.50" in found.lines()


def test_methods_are_counted_before_and_after_templating() -> None:
    found = checked(*(one for i in range(50) for one in call(f"t{i}", operation=f"GET /u/{i}")))
    assert (found.operations, found.methods) == (100, 2)
    assert found.widest == (("shop", 50, 1), ("stock", 50, 1))


def test_rules_count_too() -> None:
    rows = call("a", operation="GET /a") + call("b", operation="GET /b")
    assert checked(*rows, rules=[("^GET", "any")]).methods == 2


def test_services_with_a_version_are_named() -> None:
    found = checked(row("a", "1", version="v1"), row("a", "2", "1", service="stock"))
    assert (found.versioned, found.unversioned) == (("shop",), ("stock",))


def test_lone_spans_are_told() -> None:
    found = checked(*call("a"), *(row(f"b{i}", "1") for i in range(5)))
    assert found.lone_traces == 5
    assert any("83% of the traces have one span" in line for line in found.lines())


def twice(n: int = 10, proxy: str = "envoy", inside: str = "flask") -> list[dict[str, Any]]:
    """Requests seen by proxies at both services, and by the process of one of them."""
    by_proxies = [one for i in range(n) for one in call(f"p{i}", scope=proxy)]
    return by_proxies + [row(f"f{i}", "1", scope=inside) for i in range(n)]


def test_requests_traced_by_proxies_and_processes_are_told_and_one_side_is_named() -> None:
    found = checked(*twice())
    assert found.verdict == "fit with options"
    assert found.options == ("--where \"scope = 'envoy'\"",)
    assert any(
        "proxies and in-process instrumentation trace each request twice" in line
        for line in found.lines()
    )
    assert found.lines()[-1] == "verdict: fit with options: --where \"scope = 'envoy'\""
    (pair,) = found.doubled
    assert (pair.service, pair.requests, pair.other_requests) == ("shop", 10, 10)


def test_the_side_that_sees_most_services_is_kept() -> None:
    inside = [one for i in range(9) for one in call(f"f{i}", scope="flask")]
    edge = [row(f"p{i}", "1", scope="nginx") for i in range(9)]
    more = [
        row(f"f{i}", "3", f"f{i}2", scope="jdbc", service="db", kind="client") for i in range(9)
    ]
    assert checked(*inside, *edge, *more).options == ("--where \"scope is distinct from 'nginx'\"",)


def test_two_instrumentations_in_one_trace_are_no_double() -> None:
    rows = [
        one
        for i in range(9)
        for one in (
            row(f"t{i}", "1", scope="envoy"),
            row(f"t{i}", "2", "1", scope="flask"),
            row(f"t{i}", "3", "2", scope="envoy", service="stock"),
        )
    ]
    assert checked(*rows).options == ()


def test_services_of_different_traffic_are_no_double() -> None:
    rows = twice(20)[:-15]
    assert checked(*rows).doubled == ()


def test_a_request_id_that_joins_what_trace_ids_do_not_is_offered() -> None:
    rows = [
        one | {"attributes": json.dumps({"x-request-id": f"q{i // 2}"})}
        for i in range(10)
        for one in call(f"t{i}")
    ]
    found = checked(*rows)
    assert found.options == ("--correlate attribute:x-request-id",)
    assert any("a request is split over 2.0 traces" in line for line in found.lines())


def test_a_request_id_that_joins_no_more_than_the_trace_id_is_not_offered() -> None:
    rows = [
        one | {"attributes": json.dumps({"x-request-id": f"q{i}"})}
        for i in range(10)
        for one in call(f"t{i}")
    ]
    assert checked(*rows).options == ()


def test_a_check_is_plain_data() -> None:
    found = checked(*twice(), rejected={"not_json": 1})
    document = json.loads(json.dumps(found.to_json()))
    assert document["options"] == ["--where \"scope = 'envoy'\""]
    assert document["rejected"] == {"not_json": 1}
    assert document["doubled"][0]["service"] == "shop"


@pytest.mark.parametrize(
    ("where", "verdict", "options"),
    [
        (None, "fit with options", ("--where \"scope = 'envoy'\"",)),
        ("scope = 'envoy'", "fit", ()),
    ],
)
def test_the_mesh_capture_is_traced_twice(
    data: Path, where: str | None, verdict: str, options: tuple[str, ...]
) -> None:
    days = data / "bookinfo-mesh" / "days" / "segment_a.parquet"
    with DuckDBEngine() as engine:
        for source in open_sources([str(days)], where=where):
            list(source.stage(engine, "spans"))
        found = check(engine)
    assert (found.verdict, found.options, found.orphans) == (verdict, options, 0)
