"""DuckDB as the engine: embedded, in memory or one file, with bounded memory and spill to disk."""

import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa

from informer.core.errors import InformerError

BATCH_ROWS = 100_000
THREAD_BYTES = 64 << 20  # of memory for each thread: to read JSON, one takes half of it for itself
# What errors of classes that are for mistakes of ours say of a damaged file.
DAMAGE = (
    "Malformed JSON in file",
    "Invalid JSON found in Parquet file",
    "Invalid string encoding found in Parquet file",
)


class DuckDBEngine:
    """One DuckDB database. A file has one writing process at a time; a second one is told so.

    `memory` is the most bytes that it takes; beyond it, work spills to `spill`. Of `threads`, all
    cores unless told otherwise, it has no more than find room in that. What transactions wrote is
    put in its place in the file each time it is `checkpoint_at`, such as `128MB`.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        spill: Path | None = None,
        memory: int | None = None,
        threads: int | None = None,
        checkpoint_at: str | None = None,
    ) -> None:
        self._path = path
        self._ordering = Lock()  # held while a stream is planned
        self._committing: Future[None] | None = None
        settings: dict[str, str | bool | int | float | list[str]] = {
            "preserve_insertion_order": "false"
        }
        if spill is not None:
            settings["temp_directory"] = str(spill)
        if memory is not None:  # from the beginning: a log may have to be taken up
            settings["memory_limit"] = f"{memory}B"
        if threads is not None:
            settings["threads"] = threads
        if checkpoint_at is not None:
            settings["checkpoint_threshold"] = checkpoint_at
        try:
            self._connection = duckdb.connect(str(path or ":memory:"), config=settings)
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            raise InformerError(_why_not_opened(path, error)) from error
        self._threads = int(self.query("select current_setting('threads') as n")["n"][0].as_py())
        if memory is not None:
            self.limit(memory)
        self._connection.execute("set timezone = 'UTC'")
        # In a worker or a notebook it would draw bars of its own.
        self._connection.execute("set enable_progress_bar = false")

    def limit(self, memory: int) -> None:
        """From now on take at most so many bytes; what is held beyond them is let go or spilled."""
        self._settle()
        threads = min(self._threads, max(1, memory // THREAD_BYTES))
        with _told_plainly():
            self._connection.execute(f"set memory_limit = '{memory}B'; set threads = {threads}")

    def beside(self) -> "DuckDBEngine":
        """An engine on the same database for another thread, with transactions of its own.

        It is closed on its own; passing tables of one are not seen by the other. The database
        stays open until the last of them is closed.
        """
        other = DuckDBEngine.__new__(DuckDBEngine)
        other._path, other._ordering, other._threads = self._path, self._ordering, self._threads
        other._committing = None
        other._connection = self._connection.cursor()
        other._connection.execute("set timezone = 'UTC'")
        other._connection.execute("set enable_progress_bar = false")
        return other

    def run(self, sql: str, /, **values: Any) -> None:
        """Run one or more statements; `$name` takes the value `name`.

        Errors: InformerError when the disk is full.
        """
        self._settle()
        with _told_plainly():
            for statement in duckdb.extract_statements(sql):
                wanted = {n: values[n] for n in statement.named_parameters}
                self._connection.execute(statement, wanted)
                self._connection.complete()

    def query(self, sql: str, /, **values: Any) -> pa.Table:
        """The rows of one statement."""
        self._settle()
        with _told_plainly():
            return self._connection.sql(sql, params=values or None).to_arrow_table()

    def stream(self, sql: str, /, **values: Any) -> pa.RecordBatchReader:
        """The rows of one statement, a batch at a time; other work may go on meanwhile.

        Rows of files come in the order of the files: who goes on later counts on it.
        """
        if (committing := self._committing) is not None:
            wait([committing])  # whoever asks otherwise is told what went wrong
        with _told_plainly():
            cursor, settings = self._connection.cursor(), self._connection.cursor()
            relation = cursor.sql(sql, params=values or None)
            with self._ordering:  # the setting is of the whole database
                settings.execute("set preserve_insertion_order = true")
                try:
                    reader = relation.to_arrow_reader(BATCH_ROWS)
                finally:
                    settings.execute("set preserve_insertion_order = false")
        return pa.RecordBatchReader.from_batches(reader.schema, plainly(reader))

    def write(self, table: str, rows: pa.Table | pa.RecordBatchReader) -> None:
        """Replace a table by these rows."""
        self._load(f'create or replace table "{table}" as select * from incoming', rows)

    def append(
        self, table: str, rows: pa.Table | pa.RecordBatchReader, *, passing: bool = False
    ) -> None:
        """Add rows to a table, made when absent; a passing one goes when the engine is closed."""
        made = "create temp table" if passing else "create table"
        self._load(
            f'{made} if not exists "{table}" as select * from incoming limit 0;'
            f'insert into "{table}" by name select * from incoming',
            rows,
        )

    def has(self, table: str) -> bool:
        """Whether the table exists."""
        self._settle()
        try:
            self._connection.table(f'"{table}"')
        except duckdb.CatalogException:
            return False
        return True

    @contextmanager
    def transaction(self, *, later: bool = False) -> Iterator[None]:
        """All that is written inside is kept, or nothing of it where it ends in an error.

        With `later`, a thread of its own sees to that while other work goes on: what goes wrong
        then is raised by whatever the engine is asked next.
        """
        self.run("begin transaction")
        try:
            yield
        except BaseException:
            self._roll_back()
            raise
        if later:
            self._committing = Future()
            Thread(target=self._commit_into, args=(self._committing,), name="commit").start()
        else:
            self._commit()

    def _commit(self) -> None:
        try:
            with _told_plainly():
                self._connection.execute("commit")
        except BaseException:
            self._roll_back()
            raise

    def _commit_into(self, told: "Future[None]") -> None:
        try:
            self._commit()
            told.set_result(None)
        except BaseException as error:  # noqa: BLE001 (it is raised where it is waited for)
            told.set_exception(error)

    def _roll_back(self) -> None:
        with suppress(duckdb.Error):  # it may be the disk that is full, or the file that went
            self._connection.execute("rollback")

    def _settle(self) -> None:
        """Wait for a commit that is under way."""
        committing, self._committing = self._committing, None
        if committing is not None:
            committing.result()

    def close(self) -> None:
        """Write out what is pending and let the file go."""
        try:
            self._settle()
        finally:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _load(self, sql: str, rows: pa.Table | pa.RecordBatchReader) -> None:
        failed: list[Exception] = []
        if isinstance(rows, pa.RecordBatchReader):
            rows = pa.RecordBatchReader.from_batches(rows.schema, _noting(rows, failed))
        self._settle()
        with _told_plainly():
            self._connection.register("incoming", rows)
        try:
            self.run(sql)
        except duckdb.Error:
            # DuckDB wraps what the reader raised; the caller wants to hear it as it was.
            if failed:
                raise failed[0] from None
            raise
        finally:
            with _told_plainly():
                self._connection.unregister("incoming")


@contextmanager
def _told_plainly() -> Iterator[None]:
    """Turn what the user can mend (memory, disk, a file that went) into one clear line."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise InformerError(f"not enough memory or disk: {_first_line(error)}") from error
    except (duckdb.IOException, duckdb.TransactionException) as error:
        raise InformerError(f"cannot read or write: {_first_line(error)}") from error
    except duckdb.Error as error:
        # What a damaged file gives, which has no class of its own.
        if type(error) is duckdb.Error or any(told in str(error) for told in DAMAGE):
            raise InformerError(f"cannot read on: {_first_line(error)}") from error
        raise


def _noting(reader: pa.RecordBatchReader, failed: list[Exception]) -> Iterator[pa.RecordBatch]:
    try:
        yield from reader
    except Exception as error:  # of whatever kind: it is kept and raised, not dealt with
        failed.append(error)
        raise


def plainly(reader: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same batches; what the user can mend is told in one clear line."""
    with _told_plainly():
        try:
            yield from reader
        except OSError as error:  # in a stream Arrow stands before DuckDB, whose class is lost
            raise _of_its_class(error) from error


def _of_its_class(error: OSError) -> Exception:
    kinds = {
        "Out of Memory Error": duckdb.OutOfMemoryException,
        "IO Error": duckdb.IOException,
    }
    kind, _, text = str(error).partition(": ")
    return kinds[kind](text) if kind in kinds else error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _why_not_opened(path: Path | None, error: Exception) -> str:
    text = str(error)
    if "lock" in text.lower():
        return f"{path} is in use by another process: one process at a time may write a workspace"
    if path is not None and path.parent.exists() and shutil.disk_usage(path.parent).free == 0:
        return f"{path} cannot be opened: the disk is full"
    return f"{path} cannot be opened: {_first_line(error)}"
