"""A ClickHouse server over its HTTP interface."""

import io
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

import pyarrow as pa

from informer.core.errors import InformerError
from informer.engines.clickhouse import SETTINGS, complaint

PORTS = {"clickhouse": 8123, "clickhouses": 8443}
TIMEOUT_S = 600  # without a byte


class ClickHouseOverHttp:
    """A server at `clickhouse://[USER@]HOST[:PORT]`, or `clickhouses://` with TLS."""

    def __init__(self, url: str, password: str = "") -> None:
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        scheme = "https" if parts.scheme == "clickhouses" else "http"
        self._place = f"{scheme}://{host}:{parts.port or PORTS[parts.scheme]}"
        self._who = {"X-ClickHouse-User": parts.username or "default"}
        if password:
            self._who["X-ClickHouse-Key"] = password
        self._database = "default"

    def use(self, database: str) -> None:
        """Bare names are those of this database from now on."""
        self._database = database

    def tell(self, sql: str, values: dict[str, str]) -> None:
        """Run a statement that gives no rows."""
        with self._asked(sql.encode(), values) as answer:
            _whole(answer)

    def ask(self, sql: str, values: dict[str, str]) -> Iterator[pa.RecordBatch]:
        """The rows of a statement, the first batch at once; other statements may run meanwhile."""
        with self._asked(sql.encode(), values) as answer:
            try:
                with pa.ipc.open_stream(answer) as stream:
                    yield pa.RecordBatch.from_pylist([], schema=stream.schema)
                    yield from stream
            except (pa.ArrowException, HTTPException, OSError) as error:
                raise InformerError(f"{self._place} broke off: {error}") from error

    def insert(self, table: str, rows: pa.RecordBatchReader) -> None:
        """Add rows to a table, a batch a request."""
        sql = f"insert into {table} format ArrowStream"
        for batch in rows:
            sink = io.BytesIO()
            with pa.ipc.new_stream(sink, rows.schema) as stream:
                stream.write_batch(batch)
            with self._asked(sink.getvalue(), {}, query=sql) as answer:
                _whole(answer)

    def close(self) -> None:
        """Nothing is held between requests."""

    def _asked(self, body: bytes, values: dict[str, str], query: str = "") -> HTTPResponse:
        told: dict[str, str | int] = {
            **SETTINGS,
            "database": self._database,
            "default_format": "ArrowStream",
            "wait_end_of_query": 0,
            **{f"param_{name}": value for name, value in values.items()},
        }
        if query:
            told["query"] = query
        request = Request(f"{self._place}/?{urlencode(told)}", data=body, headers=self._who)
        try:
            answer: HTTPResponse = urlopen(request, timeout=TIMEOUT_S)
        except HTTPError as error:
            raise complaint(error.read().decode("utf-8", "replace")) from error
        except (URLError, OSError) as error:
            why = getattr(error, "reason", error)
            raise InformerError(f"{self._place} cannot be reached: {why}") from error
        return answer


def _whole(answer: IO[bytes]) -> None:
    while answer.read(1 << 16):
        pass
