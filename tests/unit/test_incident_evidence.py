"""Evidence: what an incident's calls have in common that is not usual, and example traces."""

from collections.abc import Iterator
from typing import Any

import orjson
import pyarrow as pa
import pytest

from informer.core.sql import read_sql
from informer.core.tables import ATTRIBUTE_VALUES, INCIDENTS, SPANS
from informer.engines.duckdb import DuckDBEngine
from informer.incidents.attributes import EXAMPLES, TOLD, add_evidence, learn_attributes
from informer.incidents.similar import MOST, add_similar

Row = dict[str, Any]
STEP_NS = 600 * 10**9
FROM_NS, UNTIL_NS = 10 * STEP_NS, 11 * STEP_NS
USUAL_MS = 20.0


@pytest.fixture
def engine() -> Iterator[DuckDBEngine]:
    with DuckDBEngine(threads=1) as engine:
        yield engine


def call(number: int, at_ns: int = FROM_NS, rpc_id: str = "r", **values: Any) -> Row:
    """A call in the chain of that number; what is no column is an attribute."""
    names = ("status_code", "version", "failed", "refused")
    row: Row = {"number": number, "at_ns": at_ns, "rpc_id": rpc_id}
    row["shape_id"] = values.pop("shape_id", "usual")
    row["duration_ns"] = round(1e6 * values.pop("took_ms", USUAL_MS))
    row |= {name: values.pop(name, None) for name in names}
    return row | {"attributes": orjson.dumps(values).decode()}


def load(engine: DuckDBEngine, calls: list[Row]) -> None:
    """The tables that evidence reads; a chain is entered by the first of its calls."""
    spans, called = [], []
    chains: dict[str, Row] = {}
    for place, row in enumerate(calls):
        trace_id, span_id = f"t{row['number']:05}", f"s{place:05}"
        span: Row = dict.fromkeys(SPANS.names)
        span |= {"trace_id": trace_id, "span_id": span_id, "service": "x", "operation": "o"}
        span |= {
            "kind": "server",
            "start_ns": row["at_ns"],
            "duration_ns": row["duration_ns"],
            "weight": 1.0,
        }
        span |= {"failed": bool(row["failed"]), "refused": bool(row["refused"])}
        span |= {"status_code": row["status_code"], "attributes": row["attributes"]}
        spans.append(span)
        called.append(
            {"trace_id": trace_id, "span_id": span_id, "rpc_id": row["rpc_id"]}
            | {k: span[k] for k in ("failed", "refused", "start_ns", "duration_ns")}
            | {"version": row["version"]}
        )
        chain = {"trace_id": trace_id, "start_ns": row["at_ns"], "shape_id": row["shape_id"]}
        chain |= {"entry_rpc_id": row["rpc_id"], "partial": row["shape_id"] == "broken"}
        chains.setdefault(trace_id, chain)
    engine.write("spans", SPANS.of(spans))
    version = pa.field("version", pa.string())
    engine.write(
        "calls",
        pa.Table.from_pylist(called)
        .drop_columns("version")
        .append_column(version, pa.array([c["version"] for c in called], pa.string())),
    )
    engine.write("chains", pa.Table.from_pylist(list(chains.values())))
    patterns = {"usual": "p", "short": "p", "broken": "p", "without": "p", "elsewhere": "q"}
    members = [{"shape_id": shape, "pattern_id": p} for shape, p in patterns.items()]
    engine.write("members", pa.Table.from_pylist(members))
    engine.write("known_shapes", pa.table({"shape_id": ["usual", "without"]}))


def incident(rpc_id: str = "r", signal: str = "calls", **values: Any) -> Row:
    observed = values.pop("observed", 2 * USUAL_MS)
    rpc = {"rpc_id": rpc_id, "signal": signal}
    cell = rpc | {"pattern_id": "p", "step_start_ns": FROM_NS, "score": 9.0}
    evidence = {
        "rpcs": [rpc | {"observed": observed, "expected": USUAL_MS}],
        "detections": [cell],
    }
    row: Row = {"incident_id": "i", "title": "", "kind": "volume", "severity": "high"}
    row |= {"opened_ns": FROM_NS, "resolved_ns": UNTIL_NS, "score": 9.0, "patterns": []}
    return row | {"evidence": orjson.dumps(evidence).decode(), "verdict": "open"} | values


def evidence_of(engine: DuckDBEngine, row: Row, usual: pa.Table | None = None) -> Row:
    made = add_evidence(
        engine, INCIDENTS.of([row]), ATTRIBUTE_VALUES.empty() if usual is None else usual, STEP_NS
    )
    assert made.schema == INCIDENTS.schema
    found: Row = orjson.loads(made["evidence"][0].as_py())
    return found


