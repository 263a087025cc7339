"""The engines, each opened small enough for tests. One that is not installed skips, not in CI."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from clickhouse_server import PASSWORD, served
from informer.core.ports import Engine

ENGINES = ("duckdb", "spark", "clickhouse")
NEEDS = {"spark": "pyspark", "clickhouse": "chdb", "clickhouse over http": "chdb"}


def needed(name: str) -> None:
    """Skip where the engine is not installed; in CI that is a failure."""
    if name in NEEDS and os.environ.get("CI") != "true":
        pytest.importorskip(NEEDS[name], reason=f"{NEEDS[name]} is not installed")
    if name == "spark" and os.environ.get("CI") != "true" and shutil.which("java") is None:
        pytest.skip("Java is not installed")


@contextmanager
def opened(name: str) -> Iterator[Engine]:
    """An engine with no tables in it, on two cores of this machine."""
    needed(name)
    if name == "duckdb":
        from informer.engines.duckdb import DuckDBEngine

        with DuckDBEngine(threads=2) as engine:
            yield engine
    elif name == "spark":
        from informer.engines.spark import SparkEngine

        with SparkEngine("local[2]") as spark:
            yield spark
    elif name == "clickhouse over http":
        from informer.engines.clickhouse import ClickHouseEngine
        from informer.engines.clickhouse_http import ClickHouseOverHttp

        with served() as url, ClickHouseEngine(ClickHouseOverHttp(url, PASSWORD)) as remote:
            yield remote
    else:
        from informer.engines.clickhouse import ClickHouseEngine
        from informer.engines.clickhouse_embedded import EmbeddedClickHouse

        with ClickHouseEngine(EmbeddedClickHouse()) as clickhouse:
            yield clickhouse
