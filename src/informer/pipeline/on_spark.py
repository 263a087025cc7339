"""Reading on Spark: lines become spans and outlines where they lie, sums come home."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from informer.core.batches import together
from informer.core.ports import Engine
from informer.core.sql import read_sql
from informer.core.tables import SPANS
from informer.engines.duckdb import DuckDBEngine
from informer.outlines.fold import begin, fold, salt_of
from informer.pipeline.stored import range_of
from informer.spans.received import FATE
from informer.spans.stored import TOLD, StoredSource, Telling, told
from informer.spans.templates import Templates

if TYPE_CHECKING:
    from informer.engines.spark import SparkEngine

ROWS_AT_A_TIME = 200_000  # that an executor makes spans of
OPERATIONS = "select service, operation, count(*) as calls from slice_spans group by all"
HOME = ("links", "outlines", "outline_steps", "outline_calls", "kept_traces", "kept_spans")


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
    for number, source in enumerate(sources):
        telling = source.telling(home)
        change = partial(_changed, telling)
        spark.change("told_spans", source.place, range_of(source.bounds(telling)), change, TOLD)
        source.tally.add(spark.query(FATE).to_pylist())
        spark.run(f"alter table told_spans rename to told_{number}")
    columns = ", ".join(SPANS.names)
    parts = (f"select {columns} from told_{n} where reason is null" for n in range(len(sources)))
    spark.run(f"create or replace view slice_spans as {' union all '.join(parts)}")
    operations = spark.query(OPERATIONS)
    templates.learn(operations)
    spark.write("methods", templates.mapping(operations))
    begin(spark)
    if operations.num_rows:
        fold(spark, key=key, step_s=step_s)
    return operations


def bring_home(spark: "SparkEngine", home: Engine, operations: pa.Table, *, key: bytes) -> int:
    """Add what was folded to the tables of `begin` at home, as if it had been folded there.

    Gives how many spans there were.
    """
    home.append("operations", operations)
    for table in HOME:
        home.append(table, spark.stream(f"select * from {table}"))
    salt = salt_of(key)
    lines = spark.stream(read_sql("informer.outlines", "named_lines"), salt=salt)
    home.append("named_lines", lines, passing=True)
    home.run(read_sql("informer.outlines", "lines_home"), salt=salt)
    home.run("drop table named_lines")
    return int(pc.sum(operations["calls"]).as_py() or 0)


def _changed(
    telling: Telling, partition: int, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Rows of a partition as spans; runs on an executor."""
    with DuckDBEngine(threads=1) as engine:
        for number, rows in zip(count(), together(batches, ROWS_AT_A_TIME)):
            yield from told(engine, telling, rows, f"{partition}-{number}").to_batches()
