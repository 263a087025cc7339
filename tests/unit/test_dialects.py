"""Our SQL as another engine is told it."""

import pyarrow as pa
import pytest

from informer.engines.dialects import Dialect, Statement, quoted, statements

BOTH = pytest.mark.parametrize("dialect", ["spark", "clickhouse"])


def told(sql: str, dialect: Dialect) -> str:
    (statement,) = statements(sql, dialect)
    return statement.select


@BOTH
def test_a_table_that_is_made_again_or_passes_is_a_select_with_a_name(dialect: Dialect) -> None:
    for made in ("create table", "create or replace table", "create or replace temp table"):
        (statement,) = statements(f"{made} t as select 1 as n", dialect)
        assert statement == Statement("table", "t", "SELECT 1 AS n")


@BOTH
def test_a_table_without_rows_says_its_columns_in_types_of_arrow(dialect: Dialect) -> None:
    (statement,) = statements(
        "create table if not exists t (a bigint, b smallint[], c varchar)", dialect
    )
    assert statement.columns == (("a", pa.int64()), ("b", pa.list_(pa.int16())), ("c", pa.string()))
    assert statement.absent_only


@BOTH
def test_what_is_deleted_is_said_as_what_stays(dialect: Dialect) -> None:
    (statement,) = statements("delete from t where n in (select n from u)", dialect)
    assert (statement.does, statement.table) == ("keep", "t")
    assert "NOT COALESCE(n IN (SELECT n FROM u), FALSE)" in statement.select


@BOTH
def test_values_keep_their_names(dialect: Dialect) -> None:
    (statement,) = statements("select $low as a, $high as b, $low as c", dialect)
    assert statement.values == ("high", "low")


def test_a_hash_is_made_with_its_key_first() -> None:
    sql = "select cast(hash(a, b, $salt) >> 1 as bigint) as h from t"
    assert told(sql, "spark") == (
        "SELECT CAST(SHIFTRIGHTUNSIGNED(XXHASH64(:salt, a, a IS NULL, b, b IS NULL), 1) AS BIGINT)"
        " AS h FROM t"
    )
    assert "sipHash64Keyed((toUInt64({salt: }), toUInt64(0)), tuple(a, b))" in told(
        sql, "clickhouse"
    )


def test_clickhouse_is_told_truth_values_and_names() -> None:
    found = told("select t.a, t.b is null as c from t join u on u.a = t.a", "clickhouse")
    assert found.startswith("SELECT t.a AS a, CAST(t.b IS NULL AS Nullable(Bool)) AS c FROM t")


def test_spark_is_told_numbers_with_a_point_as_doubles() -> None:
    assert told("select n / 1000.0 as s from t", "spark") == (
        "SELECT n / CAST(1000.0 AS DOUBLE) AS s FROM t"
    )


@BOTH
@pytest.mark.parametrize("sql", ["insert into t by name select 1", "vacuum", "drop schema s"])
def test_what_no_statement_of_ours_does_is_refused(sql: str, dialect: Dialect) -> None:
    with pytest.raises(ValueError, match=r"(?i)by name|vacuum|drop"):
        statements(sql, dialect)


def test_names_may_hold_anything() -> None:
    assert quoted("a`b", "spark") == "`a``b`"
    assert quoted('a"b', "clickhouse") == '"a""b"'
