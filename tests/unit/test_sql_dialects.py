"""Every statement of ours must be understood by the other engines: SQL is written once."""

import re
from pathlib import Path

import pytest
import sqlglot
from sqlglot import ErrorLevel

import informer

SOURCES = Path(informer.__file__).parent
FILES = {str(path.relative_to(SOURCES)): path for path in sorted(SOURCES.rglob("*.sql"))}
# Files are always read by the embedded engine, so what reads them may use all that it can.
EVERYWHERE = [name for name in FILES if not name.startswith("spans/")]


@pytest.mark.parametrize("name", EVERYWHERE)
@pytest.mark.parametrize("dialect", ["spark", "clickhouse"])
def test_a_statement_can_be_said_in(dialect: str, name: str) -> None:
    bound = re.sub(r"\$\w+", "1", FILES[name].read_text("utf-8"))
    said = sqlglot.transpile(
        bound, read="duckdb", write=dialect, unsupported_level=ErrorLevel.RAISE
    )
    for statement in said:
        understood = sqlglot.parse_one(statement, read=dialect)
        assert not isinstance(understood, sqlglot.exp.Command)


@pytest.mark.parametrize("name", FILES)
def test_the_first_line_says_what_one_row_is(name: str) -> None:
    assert FILES[name].read_text("utf-8").lower().startswith("-- one row")


def test_the_statements_are_found() -> None:
    assert "chains/calls.sql" in EVERYWHERE