def usual(**shares: float) -> pa.Table:
    """Attribute values of the rpc as learned: `key_value` = share."""
    rows = [
        {"rpc_id": "r", "key": k.split("_")[0], "value": k.split("_")[1], "share": s}
        for k, s in shares.items()
    ]
    return ATTRIBUTE_VALUES.of(rows)


def test_usual_values_are_learned_with_their_shares(engine: DuckDBEngine) -> None:
    load(
        engine,
        [call(i, agent="app" if i < 3 else "web", version="v1", status_code=200) for i in range(4)],
    )
    engine.run(read_sql("informer.chains", "counts_as"))
    learned = learn_attributes(engine)
    assert learned.schema == ATTRIBUTE_VALUES.schema
    assert {(r["key"], r["value"]): r["share"] for r in learned.to_pylist()} == {
        ("agent", "app"): 0.75,
        ("agent", "web"): 0.25,
        ("status_code", "200"): 1.0,
        ("version", "v1"): 1.0,
    }


def test_a_value_far_more_common_than_usual_is_told(engine: DuckDBEngine) -> None:
    load(engine, [call(i, agent="bot" if i < 8 else "app") for i in range(10)])
    found = evidence_of(engine, incident(), usual(agent_app=0.9, agent_bot=0.1))
    assert found["attributes"] == [
        {"key": "agent", "value": "bot", "share_now": 0.8, "share_before": 0.1}
    ]


def test_a_value_never_seen_before_is_told(engine: DuckDBEngine) -> None:
    load(engine, [call(i, agent="bot") for i in range(10)])
    found = evidence_of(engine, incident(), usual(agent_app=1.0))
    assert [(a["value"], a["share_before"]) for a in found["attributes"]] == [("bot", 0.0)]


def test_what_is_as_common_as_ever_is_not_told(engine: DuckDBEngine) -> None:
    load(engine, [call(i, agent="app" if i < 6 else "web") for i in range(10)])
    found = evidence_of(engine, incident(), usual(agent_app=0.5, agent_web=0.5))
    assert found["attributes"] == []


def test_what_every_request_has_of_its_own_is_no_property(engine: DuckDBEngine) -> None:
    load(engine, [call(i, id=f"request-{i}") for i in range(10)])
    assert evidence_of(engine, incident(), usual(agent_app=1.0))["attributes"] == []


def test_of_a_new_rpc_nothing_deviates(engine: DuckDBEngine) -> None:
    load(engine, [call(i, agent="bot") for i in range(3)])
    found = evidence_of(engine, incident())
    assert found["attributes"] == []
    assert len(found["examples"]) == 3


def test_versions_and_status_codes_count_as_attributes(engine: DuckDBEngine) -> None:
    load(engine, [call(i, version="v2", status_code=401) for i in range(10)])
    found = evidence_of(engine, incident(), usual(version_v1=1.0))
    assert {(a["key"], a["value"]) for a in found["attributes"]} == {
        ("version", "v2"),
        ("status_code", "401"),
    }


def test_a_status_that_attributes_say_as_well_is_told_once(engine: DuckDBEngine) -> None:
    said = {"http.status_code": 401, "rpc.grpc.status_code": "16"}
    load(engine, [call(i, status_code=401, **said) for i in range(10)])
    found = evidence_of(engine, incident(), usual(version_v1=1.0))
    assert {(a["key"], a["value"]) for a in found["attributes"]} == {
        ("status_code", "401"),
        ("rpc.grpc.status_code", "16"),  # this one says something else
    }


def test_only_calls_of_the_guilty_rpc_in_the_incidents_time_count(engine: DuckDBEngine) -> None:
    load(
        engine,
        [
            call(1, FROM_NS - 1, agent="bot"),
            call(2, FROM_NS),
            call(3, UNTIL_NS - 1),
            call(4, UNTIL_NS, agent="bot"),
            call(5, FROM_NS, "other", agent="bot"),
        ],
    )
    found = evidence_of(engine, incident(), usual(agent_app=1.0))
    assert found["examples"] == ["t00002", "t00003"]
    assert found["attributes"] == []


