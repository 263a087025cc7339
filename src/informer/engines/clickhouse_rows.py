"""Rows of somebody's ClickHouse table, as plain numbers and texts, slice by slice of time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from informer.core.errors import InformerError
from informer.engines.clickhouse import ClickHouseEngine
from informer.engines.dialects import quoted

# How a column is told whose type Arrow or we have no plain form of.
TOLD = {
    "DateTime64": "toUnixTimestamp64Nano(toDateTime64({c}, 9))",
    "Map(": "toJSONString({c})",
    "JSON": "toJSONString({c})",
    "Enum": "toString({c})",
}
COLUMNS = (
    "select name, type from system.columns "
    "where database = {database:String} and table = {name:String} order by position"
)
WRAPPERS = ("LowCardinality(", "Nullable(")


@dataclass(frozen=True, slots=True)
class Told:
    """A column: the name it is given, its own, and the expression that tells it."""

    name: str
    own: str
    sql: str
    is_time: bool


class Rows:
    """A table, its columns by the names that `renamed` gives them where it has all of these."""

    def __init__(self, engine: ClickHouseEngine, table: str, renamed: Mapping[str, str]) -> None:
        """Look at the table. Errors: InformerError when it is not there or empty."""
        self._engine = engine
        database, _, name = table.rpartition(".")
        database = database or "default"
        self._table = f"{quoted(database, 'clickhouse')}.{quoted(name, 'clickhouse')}"
        described = engine.stream_own(COLUMNS, {"database": database, "name": name}).read_all()
        types = dict(zip(*(described[c].to_pylist() for c in ("name", "type")), strict=True))
        if not types:
            raise InformerError(f"ClickHouse has no table {database}.{name}")
        is_known = renamed and set(renamed.values()) <= set(types)
        names = renamed if is_known else {name: name for name in types}
        self._told = {name: _told(name, own, types[own]) for name, own in names.items()}
        self.rows = int(self._ask(f"select count() as n from {self._table}")["n"][0].as_py())
        if self.rows == 0:
            raise InformerError(f"the table {table} is empty")

    def sample(self, rows: int) -> pa.Table:
        """Some of its rows."""
        return self._ask(f"{self._select()} limit {rows}")

    def whole(self) -> pa.RecordBatchReader:
        """All rows."""
        return self._engine.stream_own(self._select())

    def pieces(
        self, most: int, column: str, low: int | None, high: int | None, a_second: int
    ) -> Iterator[pa.RecordBatchReader]:
        """Rows whose `column` is in the range, in order of it, at most so many at once.

        Seconds are kept whole: one that has more rows than that is a piece of its own.
        """
        start = self._told[column]
        seconds = self._ask(
            f"select toInt64(intDiv({start.sql}, {a_second})) as second, count() as rows "
            f"from {self._table} {_where(start, low, high)} group by second order by second"
        )
        first, held = low, 0
        counted = zip(seconds["second"].to_pylist(), seconds["rows"].to_pylist(), strict=True)
        for second, rows in counted:
            if held and held + rows > most:
                yield self._between(start, first, second * a_second)
                first, held = second * a_second, 0
            held += rows
        if held:
            yield self._between(start, first, high)

    def _between(self, start: Told, low: int | None, high: int | None) -> pa.RecordBatchReader:
        return self._engine.stream_own(f"{self._select()} {_where(start, low, high)}")

    def _select(self) -> str:
        columns = (f"{c.sql} as {quoted(c.name, 'clickhouse')}" for c in self._told.values())
        return f"select {', '.join(columns)} from {self._table}"

    def _ask(self, sql: str) -> pa.Table:
        return self._engine.stream_own(sql).read_all()


def _told(name: str, own: str, kind: str) -> Told:
    for wrapper in WRAPPERS:
        kind = kind.removeprefix(wrapper)
    form = next((f for known, f in TOLD.items() if kind.startswith(known)), "{c}")
    sql = form.format(c=quoted(own, "clickhouse"))
    return Told(name, own, sql, kind.startswith("DateTime64"))


def _where(start: Told, low: int | None, high: int | None) -> str:
    """The range, said of the column as the table has it, so that its indices can be used."""
    bound = "fromUnixTimestamp64Nano(toInt64({}))" if start.is_time else "{}"
    own = quoted(start.own, "clickhouse")
    limits = ((">=", low), ("<", high))
    told = [f"{own} {sign} {bound.format(n)}" for sign, n in limits if n is not None]
    return f"where {' and '.join(told)}" if told else ""
