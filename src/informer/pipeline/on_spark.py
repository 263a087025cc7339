"""Reading on Spark: lines go to where the rest of their traces is, sums of them come home."""

import hashlib
from collections.abc import Iterator, Sequence
from functools import partial
from math import ceil
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from informer.core.ports import Engine
from informer.outlines.parts import COUNTS, FORMS, KEPT, Parts
from informer.pipeline.on_executors import FATES, LINES, PARCELS, SAID, fold, give, tell
from informer.pipeline.stored import range_of
from informer.spans.parcels import MOST_PARTS, coded, parcel_of, table_of
from informer.spans.stored import StoredSource
from informer.spans.templates import Templates

if TYPE_CHECKING:
    from informer.engines.spark import SparkEngine

PIECE_ROWS, PIECE_BYTES = 500_000, 256 << 20  # that an executor tells at a time
PART_ROWS, PART_BYTES = 1_000_000, 512 << 20  # that an executor folds at a time, about
EVERYWHERE = (None, None, None)  # bounds of all rows


def fold_on_spark(
    spark: "SparkEngine",
    home: Engine,
    sources: Sequence[StoredSource],
    templates: Templates,
    *,
    key: bytes,
    step_s: int,
) -> pa.Table:
    """Fold all spans of the sources on the cluster, with methods that the templates learn of them.

    `home` looks at samples. Gives the operations: service, operation and calls.
    """
    there = _key_there(key)
    tellings = [source.telling(home) for source in sources]
    bounds = [range_of(telling.bounds()) for telling in tellings]
    rows = [spark.count(s.place, b) for s, b in zip(sources, bounds, strict=True)]
    size = sum(n * source.row_bytes for n, source in zip(rows, sources, strict=True))
    wanted = max(spark.cores, ceil(sum(rows) / PART_ROWS), ceil(size / PART_BYTES))
    parts = min(wanted, MOST_PARTS)
    told, said = [], []
    for number, (source, telling) in enumerate(zip(sources, tellings, strict=True)):
        told.append(f"told_{number}")
        most = min(PIECE_ROWS, ceil(PIECE_BYTES / max(1, source.row_bytes)))
        change = partial(tell, telling, there, parts, most)
        spark.change(told[-1], source.place, bounds[number], change, PARCELS)
        for holds, _, table in _held(spark, told[-1], SAID, FATES):
            if holds == SAID:
                said.append(table)
            else:
                source.tally.add(table.to_pylist())
        source.tally.say_what_was_mended()
    all_said = coded(home, said)
    operations = _operations(all_said)
    templates.learn(operations)
    methods = templates.mapping(operations)
    all_said = all_said.join(methods, ["service", "operation"]).sort_by("code").combine_chunks()
    _view(spark, "parcels", told, LINES)
    change = partial(fold, parcel_of(all_said.drop_columns("lines")), there, step_s)
    spark.gather("folded", "parcels", parts, change, PARCELS)
    spark.run("; ".join(f"drop table {table}" for table in told))
    return operations


def bring_home(spark: "SparkEngine", home: Engine, operations: pa.Table, *, key: bytes) -> int:
    """Add what was folded to the tables of `begin` at home, as if it had been folded there.

    Gives how many spans there were.
    """
    home.append("operations", operations)
    lines = int(pc.sum(operations["calls"]).as_py() or 0)
    if not lines:
        return 0
    parts = Parts(home, key)
    for table, part, rows in _held(spark, "folded", *FORMS):
        parts.meet(table, part, rows)
    chosen = parts.join()
    for _, part, counts in _held(spark, "folded", COUNTS):
        parts.count(part, counts)
    _view(spark, "offered", ["folded"], *KEPT)
    change = partial(give, chosen.tobytes())
    spark.change("given", "offered", EVERYWHERE, change, PARCELS)
    for table, part, rows in _held(spark, "given", *KEPT):
        parts.meet(table, part, rows)
    parts.keep()
    return lines


def _operations(said: pa.Table) -> pa.Table:
    calls = said.group_by(["service", "operation"]).aggregate([("lines", "sum")])
    return calls.rename_columns(["service", "operation", "calls"])


def _view(spark: "SparkEngine", name: str, tables: Sequence[str], *holds: str) -> None:
    each = (f"select * from {table} where {_are(holds)}" for table in tables)
    spark.run(f"create or replace view {name} as {' union all '.join(each)}")


def _held(spark: "SparkEngine", table: str, *holds: str) -> Iterator[tuple[str, int, pa.Table]]:
    """What a table of PARCELS holds of some kinds: the kind, the part, and the table."""
    for kind, part, parcel in spark.rows(
        f"select holds, part, packed from {table} where {_are(holds)}"
    ):
        yield kind, part, table_of(bytes(parcel))


def _are(holds: Sequence[str]) -> str:
    return f"holds in ({', '.join(repr(kind) for kind in holds)})"


def _key_there(key: bytes) -> bytes:
    """The key that executors have: that of the workspace does not leave this machine."""
    return hashlib.blake2b(b"executors", digest_size=32, key=key).digest()
