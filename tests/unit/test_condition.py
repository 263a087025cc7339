"""A condition is one expression over spans, read by the engine's own parser."""

import pytest

from informer.core.errors import InformerError
from informer.engines.duckdb import DuckDBEngine
from informer.spans.condition import checked


@pytest.mark.parametrize(
    "where",
    [
        "scope = 'envoy'",
        "scope = 'it''s' -- a comment",
        "not failed and (status_code between 400 and 499 or weight > 1)",
        "attribute('http.url') like '%/x' or attributes ->> 'a.b' is not null",
        "regexp_matches(operation, '^GET') and start_ns > 5",
        "case when kind = 'server' then true else failed end",
    ],
)
def test_a_condition_over_spans_is_taken(where: str) -> None:
    with DuckDBEngine(threads=1) as engine:
        assert checked(engine, where)


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ("", "it is empty"),
        ("scope =", "syntax error"),
        ("1); drop table spans; --", "syntax error"),
        ("1); delete from spans where (1", "Only SELECT"),
        ("true) union select 1 from spans where (true", "one condition"),
        ("true) limit (1", "one condition"),
        ("true) order by (1", "one condition"),
        ("trace_id in (select 1)", "one condition"),
        ("exists(from read_csv('/etc/passwd'))", "one condition"),
        ("trace_id = $x", "one condition"),
        ("nothing = 1", '"nothing" not found'),
        ("nothing(scope)", "nothing does not exist"),
        ("count(*) > 1", "aggregates"),
        ("'text'", "true or false"),
        ("attribute(scope) = 'x'", "one name in single quotes"),
        ("attribute('a', 'b') = 'x'", "one name in single quotes"),
        ("attribute('a\"b') = 'x'", "no quote or backslash"),
    ],
)
def test_anything_else_is_one_clear_line(where: str, why: str) -> None:
    with DuckDBEngine(threads=1) as engine, pytest.raises(InformerError, match=why) as error:
        checked(engine, where)
    assert "\n" not in str(error.value)
