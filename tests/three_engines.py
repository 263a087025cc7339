"""The engines, each opened small enough for tests. One that is not installed skips, not in CI."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from informer.core.ports import Engine

ENGINES = ("duckdb", "spark", "clickhouse")
NEEDS = {"spark": "pyspark", "clickhouse": "chdb"}


@contextmanager
def opened(name: str) -> Iterator[Engine]:
    """An engine with no tables in it, on two cores of this machine."""
    if name in NEEDS and os.environ.get("CI") != "true":
        pytest.importorskip(NEEDS[name], reason=f"{NEEDS[name]} is not installed")
    if name == "duckdb":
        from informer.engines.duckdb import DuckDBEngine

        with DuckDBEngine(threads=2) as engine:
            yield engine
    elif name == "spark":
        from informer.engines.spark import SparkEngine

        with SparkEngine("local[2]") as spark:
            yield spark
    else:
        from informer.engines.clickhouse import ClickHouseEngine
        from informer.engines.clickhouse_embedded import EmbeddedClickHouse

        with ClickHouseEngine(EmbeddedClickHouse()) as clickhouse:
            yield clickhouse
