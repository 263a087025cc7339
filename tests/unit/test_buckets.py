"""Buckets of latency by loops are those of the SQL, up to the longest duration there is."""

import numpy as np
import pyarrow as pa

from informer.engines.duckdb import DuckDBEngine
from informer.outlines.buckets import EDGES, bucket_in

SQL = """
select cast(floor(ln(greatest(duration_ns, 1000) / 1000.0) / ln(2) * 8) as integer) as bucket
from durations
"""
LONGEST = 2**48  # three days; beyond, a double does not tell one nanosecond from the next


def test_every_duration_is_in_the_bucket_of_the_sql() -> None:
    edges = np.floor(1000 * 2 ** (np.arange(300) / 8)).astype(np.int64)
    near = (edges[:, None] + np.arange(-3, 4)).ravel()
    anything = np.exp2(np.random.default_rng(1).uniform(0, 48, 200_000)).astype(np.int64)
    durations = np.concatenate([[-5, 0, 1], near[near <= LONGEST], anything])
    with DuckDBEngine(threads=1) as engine:
        engine.write("durations", pa.table({"duration_ns": durations}))
        expected = engine.query(SQL)["bucket"].to_numpy()
    assert [bucket_in(duration, EDGES) for duration in durations.tolist()] == expected.tolist()


def test_the_longest_duration_has_a_bucket() -> None:
    assert 0 < bucket_in(2**63 - 1, EDGES) < 512
