"""Spark as the engine: tables in the executors' memory and disk, gone with the session."""

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self, TypeAlias

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import col
from pyspark.sql.pandas.types import from_arrow_schema

from informer.core.batches import together
from informer.engines.dialects import Statement, statements
from informer.engines.spark_luggage import PACKED, Batches, Change, pack_up, unpacking
from informer.engines.spark_rows import brought_here, carried_out, in_arrow, streamed, told_plainly

PIECE_ROWS = 1_000_000  # of a reader that go to the cluster at a time
SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    # Java holds on to all that it writes to a disk or reads from it, until it is told to forget:
    # else after a hundred batches of parcels, half a gigabyte.
    "spark.serializer.objectStreamReset": "1",
    # What is known of a table's values trips over a table that is joined to itself (Spark 4.3:
    # `key not found` in LogicalRDD).
    "spark.sql.constraintPropagation.enabled": "false",
}
# One process: nobody looks at its page, and hundreds of small tasks would only cost time.
LOCAL_SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.sql.shuffle.partitions": str(2 * (os.cpu_count() or 1)),
}

Bounds: TypeAlias = tuple[str | None, int | None, int | None]  # a column, at least, below


class SparkEngine:
    """A session on a Spark master such as `spark://host:7077`, else as Spark is set up here.

    Tables are temporary views; what makes a table is carried out at once, so that a later look at
    it costs nothing and plans stay short.
    """

    def __init__(self, master: str | None = None, **settings: str) -> None:
        # Workers on this machine must be of this Python.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        logging.getLogger("SQLQueryContextLogger").setLevel(
            logging.CRITICAL
        )  # we tell it ourselves
        builder = SparkSession.builder.appName("informer")
        if master is not None:
            builder = builder.master(master)
        is_local = master is not None and master.startswith("local")
        for name, value in {**SETTINGS, **(LOCAL_SETTINGS if is_local else {}), **settings}.items():
            builder = builder.config(name, value)
        with told_plainly():
            self._spark = builder.getOrCreate()
        self._packed = TemporaryDirectory(prefix="informer-")  # executors fetch it when they start
        packed = Path(self._packed.name, PACKED)
        self._version = pack_up(packed)
        self._spark.sparkContext.addPyFile(str(packed))
        self._tables: dict[str, DataFrame] = {}
        self._views: set[str] = set()

    def run(self, sql: str, /, **values: Any) -> None:
        """Run one or more statements; `$name` takes the value `name`."""
        with told_plainly():
            for statement in statements(sql, "spark"):
                self._do(statement, values)

    def query(self, sql: str, /, **values: Any) -> pa.Table:
        """The rows of one statement."""
        with told_plainly():
            return self._selected(sql, values).toArrow()

    def stream(self, sql: str, /, **values: Any) -> pa.RecordBatchReader:
        """The rows of one statement, a batch at a time, from one partition after the other."""
        with told_plainly():
            return streamed(self._selected(sql, values))

    def write(self, table: str, rows: pa.Table | pa.RecordBatchReader) -> None:
        """Replace a table by these rows."""
        with told_plainly():
            self._keep(table, self._taken(rows))

    def append(
        self, table: str, rows: pa.Table | pa.RecordBatchReader, *, passing: bool = False
    ) -> None:
        """Add rows to a table, made when absent; here every table passes."""
        with told_plainly():
            new = self._taken(rows)
            known = self._tables.get(table)
            self._keep(
                table, new if known is None else known.unionByName(new.select(known.columns))
            )

    def open(self, view: str, location: Sequence[str] | str) -> None:
        """Name the Parquet files of some paths, or a table of Spark's catalog; nothing is read."""
        with told_plainly():
            if isinstance(location, str):
                rows = self._spark.table(location)
            else:
                rows = self._spark.read.parquet(*location)
            rows.createOrReplaceTempView(f"`{view}`")

    def sample(self, view: str, rows: int) -> pa.Table:
        """Some of the first rows, in Arrow's types; times without a zone are UTC."""
        with told_plainly():
            return self._spark.table(view).limit(rows).toArrow()

    def sliced(
        self, view: str, column: str | None, low: int | None, high: int | None
    ) -> pa.RecordBatchReader:
        """The rows whose column is at least the one and below the other bound."""
        with told_plainly():
            return streamed(self._within(view, column, low, high))

    @property
    def cores(self) -> int:
        """How many tasks run at the same time."""
        return int(self._spark.sparkContext.defaultParallelism)

    def count(self, view: str, bounds: Bounds) -> int:
        """How many rows `sliced` has."""
        with told_plainly():
            return self._within(view, *bounds).count()

    def change(
        self, table: str, view: str, bounds: Bounds, change: Change, schema: pa.Schema
    ) -> None:
        """Make a table of the rows of `sliced`, changed by Python on the executors.

        `change` takes the number of a partition and its rows.
        """
        with told_plainly():
            self._change(table, self._within(view, *bounds), change, schema)

    def gather(self, table: str, view: str, parts: int, change: Change, schema: pa.Schema) -> None:
        """Make a table of the rows of a view, all those of a `part` together, changed as above."""
        with told_plainly():
            rows = self._spark.table(view).repartitionById(parts, "part")
            self._change(table, rows, change, schema)

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """The rows of one statement, which are few and large, a partition after the other."""
        with told_plainly():
            yield from brought_here(self._selected(sql, {}))

    def each(self, tasks: Sequence[bytes], do: Callable[[bytes], bytes]) -> list[bytes]:
        """What `do` makes of every task, one at a time on each executor core; in any order."""

        def done(batches: Iterable[pa.RecordBatch]) -> Batches:
            for batch in batches:
                for task in batch.column(0):
                    yield pa.RecordBatch.from_pydict({"done": pa.array([do(task.as_py())])})

        with told_plainly():
            listed = self._spark.sparkContext.parallelize([(t,) for t in tasks], len(tasks))
            frame = self._spark.createDataFrame(listed, "task binary")
            return [bytes(row[0]) for row in in_arrow(frame, done, "done binary").collect()]

    def close(self) -> None:
        """Let the cluster go."""
        self._spark.stop()
        self._packed.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _within(
        self, view: str, column: str | None, low: int | None, high: int | None
    ) -> DataFrame:
        rows = self._spark.table(view)
        if low is not None:
            rows = rows.where(col(f"`{column}`") >= low)
        return rows if high is None else rows.where(col(f"`{column}`") < high)

    def _change(self, table: str, rows: DataFrame, change: Change, schema: pa.Schema) -> None:
        there = unpacking(self._version, change)
        changed = in_arrow(rows, there, from_arrow_schema(schema))
        changed.persist(StorageLevel.DISK_ONLY)  # what a lost worker had can be made again
        changed.count()
        self._keep(table, changed)

    def _do(self, statement: Statement, values: dict[str, Any]) -> None:
        table = statement.table
        match statement.does:
            case "select":
                self._rows(statement, values).toArrow()
            case "table" if statement.absent_only and table in self._tables:
                return
            case "table" if statement.columns:
                schema = pa.schema(statement.columns)
                self._keep(table, self._taken(schema.empty_table()))
            case "table" | "keep":
                self._keep(table, carried_out(self._rows(statement, values)))
            case "view":
                self._spark.sql(f"create or replace temp view `{table}` as {statement.select}")
                self._views.add(table)
            case "insert":
                self._insert(table, self._rows(statement, values))
            case "drop":
                self._spark.catalog.dropTempView(table)
                if table in self._tables:
                    self._tables.pop(table).unpersist()
                self._views.discard(table)
            case "rename":
                self._keep(statement.new_name, self._tables.pop(table))
                self._spark.catalog.dropTempView(table)

    def _insert(self, table: str, rows: DataFrame) -> None:
        """Add rows by the places of their columns."""
        known = self._tables[table]
        placed = rows.toDF(*known.columns)
        cast = placed.select(*(col(f"`{f.name}`").cast(f.dataType) for f in known.schema))
        self._keep(table, known.union(carried_out(cast)))

    def _keep(self, table: str, rows: DataFrame) -> None:
        rows.createOrReplaceTempView(f"`{table}`")
        self._tables[table] = rows

    def _selected(self, sql: str, values: dict[str, Any]) -> DataFrame:
        (statement,) = statements(sql, "spark")
        if statement.does != "select":
            raise ValueError(f"only a SELECT gives rows, got {sql}")
        return self._rows(statement, values)

    def _rows(self, statement: Statement, values: dict[str, Any]) -> DataFrame:
        used = {name: values[name] for name in statement.values}
        return self._spark.sql(statement.select, args=used or None)

    def _taken(self, rows: pa.Table | pa.RecordBatchReader) -> DataFrame:
        """Rows of ours as rows of the cluster; all of them, or an error."""
        if isinstance(rows, pa.Table):
            return self._spark.createDataFrame(rows)
        parts = [self._spark.createDataFrame(piece) for piece in together(rows, PIECE_ROWS)]
        whole = parts[0] if parts else self._spark.createDataFrame(rows.schema.empty_table())
        for part in parts[1:]:
            whole = whole.union(part)
        return whole
