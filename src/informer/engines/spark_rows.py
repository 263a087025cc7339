"""Rows between Spark and Arrow, and Spark's errors as words for people."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Row
from pyspark.sql.types import StructType

from informer.core.errors import InformerError
from informer.engines.spark_luggage import Batches

BATCH_ROWS = 100_000
AT_ONCE = 2  # partitions that come here at a time
MENDABLE = {"TABLE_OR_VIEW_NOT_FOUND", "PATH_NOT_FOUND", "UNRESOLVED_COLUMN", "FAILED_READ_FILE"}


def carried_out(rows: DataFrame) -> DataFrame:
    """The rows, computed; where they came from is forgotten."""
    return rows.localCheckpoint(True, StorageLevel.MEMORY_AND_DISK)


def in_arrow(
    rows: DataFrame, change: Callable[[Iterable[pa.RecordBatch]], Batches], schema: StructType | str
) -> DataFrame:
    """The rows changed by Python on the executors."""
    with warnings.catch_warnings():  # of pandas, which has no part in it
        warnings.simplefilter("ignore", FutureWarning)
        return rows.mapInArrow(change, schema)


def brought_here(rows: DataFrame) -> Iterator[Row]:
    """The rows, a few partitions after the other, in order.

    Not by `toLocalIterator`: the driver holds on to all that came by it (Spark 4.3), and is full
    after half a gigabyte.
    """
    there = rows.rdd
    parts = range(there.getNumPartitions())
    for first in parts[::AT_ONCE]:
        yield from there.context.runJob(there, iter, list(parts[first : first + AT_ONCE]))


def streamed(rows: DataFrame) -> pa.RecordBatchReader:
    """The rows here, a batch at a time, from one partition after the other."""
    schema = rows.limit(0).toArrow().schema
    packed = in_arrow(rows, _packed, "packed binary")

    def batches() -> Batches:
        with told_plainly():
            for row in brought_here(packed):
                for batch in pa.ipc.open_stream(row[0]):
                    for start in range(0, batch.num_rows, BATCH_ROWS):
                        yield batch.slice(start, BATCH_ROWS)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _packed(batches: Iterable[pa.RecordBatch]) -> Batches:
    for batch in batches:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        yield pa.RecordBatch.from_pydict({"packed": [sink.getvalue().to_pybytes()]})


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turn what the user can mend (a name, a file, a master) into one clear line."""
    try:
        yield
    except PySparkException as error:
        condition = (error.getCondition() or "").partition(".")[0]
        if condition == "JAVA_GATEWAY_EXITED":
            raise InformerError("Spark cannot start: it needs Java 17 or later") from error
        if condition in MENDABLE:
            raise InformerError(f"Spark: {str(error).splitlines()[0]}") from error
        raise
