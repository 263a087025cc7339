"""ClickHouse inside this process (chDB): in memory, or on a folder that it owns meanwhile."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from chdb import ChdbError
from chdb.session import Session

from informer.engines.clickhouse import SETTINGS, complaint


class EmbeddedClickHouse:
    """A ClickHouse of this process; all of a process share one folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self._place = ":memory:" if folder is None else str(folder)
        self._database = "default"
        self._session = self._opened()

    def use(self, database: str) -> None:
        """Bare names are those of this database from now on."""
        self._database = database
        self.tell(f"use {database}", {})

    def tell(self, sql: str, values: dict[str, str]) -> None:
        """Run a statement that gives no rows."""
        _told(self._session, sql, values)

    def ask(self, sql: str, values: dict[str, str]) -> Iterator[pa.RecordBatch]:
        """The rows of a statement, the first batch at once; other statements may run meanwhile."""
        session = self._opened()  # one for each answer that is on its way
        try:
            empty = True
            for chunk in session.send_query(sql, "ArrowStream", params=values or None):
                for batch in pa.ipc.open_stream(chunk.bytes()):
                    empty = False
                    yield batch
            if empty:
                said = session.query(sql, "ArrowStream", params=values or None).bytes()
                schema = pa.ipc.open_stream(said).schema if said else pa.schema([])
                yield pa.RecordBatch.from_pylist([], schema=schema)
        except ChdbError as error:
            raise complaint(str(error)) from error
        finally:
            session.close()

    def insert(self, table: str, rows: pa.RecordBatchReader) -> None:
        """Add rows to a table."""
        with self._session.send_insert(f"insert into {table}", "ArrowStream") as inserter:
            sink = io.BufferedWriter(_Sink(inserter.append), 1 << 20)
            with pa.ipc.new_stream(sink, rows.schema) as stream:
                for batch in rows:
                    stream.write_batch(batch)
            sink.flush()
            inserter.finish()

    def close(self) -> None:
        """Let the folder go."""
        self._session.close()

    def _opened(self) -> Any:
        session: Any = Session(self._place)  # type: ignore[no-untyped-call]  # chdb has no types
        for name, value in SETTINGS.items():
            _told(session, f"set {name} = {value!r}", {})
        _told(session, f"use {self._database}", {})
        return session


class _Sink(io.RawIOBase):
    """Bytes on their way to somebody who takes them in pieces."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take

    def writable(self) -> bool:
        """It takes bytes and gives none."""
        return True

    def write(self, data: Any, /) -> int:
        """Hand on a piece."""
        piece = bytes(data)
        self._take(piece)
        return len(piece)


def _told(session: Any, sql: str, values: dict[str, str]) -> None:
    try:
        session.query(sql, params=values or None)
    except ChdbError as error:
        raise complaint(str(error)) from error
