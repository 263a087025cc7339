"""What the calls of an incident have in common that calls of the same rpc usually have not."""

from collections import Counter, defaultdict
from collections.abc import Iterable

import orjson
import pyarrow as pa

from informer.core.ports import Engine
from informer.core.sql import read_sql
from informer.core.tables import ATTRIBUTE_VALUES
from informer.core.types import Json

SAMPLED_CALLS = 1000
KEPT_VALUES = 50  # of a key, the commonest first
MOST_DISTINCT = 0.5  # values a call; above, a key is an identity (a request id), not a property
LEAST_SHARE_NOW = 0.3
LEAST_LIFT = 2.0
TOLD = 5
EXAMPLES = 5


def learn_attributes(engine: Engine) -> pa.Table:
    """How often each attribute value comes with each rpc, from `calls` and `spans`."""
    rows = engine.query(read_sql("informer.incidents", "usual"), most=SAMPLED_CALLS).to_pylist()
    by_rpc: dict[str, list[Json]] = defaultdict(list)
    for row in rows:
        by_rpc[row["rpc_id"]].append(row)
    found = []
    for rpc_id in sorted(by_rpc):
        for key, values in sorted(_values(by_rpc[rpc_id]).items()):
            for value, calls in sorted(values.items(), key=lambda v: (-v[1], v[0]))[:KEPT_VALUES]:
                share = calls / len(by_rpc[rpc_id])
                found.append({"rpc_id": rpc_id, "key": key, "value": value, "share": share})
    return ATTRIBUTE_VALUES.of(found)


def add_evidence(engine: Engine, incidents: pa.Table, usual: pa.Table, step_ns: int) -> pa.Table:
    """Put deviating attributes and example trace ids into the evidence of incidents.

    Reads `calls`, `chains`, `members`, `known_shapes` and `spans` of the range that the incidents
    are in; `usual` is what `learn_attributes` gave.
    """
    rows = incidents.to_pylist()
    evidence = [orjson.loads(row["evidence"]) for row in rows]
    engine.write("suspects", _suspects(rows, evidence, step_ns))
    sql = read_sql("informer.incidents", "suspects")
    by_incident: dict[str, list[Json]] = defaultdict(list)
    for call in engine.query(sql, most=SAMPLED_CALLS).to_pylist():
        by_incident[call["incident_id"]].append(call)
    shares = _usual_shares(usual)
    for row, found in zip(rows, evidence, strict=True):
        calls = by_incident[row["incident_id"]]
        lacking = [c for c in calls if c["lacking"]]
        # Calls that came are no examples of missing ones, but they may have something in common.
        telling = lacking if _is_missing(found) else calls
        found["examples"] = list(dict.fromkeys(c["trace_id"] for c in telling))[:EXAMPLES]
        calls = telling or calls
        rpc_id = calls[0]["rpc_id"] if calls else ""
        # Of an rpc never learned nothing is usual, so nothing deviates.
        found["attributes"] = _deviating(calls, shares[rpc_id]) if rpc_id in shares else []
    texts = [orjson.dumps(found).decode() for found in evidence]
    place = incidents.schema.get_field_index("evidence")
    return incidents.set_column(place, incidents.schema.field(place), pa.array(texts, pa.string()))


def _suspects(rows: list[Json], evidence: list[Json], step_ns: int) -> pa.Table:
    last_ns = [max(d["step_start_ns"] for d in e["detections"]) + step_ns for e in evidence]
    return pa.table(
        {
            "incident_id": pa.array([r["incident_id"] for r in rows], pa.string()),
            "rpc_id": pa.array([e["rpcs"][0]["rpc_id"] for e in evidence], pa.string()),
            "signal": pa.array([e["rpcs"][0]["signal"] for e in evidence], pa.string()),
            "pattern_id": pa.array([_guilty_pattern(e) for e in evidence], pa.string()),
            "missing": pa.array([_is_missing(e) for e in evidence], pa.bool_()),
            "usual_ms": pa.array([float(e["rpcs"][0]["expected"]) for e in evidence], pa.float64()),
            "from_ns": pa.array([r["opened_ns"] for r in rows], pa.int64()),
            "until_ns": pa.array(last_ns, pa.int64()),
        }
    )


def _is_missing(evidence: Json) -> bool:
    """Whether an incident is about calls that should be there and are not."""
    guilty = evidence["rpcs"][0]
    return guilty["signal"] in ("calls", "share") and guilty["observed"] < guilty["expected"]


def _guilty_pattern(evidence: Json) -> str:
    """The pattern in which the guilty rpc stands out most."""
    guilty = evidence["rpcs"][0]
    cell = (guilty["rpc_id"], guilty["signal"])
    own = [d for d in evidence["detections"] if (d["rpc_id"], d["signal"]) == cell]
    return str(max(own, key=lambda d: d["score"])["pattern_id"])


def _values(calls: Iterable[Json]) -> dict[str, Counter[str]]:
    """Calls by key and value; version and status count as attributes, each under one name."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for call in calls:
        attributes = dict(orjson.loads(call["attributes"] or "{}"))
        for name in ("version", "status_code"):
            if call[name] is not None:
                said = {name: str(call[name])}
                # `http.status_code`, `rpc.grpc.status_code` and alike say it a second time.
                own = {k: v for k, v in attributes.items() if _is_apart(k, v, name, said[name])}
                attributes = own | said
        for key, value in attributes.items():
            counted[key][str(value)] += 1
    return counted


def _is_apart(key: str, value: object, name: str, said: str) -> bool:
    return str(value) != said or not key.endswith(f".{name}")


def _usual_shares(usual: pa.Table) -> dict[str, dict[tuple[str, str], float]]:
    shares: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    for row in usual.to_pylist():
        shares[row["rpc_id"]][row["key"], row["value"]] = row["share"]
    return shares


def _deviating(calls: list[Json], usual: dict[tuple[str, str], float]) -> list[Json]:
    """Values that came up far more often than usual, the farthest first."""
    found: list[Json] = []
    for key, values in _values(calls).items():
        if len(values) > max(2, MOST_DISTINCT * len(calls)):
            continue
        for value, count in values.items():
            now, before = count / len(calls), usual.get((key, value), 0.0)
            if now >= LEAST_SHARE_NOW and now >= LEAST_LIFT * before:
                found.append({"key": key, "value": value, "share_now": now, "share_before": before})
    return sorted(found, key=lambda f: (f["share_before"] - f["share_now"], f["key"]))[:TOLD]
