"""Sources that lie where another engine is: its tables, and files that it reads."""

import atexit
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from informer.core.batches import together
from informer.core.errors import InformerError
from informer.spans.received import Selection
from informer.spans.stored import OTEL_TRACES, Bounds, StoredSource

if TYPE_CHECKING:
    from informer.engines.clickhouse import ClickHouseEngine, Server
    from informer.engines.spark import SparkEngine

TABLE = "table:"
SAMPLE_ROWS = 10_000
PASSWORD = "INFORMER_CLICKHOUSE_PASSWORD"  # of the user in the setting; settings hold no secrets


@cache
def spark_at(url: str) -> "SparkEngine":
    """The Spark session of a setting such as `spark://host:7077`; it lasts as long as we do.

    Errors: InformerError when Spark is not installed or cannot be reached.
    """
    try:
        from informer.engines.spark import SparkEngine
    except ImportError as error:
        raise InformerError(_missing("spark", error)) from error
    master = url if url.startswith("spark://") else url.partition(":")[2] or None
    engine = SparkEngine(master)
    atexit.register(engine.close)
    return engine


@cache
def clickhouse_at(url: str) -> "ClickHouseEngine":
    """The ClickHouse of a setting such as `clickhouse://host:8123`; it lasts as long as we do.

    Errors: InformerError when it cannot be reached.
    """
    try:
        from informer.engines.clickhouse import ClickHouseEngine
    except ImportError as error:
        raise InformerError(_missing("clickhouse", error)) from error
    engine = ClickHouseEngine(_server(url))
    atexit.register(engine.close)
    return engine


def stored_sources(
    locations: Sequence[str],
    url: str,
    selection: Selection,
    columns: Mapping[str, str] | None = None,
) -> list[StoredSource]:
    """The locations as sources of the engine at `url`.

    Spark reads `table:NAME` and whatever Parquet it finds at a path; ClickHouse reads `table:NAME`.
    Errors: InformerError for a location that the engine cannot read.
    """
    opened = _in_spark if url.startswith("spark") else _in_clickhouse
    return opened(locations, url, selection, columns)


def _in_spark(
    locations: Sequence[str],
    url: str,
    selection: Selection,
    columns: Mapping[str, str] | None,
) -> list[StoredSource]:
    spark = spark_at(url)
    paths = [location for location in locations if not location.startswith(TABLE)]
    places: dict[str, str | list[str]] = {
        location: location.removeprefix(TABLE)
        for location in locations
        if location.startswith(TABLE)
    }
    if paths:
        places[", ".join(paths)] = paths
    sources = []
    for name, location in places.items():
        place = f"stored_{blake2b(name.encode(), digest_size=6).hexdigest()}"
        spark.open(place, location)

        def pieces(
            most: int, bounds: Bounds | None, place: str = place
        ) -> Iterator[pa.RecordBatchReader]:
            for rows in together(spark.sliced(place, *range_of(bounds)), most):
                yield rows.to_reader()

        sample = spark.sample(place, SAMPLE_ROWS)
        sources.append(StoredSource(name, place, sample, pieces, selection, columns))
    return sources


def _in_clickhouse(
    locations: Sequence[str],
    url: str,
    selection: Selection,
    columns: Mapping[str, str] | None,
) -> list[StoredSource]:
    clickhouse = clickhouse_at(url)
    from informer.engines.clickhouse_rows import Rows

    sources = []
    for location in locations:
        if not location.startswith(TABLE):
            raise InformerError(
                f"SOURCE must be table:DATABASE.TABLE where the engine is {url}, got {location}"
            )
        table = location.removeprefix(TABLE)
        rows = Rows(clickhouse, table, OTEL_TRACES)

        def pieces(
            most: int, bounds: Bounds | None, rows: "Rows" = rows
        ) -> Iterator[pa.RecordBatchReader]:
            if bounds is None:
                return iter((rows.whole(),))
            return rows.pieces(most, bounds.column, bounds.low, bounds.high, bounds.a_second)

        # Its size is in the name, so that a reading goes on only where the table is the same.
        name = f"{location} ({rows.rows:,} rows)"
        sample = rows.sample(SAMPLE_ROWS)
        sources.append(StoredSource(name, table, sample, pieces, selection, columns))
    return sources


def _server(url: str) -> "Server":
    if url.startswith("chdb:"):
        try:
            from informer.engines.clickhouse_embedded import EmbeddedClickHouse
        except ImportError as error:
            raise InformerError(_missing("clickhouse", error)) from error
        return EmbeddedClickHouse(Path(url.removeprefix("chdb:")))
    from informer.engines.clickhouse_http import ClickHouseOverHttp

    return ClickHouseOverHttp(url, os.environ.get(PASSWORD, ""))


def _missing(extra: str, error: ImportError) -> str:
    return f"{error.name} is not installed: this engine needs `pip install 'rpc-informer[{extra}]'`"


def range_of(bounds: Bounds | None) -> tuple[str | None, int | None, int | None]:
    """The column and the limits of a range, if there is one."""
    return (None, None, None) if bounds is None else (bounds.column, bounds.low, bounds.high)
