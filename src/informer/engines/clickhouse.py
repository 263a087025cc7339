"""ClickHouse as the engine: tables in a database of our own on a server, or embedded (chDB)."""

import re
import secrets
from collections.abc import Iterable, Iterator
from typing import Any, Protocol, Self

import pyarrow as pa
import pyarrow.compute as pc

from informer.core.errors import InformerError
from informer.engines.dialects import Statement, quoted, statements

# What makes ClickHouse read SQL as everybody else does.
SETTINGS: dict[str, int | str] = {
    "join_use_nulls": 1,
    "prefer_column_name_to_alias": 1,
    "aggregate_functions_null_for_empty": 1,
    "union_default_mode": "DISTINCT",
    "default_table_engine": "MergeTree",
    "create_table_empty_primary_key_by_default": 1,
    "output_format_arrow_string_as_string": 1,
    "output_format_arrow_low_cardinality_as_dictionary": 0,
    "output_format_arrow_compression_method": "none",
}
BATCH_ROWS = 100_000
# What the user can mend: a name that is not there, no access, no room, no time.
MENDABLE = {47, 60, 81, 159, 194, 241, 243, 497, 516}
_TYPES = {
    pa.string(): "String",
    pa.int64(): "Int64",
    pa.int32(): "Int32",
    pa.int16(): "Int16",
    pa.float64(): "Float64",
    pa.bool_(): "Bool",
}


class ClickHouseError(Exception):
    """What ClickHouse says of a statement that it cannot run."""


def complaint(said: str) -> Exception:
    """An error of the user or of ours, from what ClickHouse said."""
    line = said.strip().splitlines()[0] if said.strip() else "no reason given"
    code = re.search(r"Code: (\d+)", line)
    if code is not None and int(code[1]) in MENDABLE:
        return InformerError(f"ClickHouse: {line}")
    return ClickHouseError(line)


class Server(Protocol):
    """A ClickHouse that takes statements in its own dialect; `values` fill `{name:Type}`."""

    def use(self, database: str) -> None:
        """Bare names are those of this database from now on."""

    def tell(self, sql: str, values: dict[str, str]) -> None:
        """Run a statement that gives no rows."""

    def ask(self, sql: str, values: dict[str, str]) -> Iterator[pa.RecordBatch]:
        """The rows of a statement, the first batch at once (it may be empty: it has the schema)."""

    def insert(self, table: str, rows: pa.RecordBatchReader) -> None:
        """Add rows to a table."""

    def close(self) -> None:
        """Let the server go."""