@pytest.mark.parametrize(
    ("signal", "telling"),
    [
        ("refusals", {"refused": True}),
        ("failures", {"failed": True}),
        ("latency", {"took_ms": 2 * USUAL_MS}),
    ],
)
def test_examples_show_what_the_incident_is_about(
    engine: DuckDBEngine, signal: str, telling: Row
) -> None:
    load(engine, [call(i, **(telling if i % 10 == 0 else {})) for i in range(50)])
    found = evidence_of(engine, incident(signal=signal))
    assert found["examples"] == ["t00000", "t00010", "t00020", "t00030", "t00040"]
    assert len(found["examples"]) == EXAMPLES


def test_examples_of_a_missing_call_are_chains_without_it_the_newest_forms_first(
    engine: DuckDBEngine,
) -> None:
    shapes = {1: "broken", 2: "without", 3: "short", 4: "usual", 5: "elsewhere", 6: "short"}
    calls = [call(n, rpc_id="entry", shape_id=s, n=str(n)) for n, s in shapes.items()]
    calls += [call(7, FROM_NS - 1, "entry", shape_id="short")]
    calls += [call(8, UNTIL_NS, "entry", shape_id="short")]
    load(engine, [*calls, call(4, shape_id="usual")])
    found = evidence_of(engine, incident(signal="share", observed=1.0))
    assert found["examples"] == ["t00003", "t00006", "t00002", "t00001"]


def test_attributes_of_a_missing_call_are_those_of_the_chains_without_it(
    engine: DuckDBEngine,
) -> None:
    calls = [call(n, rpc_id="entry", shape_id="short", agent="bot") for n in range(4)]
    calls += [call(n, rpc_id="entry", agent="app") for n in range(4, 9)]
    load(engine, [*calls, *(call(n, agent="app") for n in range(4, 9))])
    of_entry = usual(agent_app=0.9, agent_bot=0.1).to_pylist()
    learned = ATTRIBUTE_VALUES.of([row | {"rpc_id": "entry"} for row in of_entry])
    found = evidence_of(engine, incident(signal="share", observed=1.0), learned)
    assert [(a["value"], a["share_now"]) for a in found["attributes"]] == [("bot", 1.0)]


def test_requests_that_did_not_come_have_no_examples(engine: DuckDBEngine) -> None:
    load(engine, [call(n, agent="bot") for n in range(9)])
    found = evidence_of(engine, incident(observed=9.0), usual(agent_app=1.0))
    assert found["examples"] == []
    assert [a["value"] for a in found["attributes"]] == ["bot"]  # what those have in common


def test_of_too_many_calls_the_chain_that_makes_most_comes_first(engine: DuckDBEngine) -> None:
    calls = [call(n, rpc_id="entry") for n in range(6)]
    calls += [call(n) for n in range(6)] + [call(4) for _ in range(40)] + [call(5)]
    load(engine, calls)
    found = evidence_of(engine, incident(signal="share"))
    assert found["examples"] == ["t00004", "t00005", "t00000", "t00001", "t00002"]
    # More chains than expected are no reason to look at the longest.
    assert evidence_of(engine, incident())["examples"][0] == "t00000"


def test_no_more_is_told_than_a_person_reads(engine: DuckDBEngine) -> None:
    many = {f"k{i}": "odd" for i in range(3 * TOLD)}
    load(engine, [call(i, **many) for i in range(10)])
    assert len(evidence_of(engine, incident(), usual(agent_app=1.0))["attributes"]) == TOLD


def test_an_incident_without_calls_has_empty_evidence(engine: DuckDBEngine) -> None:
    load(engine, [call(1, rpc_id="other")])
    found = evidence_of(engine, incident())
    assert (found["examples"], found["attributes"]) == ([], [])


def similar_of(incidents: list[Row], past: list[Row]) -> list[list[str]]:
    made = add_similar(INCIDENTS.of(incidents), INCIDENTS.of(past))
    return [orjson.loads(text)["similar"] for text in made["evidence"].to_pylist()]


def test_earlier_incidents_of_the_same_kind_and_rpc_are_similar_the_newest_first() -> None:
    past = [incident(incident_id=f"p{i}", opened_ns=i) for i in range(MOST + 3)]
    past += [incident(incident_id="else", opened_ns=50, kind="silence")]
    past += [incident(rpc_id="other", incident_id="far", opened_ns=60)]
    (found,) = similar_of([incident(opened_ns=100)], past)
    assert found == [f"p{i}" for i in range(MOST + 2, 2, -1)]


def test_an_incident_is_not_similar_to_itself_nor_to_what_comes_later() -> None:
    now = [incident(incident_id="a", opened_ns=10), incident(incident_id="b", opened_ns=20)]
    late = incident(incident_id="z", opened_ns=99)
    assert similar_of(now, [*now, late]) == [[], ["a"]]
