"""The counting part of phase 1 in Polars, pandas and PySpark: each gives traces and counts.

Every line is joined to its parent; both their names make a link; the sum of its links' hashes is
what a trace looks like; lines are counted by that, the step in which the trace began, link and
bucket of latency. The hashes are the tool's own. What phase 1 does beyond is left out: templates of
methods, sayings out of attributes, failures, weights and versions, ids that come twice, traces kept
whole, chains, shapes, patterns and traffic, bounded memory, going on after a stop.
"""

import json
import sys
import time
from pathlib import Path

STEP_NS = 60 * 10**9
LINE = ["trace_id", "span_id", "parent_span_id", "start_ns", "duration_ns"]
NAMES = ["service", "operation", "kind", "peer"]
UP = [f"up_{name}" for name in NAMES]


def polars_counts(path: Path, most: int) -> tuple[int, int]:
    """Polars, with its streaming engine."""
    import polars as pl

    lines = pl.scan_parquet(path).select(LINE + NAMES).head(most)
    parents = lines.select("trace_id", pl.col("span_id").alias("parent_span_id"), *_renamed(pl))
    scaled = pl.col("duration_ns").clip(1000) / 1000
    linked = lines.join(parents, on=["trace_id", "parent_span_id"], how="left").select(
        "trace_id",
        "start_ns",
        pl.struct(NAMES + UP).hash().alias("link"),
        (scaled.log(2) * 8).floor().cast(pl.Int32).alias("bucket"),
    )
    linked = linked.collect(engine="streaming").lazy()  # it is wanted twice
    traces = linked.group_by("trace_id").agg(
        (pl.col("link") // 2**24).sum().alias("form"),
        (pl.col("start_ns").min() // STEP_NS).alias("step"),
    )
    cells = linked.join(traces, on="trace_id").group_by("form", "step", "link", "bucket").len()
    found = pl.collect_all([traces.select(pl.len()), cells.select(pl.len())], engine="streaming")
    return found[0].item(), found[1].item()


def _renamed(pl: object) -> list[object]:
    return [pl.col(n).alias(u) for n, u in zip(NAMES, UP, strict=True)]  # type: ignore[attr-defined]


def pandas_counts(path: Path, most: int) -> tuple[int, int]:
    """pandas, all in memory."""
    import numpy as np
    import pandas as pd
    import pyarrow.parquet as pq

    batches = pq.ParquetFile(path).iter_batches(most, columns=LINE + NAMES)
    lines = next(batches).to_pandas()
    renamed = dict(zip(NAMES, UP, strict=True)) | {"span_id": "parent_span_id"}
    parents = lines[["trace_id", "span_id", *NAMES]].rename(columns=renamed)
    linked = lines.merge(parents, on=["trace_id", "parent_span_id"], how="left")
    linked["link"] = pd.util.hash_pandas_object(linked[NAMES + UP], index=False) // 2**24
    scaled = np.log2(linked["duration_ns"].clip(lower=1000) / 1000) * 8
    linked["bucket"] = np.floor(scaled).astype("int32")
    traces = linked.groupby("trace_id").agg(form=("link", "sum"), start_ns=("start_ns", "min"))
    traces["step"] = traces.pop("start_ns") // STEP_NS
    placed = linked[["trace_id", "link", "bucket"]].merge(traces, on="trace_id")
    cells = placed.groupby(["form", "step", "link", "bucket"]).size()
    return len(traces), len(cells)


def spark_counts(path: Path, most: int) -> tuple[int, int]:
    """PySpark on two cores of this machine; all of the file is read."""
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as f

    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "8g")
        .config("spark.sql.shuffle.partitions", "16")
        .config("spark.ui.enabled", "false")
        .config("spark.log.level", "ERROR")
        .getOrCreate()
    )
    try:
        lines = spark.read.parquet(str(path)).select(*LINE, *NAMES)
        up = [f.col(n).alias(u) for n, u in zip(NAMES, UP, strict=True)]
        parents = lines.select("trace_id", f.col("span_id").alias("parent_span_id"), *up)
        linked = lines.join(parents, ["trace_id", "parent_span_id"], "left").select(
            "trace_id",
            "start_ns",
            f.shiftright(f.xxhash64(*NAMES, *UP), 24).alias("link"),
            f.floor(f.log2(f.greatest("duration_ns", f.lit(1000)) / 1000) * 8).alias("bucket"),
        )
        traces = linked.groupBy("trace_id").agg(
            f.sum("link").alias("form"), f.floor(f.min("start_ns") / STEP_NS).alias("step")
        )
        cells = linked.join(traces, "trace_id").groupBy("form", "step", "link", "bucket").count()
        return traces.count(), cells.count()
    finally:
        spark.stop()


PEERS = {"polars": polars_counts, "pandas": pandas_counts, "pyspark": spark_counts}


def main() -> None:
    """Run one peer in an interpreter of its own: NAME PATH LINES; prints JSON."""
    name, path, most = sys.argv[1:]
    started = time.perf_counter()
    traces, cells = PEERS[name](Path(path), int(most))
    seconds = time.perf_counter() - started
    print(json.dumps({"traces": traces, "counts": cells, "seconds": seconds}))


if __name__ == "__main__":
    main()