class ClickHouseEngine:
    """A database of our own on a ClickHouse server; it goes when the engine is closed.

    Tables of others are named with their database, as in `otel.otel_traces`.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._closed = False
        self._database = f"informer_{secrets.token_hex(6)}"
        server.tell(f"create database {self._database}", {})
        server.use(self._database)

    def run(self, sql: str, /, **values: Any) -> None:
        """Run one or more statements; `$name` takes the value `name`."""
        for statement in statements(sql, "clickhouse"):
            self._do(statement, values)

    def query(self, sql: str, /, **values: Any) -> pa.Table:
        """The rows of one statement."""
        return self.stream(sql, **values).read_all()

    def stream(self, sql: str, /, **values: Any) -> pa.RecordBatchReader:
        """The rows of one statement, a batch at a time."""
        (statement,) = statements(sql, "clickhouse")
        if statement.does != "select":
            raise ValueError(f"only a SELECT gives rows, got {sql}")
        return self.stream_own(*_bound(statement, values))

    def stream_own(self, sql: str, values: dict[str, str] | None = None) -> pa.RecordBatchReader:
        """The rows of a statement in ClickHouse's own dialect, a batch at a time."""
        batches = self._server.ask(sql, values or {})
        first = _signed(next(batches))
        return pa.RecordBatchReader.from_batches(first.schema, _in_batches(first, batches))

    def write(self, table: str, rows: pa.Table | pa.RecordBatchReader) -> None:
        """Replace a table by these rows."""
        self._load(table, rows, replace=True)

    def append(
        self, table: str, rows: pa.Table | pa.RecordBatchReader, *, passing: bool = False
    ) -> None:
        """Add rows to a table, made when absent; here every table passes."""
        self._load(table, rows, replace=False)

    def close(self) -> None:
        """Drop what was made here and let the server go; a second time is no matter."""
        if self._closed:
            return
        self._closed = True
        self._server.tell(f"drop database if exists {self._database} sync", {})
        self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _do(self, statement: Statement, values: dict[str, Any]) -> None:
        table = self._name(statement.table)
        select, bound = _bound(statement, values)
        match statement.does:
            case "select":
                self.stream_own(select, bound).read_all()
                return
            case "table" if statement.columns:
                schema = pa.schema(statement.columns)
                self._make(statement.table, schema, replace=False)
                return
            case "table" if statement.absent_only:
                sql = f"create table if not exists {table} as {select}"
            case "table" | "keep":
                sql = f"create or replace table {table} as {select}"
            case "view":
                sql = f"create or replace view {table} as {select}"
            case "insert":
                sql = f"insert into {table} {select}"
            case "drop":
                sql = f"drop table {table} sync"
            case "rename":
                sql = f"rename table {table} to {self._name(statement.new_name)}"
        self._server.tell(sql, bound)

    def _load(self, table: str, rows: pa.Table | pa.RecordBatchReader, *, replace: bool) -> None:
        batches = rows.to_batches() if isinstance(rows, pa.Table) else rows
        self._make(table, rows.schema, replace=replace)
        # First aside: of rows that break off half way none may stay.
        aside = f"{table}_{secrets.token_hex(4)}"
        self._make(aside, rows.schema, replace=True)
        try:
            reader = pa.RecordBatchReader.from_batches(rows.schema, batches)
            self._server.insert(self._name(aside), reader)
            names = ", ".join(quoted(name, "clickhouse") for name in rows.schema.names)
            into = f"insert into {self._name(table)} ({names})"
            self._server.tell(f"{into} select {names} from {self._name(aside)}", {})
        finally:
            self._server.tell(f"drop table {self._name(aside)} sync", {})

    def _make(self, table: str, schema: pa.Schema, *, replace: bool) -> None:
        made = "create or replace table" if replace else "create table if not exists"
        columns = ", ".join(f"{quoted(f.name, 'clickhouse')} {_type_of(f.type)}" for f in schema)
        self._server.tell(f"{made} {self._name(table)} ({columns})", {})

    def _name(self, table: str) -> str:
        return f"{self._database}.{quoted(table, 'clickhouse')}"


def _bound(statement: Statement, values: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The SELECT with the types of its values, and the values as ClickHouse takes them."""
    sql, told = statement.select, {}
    for name in statement.values:
        kind, told[name] = _value(values[name])
        sql = sql.replace(f"{{{name}: }}", f"{{{name}:{kind}}}")
    return sql, told


def _value(value: Any) -> tuple[str, str]:
    if isinstance(value, bool):
        return "Bool", str(value).lower()
    if isinstance(value, int):
        return "Int64", str(value)
    if isinstance(value, float):
        return "Float64", repr(value)
    escaped = str(value).replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    return "String", escaped.replace("\r", "\\r").replace("\0", "\\0")


def _type_of(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"Array({_type_of(kind.value_type)})"  # never null: ClickHouse has no such list
    if kind not in _TYPES:
        raise InformerError(f"ClickHouse is not asked to keep {kind}")
    return f"Nullable({_TYPES[kind]})"


def _signed(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch without the unsigned integers that ClickHouse makes of counts and small numbers."""
    fields = [
        field.with_type(pa.int64()) if pa.types.is_unsigned_integer(field.type) else field
        for field in batch.schema
    ]
    columns = [pc.cast(c, f.type) for c, f in zip(batch.columns, fields, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def _in_batches(first: pa.RecordBatch, rest: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield from _cut(first)
    for batch in rest:
        yield from _cut(_signed(batch))


def _cut(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    for start in range(0, batch.num_rows, BATCH_ROWS):
        yield batch.slice(start, BATCH_ROWS)
