"""What every engine owes: the same tables out of the same SQL and rows."""

from collections.abc import Iterator
from contextlib import suppress

import pyarrow as pa
import pytest

from informer.core.errors import InformerError
from informer.core.ports import Engine
from informer.core.table_spec import TableSpec
from informer.core.tables import TABLES
from informer.engines.duckdb import BATCH_ROWS
from three_engines import ENGINES, opened


@pytest.fixture(scope="module", params=[*ENGINES, "clickhouse over http"])
def running(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with opened(request.param) as engine:
        yield engine


@pytest.fixture
def engine(running: Engine) -> Iterator[Engine]:
    yield running
    for table in {"t", "a", "b", *TABLES}:
        with suppress(Exception):  # most tests make one of them
            running.run(f'drop table "{table}"')


def numbers(*values: int | None) -> pa.Table:
    return pa.table({"n": pa.array(values, pa.int64()), "name": [str(v) for v in values]})


def test_what_is_written_is_read_again(engine: Engine) -> None:
    engine.write("t", numbers(3, 1, 2))
    assert engine.query("select n from t order by n")["n"].to_pylist() == [1, 2, 3]


@pytest.mark.parametrize("spec", TABLES.values(), ids=lambda s: s.name)
def test_every_table_keeps_the_types_of_its_columns(engine: Engine, spec: TableSpec) -> None:
    engine.append(spec.name, spec.empty())
    found = engine.query(f'select * from "{spec.name}"')
    assert found.schema.names == spec.names
    assert found.schema.types == spec.schema.types


def test_writing_replaces_a_table(engine: Engine) -> None:
    engine.write("t", numbers(1, 2))
    engine.write("t", pa.table({"other": ["x"]}))
    assert engine.query("select * from t").to_pylist() == [{"other": "x"}]


def test_appending_makes_a_table_and_adds_to_it_by_the_names_of_columns(engine: Engine) -> None:
    engine.append("t", numbers(1))
    engine.append("t", numbers(2).select(["name", "n"]))
    found = engine.query("select n, name from t order by n").to_pylist()
    assert found == [{"n": 1, "name": "1"}, {"n": 2, "name": "2"}]


def test_rows_may_come_in_batches(engine: Engine) -> None:
    batches = pa.RecordBatchReader.from_batches(
        numbers(1).schema, (numbers(i, i + 1).to_batches()[0] for i in range(0, 100, 2))
    )
    engine.append("t", batches)
    assert engine.query("select sum(n) as total from t")["total"][0].as_py() == sum(range(100))


def test_an_append_that_fails_half_way_adds_nothing(engine: Engine) -> None:
    engine.write("t", numbers(1))

    def broken() -> Iterator[pa.RecordBatch]:
        yield numbers(2).to_batches()[0]
        raise InformerError("the source broke off")

    with pytest.raises(Exception, match="the source broke off"):
        engine.append("t", pa.RecordBatchReader.from_batches(numbers(1).schema, broken()))
    assert engine.query("select n from t")["n"].to_pylist() == [1]


def test_null_is_kept_apart_from_nothing(engine: Engine) -> None:
    engine.write("t", pa.table({"s": pa.array([None, "", "x"], pa.string())}))
    assert engine.query("select s from t order by s nulls first")["s"].to_pylist() == [
        None,
        "",
        "x",
    ]


def test_large_numbers_and_lists_are_kept(engine: Engine) -> None:
    rows = pa.table({"ns": pa.array([2**62], pa.int64()), "ids": [["b", "a"]], "x": [[0.1, 1e300]]})
    engine.write("t", rows)
    assert engine.query("select * from t").to_pylist() == rows.to_pylist()


@pytest.mark.parametrize("text", ["it's", '"', "a\nb", "; drop table t; --", "\\", "ü🎈", "$name"])
def test_values_are_values_and_never_sql(engine: Engine, text: str) -> None:
    engine.write("t", pa.table({"s": [text, "other"]}))
    found = engine.query("select s from t where s = $name", name=text)
    assert found["s"].to_pylist() == [text]
    engine.run("delete from t where s = $name", name=text)
    assert engine.query("select s from t")["s"].to_pylist() == ["other"]


def test_several_statements_take_the_values_that_they_name(engine: Engine) -> None:
    engine.run(
        "create table a as select $low as n; create table b as select $high as n; select 1",
        low=1,
        high=2,
    )
    assert engine.query("select a.n, b.n as m from a, b").to_pylist() == [{"n": 1, "m": 2}]


def test_a_stream_comes_in_batches_while_other_work_goes_on(engine: Engine) -> None:
    engine.write("t", pa.table({"n": range(3 * BATCH_ROWS)}))
    seen = 0
    for batch in engine.stream("select n from t where n >= $low", low=10):
        assert batch.num_rows <= BATCH_ROWS
        seen += batch.num_rows
        assert engine.query("select 1 as one")["one"].to_pylist() == [1]
    assert seen == 3 * BATCH_ROWS - 10
