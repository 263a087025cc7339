"""Writes the reference pages from the code: run by `make docs`, held against the code by a test."""

from pathlib import Path

from informer.core.tables import TABLES, TableSpec

REFERENCE = Path(__file__).parent / "reference"
GENERATED = "<!-- Written by docs/generate.py; change the code, then run make docs. -->"


def pages() -> dict[str, str]:
    """File name to text of every reference page."""
    return {"tables.md": tables_page()}


def tables_page() -> str:
    """Every table, every column."""
    parts = [
        GENERATED,
        "# Tables",
        "Stages meet in these tables. Times are int64 nanoseconds UTC; a unit is in the column's "
        "name; `[]` is a list.",
    ]
    for table in TABLES.values():
        parts += [f"## {table.name}", f"One row is {table.row_is}.", _columns(table)]
    return "\n\n".join(parts) + "\n"


def _columns(table: TableSpec) -> str:
    rows = ["| column | type | means |", "|---|---|---|"]
    for column in table.columns:
        kind = str(column.type).replace("list<item: string>", "string[]")
        kind = kind.replace("list<item: double>", "double[]")
        null = ", or null" if column.nullable else ""
        rows.append(f"| `{column.name}` | {kind}{null} | {_cell(column.means)} |")
    return "\n".join(rows)


def _cell(text: str) -> str:
    """Text that cannot break out of a table cell."""
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    REFERENCE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text)
