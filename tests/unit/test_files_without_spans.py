"""Files in which no span can be read: each is counted, and the user is told in one line."""

from pathlib import Path

import pytest

from informer.engines.duckdb import DuckDBEngine
from informer.spans.open import open_sources

SPANS = b'{"resourceSpans":[{"scopeSpans":[{"spans":[%s]}]}]}'


@pytest.mark.parametrize(
    ("spans", "malformed"), [(b"7,8", 2), (b'{"traceId":"a","attributes":7}', 1), (b"", 0)]
)
def test_spans_of_otlp_that_are_none_are_counted(
    tmp_path: Path, spans: bytes, malformed: int
) -> None:
    path = tmp_path / "spans.json"
    path.write_bytes(SPANS % spans)
    (source,) = open_sources([str(path)], format="otlp")
    with DuckDBEngine(threads=1) as engine:
        assert sum(len(lines) for lines in source.lines(engine, b"key")) == 0
    assert source.rejected["malformed_span"] == malformed
