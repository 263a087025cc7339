"""From the tables `spans` and `methods` to calls, rpcs, chains and shapes."""

from dataclasses import dataclass
from typing import TypeAlias

import pyarrow as pa

from informer.chains.climb import climb, count_cycles, measure_depths
from informer.chains.rpcs import mint_rpcs
from informer.chains.shapes import shapes_of
from informer.core.ports import Engine
from informer.core.sql import read_sql
from informer.core.tables import RPCS, TEXT

Pairs: TypeAlias = tuple[tuple[str, str], ...]  # (service, method)
ENTRIES = pa.schema([("service", TEXT), ("method", TEXT)])

SCAFFOLD = (
    *("repeated_ids", "twin_spans", "shared_parents", "linked_spans", "uphill_links"),
    *("remote_heads", "remote_entries", "rehung_spans", "named_calls", "headless_traces"),
    *("silent_spans", "call_parents", "signatures", "signature_examples", "call_depths"),
    *("form_rpcs", "form_edges"),
)
VIEWS = ("climbed_traces", "cut_spans", "acyclic_spans", "distinct_spans")


@dataclass(frozen=True, slots=True)
class Chains:
    """What was found: numbers of rows, for people and for the verdict on the data."""

    spans: int
    duplicates: int  # rows left out because a span came more than once
    traces: int
    roots: int
    orphans: int
    cycles: int  # spans whose parents lead back to them; they are orphans or roots too
    calls: int
    rpcs: int
    chains: int
    partial_chains: int
    signatures: int
    shapes: int
    remote_entries: Pairs  # called from where nobody exports spans; sorted


def build_chains(
    engine: Engine, *, key: bytes, remote_entries: Pairs | None = None, parents: bool = False
) -> Chains:
    """Make `calls`, `rpcs`, `trace_signatures`, `chains`, `signature_shapes` and `shapes`.

    Reads `spans`, `methods` (service, operation, method; what is missing keeps its operation) and,
    when it is there, the `rpcs` known from before. `key`, at most 64 bytes, makes the codes of the
    rpcs secret to a workspace. Any order of the spans gives equal tables.

    A trace in `counts_as` (when it is there) counts for as many chains as that says.

    Without `remote_entries` they are learned from the spans. To those given only new methods of
    their services come: a range with many lost spans must not make entries of what lies behind.

    With `parents` the table `call_parents`, of all chains, stays.
    """
    _make(engine, "counts_as")
    for table in ("repeated_ids", "twin_spans", "distinct_spans", "shared_parents", "linked_spans"):
        _make(engine, table)
    cycles = count_cycles(engine)
    for table in ("acyclic_spans", "remote_heads"):
        _make(engine, table)
    engine.append("rpcs", RPCS.empty())
    if remote_entries is None:
        _make(engine, "remote_entries")
    else:
        rows = [{"service": service, "method": method} for service, method in remote_entries]
        engine.write("remote_entries", pa.Table.from_pylist(rows, schema=ENTRIES))
        _make(engine, "new_entries")
    _make(engine, "cut_spans")
    _make(engine, "rehung_spans")
    _make(engine, "named_calls")
    rpcs = mint_rpcs(engine, key)
    engine.write("rpcs", rpcs)
    _make(engine, "calls")
    _make(engine, "headless_traces")
    climb(engine, "headless_traces")
    for table in ("trace_signatures", "signatures", "signature_examples"):
        _make(engine, table)
    climb(engine, "signatures")
    measure_depths(engine)
    _make(engine, "form_rpcs")
    _make(engine, "form_edges")
    shapes, signature_shapes = shapes_of(engine)
    engine.write("shapes", shapes)
    engine.write("signature_shapes", signature_shapes)
    _make(engine, "chains")
    entries = engine.query("select service, method from remote_entries order by 1, 2").to_pylist()
    found = Chains(
        cycles=cycles,
        remote_entries=tuple((entry["service"], entry["method"]) for entry in entries),
        **_counts(engine),
    )
    if parents:
        climb(engine, "trace_signatures")
    for view in VIEWS:
        engine.run(f"drop view {view}")
    for table in SCAFFOLD:
        if not (parents and table == "call_parents"):
            engine.run(f"drop table {table}")
    return found


def _make(engine: Engine, table: str) -> None:
    engine.run(read_sql("informer.chains", table))


def _counts(engine: Engine) -> dict[str, int]:
    row = engine.query(read_sql("informer.chains", "counts")).to_pylist()[0]
    counts = {name: int(value or 0) for name, value in row.items()}
    return counts | {"duplicates": counts["spans"] - counts.pop("distinct_spans")}
