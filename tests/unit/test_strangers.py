"""Names that were never met: a bounded number of them is looked after."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from informer.core.tables import RPCS, SPANS
from informer.detections.novelty import Novel
from informer.engines.duckdb import DuckDBEngine
from informer.pipeline.strangers import (
    MOST_AT_ONCE,
    MOST_NEWS,
    MOST_RPCS,
    MOST_VERSIONS,
    OTHER,
    most_met,
    share_methods,
    share_names,
)


@pytest.fixture
def scratch() -> Iterator[DuckDBEngine]:
    with DuckDBEngine(threads=1) as engine:
        engine.write("rpcs", RPCS.empty())
        engine.run("insert into rpcs by name select 'outside' as caller, 'shop' as callee")
        engine.write("spans", SPANS.empty())
        yield engine


def add(engine: DuckDBEngine, **columns: list[str | None]) -> None:
    engine.append("spans", pa.table(columns))


def distinct(engine: DuckDBEngine, column: str) -> int:
    found = engine.query(f"select count(distinct {column}) as n from spans")
    return int(found["n"][0].as_py())


def test_a_few_new_names_keep_them(scratch: DuckDBEngine) -> None:
    add(scratch, service=["shop", "new"], peer=["newer", None], version=["1", "2"])
    assert share_names(scratch) == 0
    names = scratch.query("select service, peer, version from spans order by service desc")
    assert names.to_pylist() == [
        {"service": "shop", "peer": "newer", "version": "1"},
        {"service": "new", "peer": None, "version": "2"},
    ]


def test_of_a_million_new_names_the_busiest_are_looked_after(scratch: DuckDBEngine) -> None:
    scratch.run(
        "insert into spans by name select 's' || i as service, 'p' || i as peer from range(500_000)"
        " as r(i); insert into spans by name select 'busy' as service from range(5);"
        "insert into spans by name select 'shop' as service"
    )
    assert share_names(scratch) == 1_000_001 - 2 * MOST_AT_ONCE
    found = scratch.query("select distinct service from spans")["service"].to_pylist()
    assert {"busy", "shop", OTHER} <= set(found)
    assert distinct(scratch, "service") + distinct(scratch, "peer") == 2 * MOST_AT_ONCE + 3


def test_a_workspace_that_is_full_of_names_takes_no_more(scratch: DuckDBEngine) -> None:
    scratch.run(
        "insert into rpcs by name select 'shop' as caller, 's' || i as callee, 'get' as method "
        f"from range({MOST_RPCS}) as r(i)"
    )
    add(scratch, service=["s7", "stranger"])
    assert share_names(scratch) == 1
    found = scratch.query("select distinct service from spans order by 1")["service"]
    assert found.to_pylist() == ["s7", OTHER]
    scratch.write("methods", pa.table({"service": ["s7", "s7"], "method": ["get", "new"]}))
    share_methods(scratch)
    assert scratch.query("select method from methods")["method"].to_pylist() == ["get", OTHER]


def test_versions_beyond_what_anybody_deploys_are_unknown(scratch: DuckDBEngine) -> None:
    versions: list[str | None] = [f"v{i}" for i in range(1_000)]
    add(scratch, service=["shop"] * 1_010, version=versions + ["usual"] * 10)
    services: list[str | None] = [f"s{i}" for i in range(50)]
    add(scratch, service=services, version=[f"of {s}" for s in services])
    assert share_names(scratch) == 1_001 - MOST_VERSIONS
    assert distinct(scratch, "version") == MOST_VERSIONS + 50
    assert scratch.query("from spans where version = 'usual'").num_rows == 10


def test_news_that_were_met_most_stay_in_view() -> None:
    news = [
        Novel("edge", f"n{i}", "p", f"r{i}", np.ones(2), np.full(2, float(i)))
        for i in range(MOST_NEWS + 10)
    ]
    kept = most_met(news)
    assert len(kept) == MOST_NEWS
    assert kept[0].name == "n10"
    assert most_met(news[:5]) == news[:5]
