"""What a table is: its columns, their types and meanings, and Arrow tables made of them."""

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, type, what it means, and whether null is a value of it."""

    name: str
    type: pa.DataType
    means: str
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class TableSpec:
    """One table: its name, what one row is, and its columns in order."""

    name: str
    row_is: str
    columns: tuple[Column, ...]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema, column order as listed."""
        return pa.schema([pa.field(c.name, c.type, nullable=c.nullable) for c in self.columns])

    @property
    def names(self) -> list[str]:
        """The column names in order."""
        return [c.name for c in self.columns]

    def empty(self) -> pa.Table:
        """The table without a row."""
        return self.schema.empty_table()

    def of(self, rows: list[dict[str, object]]) -> pa.Table:
        """Rows of Python values as an Arrow table; a missing key is an error."""
        columns = {n: [r[n] for r in rows] for n in self.names}
        return pa.table(columns, schema=self.schema)
