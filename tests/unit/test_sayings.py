"""What spans say is told once for all that say the same: as if every row were told by itself."""

from collections.abc import Callable

import pyarrow as pa
import pytest

from informer.core.lines import plain_rows
from informer.core.tables import SPANS
from informer.engines.duckdb import DuckDBEngine
from informer.spans.apart import told_apart
from informer.spans.received import RECEIVED, Tally, lines_apart, stage_spans
from informer.spans.received_rows import Apart, Received
from informer.spans.rows import IN_NANOSECONDS
from informer.spans.sayings import whole_spans
from row_by_row import row_by_row

KEY = b"a key of the workspace"
ROW = {
    "trace_id": "t",
    "span_id": "1",
    "service": "shop",
    "operation": "GET /cart",
    "kind": "SPAN_KIND_SERVER",
    "start_ns": 1_000,
    "duration_ns": 5,
}
Given = Callable[[DuckDBEngine, pa.Table], Received | Apart]
TEXTS = ("service", "operation", "peer", "version", "scope", "resource", "meant")
ODD = [
    {},
    {"service": None},
    {"service": ""},
    {"trace_id": None},
    {"trace_id": "t" * 300, "span_id": "é" * 300, "parent_span_id": "ü" * 200},
    {"parent_span_id": "0000000000000000"},
    {"parent_span_id": "root"},
    {"start_ns": None},
    {"duration_ns": -5},
    {"duration_ns": None},
    dict.fromkeys(ROW),
    {"peer": ""},
    {"kind": "client", "attributes": '{"server.address":"db.default.svc:5432"}'},
    {"kind": "client", "peer": "", "attributes": '{"peer.service":"cart"}'},
    {"attributes": '{"http.response.status_code":"404","http.route":"/a"}', "failed": True},
    {"attributes": '{"http.response.status_code":503,"other":[1,2]}'},
    {"attributes": '{"client.address":"10.0.0.7"}'},
    {"attributes": '{"client.address":"10.0.0.8"}'},
    {"attributes": "no JSON"},
    {"attributes": "", "operation": "\x00\u202e"},
    {"status_code": 16},
    {"weight": float("nan")},
    {"weight": 0.25},
    {"weight": 3.5},
    {"trace_state": "ot=th:c;rv:123"},
    {"trace_state": "ot=th:c;rv:456"},
    {"trace_state": "ot=p:2;r:9,th:1"},
    {"trace_state": "ot=p:2"},
    {"trace_state": "vendor=th:c"},
    {"resource": '{"service.version":"7"}'},
    {"resource": '{"k8s.pod.name":"shop-6f6cfc45b-d9pnv"}', "version": None},
    {"version": "2", "scope": "proxy"},
    {"attributes": '{"client.address":"10.0.0.9"}', "resource": '{"service.version":"8"}'},
]
CONDITIONS = {
    "all": "true",
    "a saying": "coalesce(try(service = 'shop' and kind = 'server'), false)",
    "an attribute": "coalesce(try(contains(all_attributes, '10.0.0.7')), false)",
    "a resource": "coalesce(try(contains(all_resource, 'version')), false)",
    "a time": "start_ns >= 1000 and start_ns < 2000",
}


def rows() -> pa.Table:
    nothing = dict.fromkeys(RECEIVED.names)
    made = [nothing | ROW | {"span_id": str(n)} | odd for n, odd in enumerate(ODD)]
    return pa.Table.from_pylist(made, RECEIVED)


def as_rows(engine: DuckDBEngine, table: pa.Table) -> Received:
    """As tables come: the engine makes sayings of their rows."""
    engine.append("received_spans", table, passing=True)
    return Received("received_spans", {name: name for name in RECEIVED.names})


def told_before(engine: DuckDBEngine, table: pa.Table) -> Apart:
    """As readers give them: sayings are apart already."""
    engine.append("received_spans", table, passing=True)
    for field in IN_NANOSECONDS:
        if field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(table.num_rows, field.type))
    for name, part in zip(("lines", "said"), told_apart(table), strict=True):
        engine.append(name, part, passing=True)
    return Apart("lines", "said")


WAYS = (as_rows, told_before)


@pytest.mark.parametrize("correlate", [None, "client.address"])
@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("given", WAYS)
def test_it_is_as_if_every_row_were_told_by_itself(
    given: Given, correlate: str | None, condition: str, apart: bool
) -> None:
    wanted, names, tally = CONDITIONS[condition], ", ".join(SPANS.names), Tally()
    with DuckDBEngine(threads=1) as engine:
        received = given(engine, rows())
        told = row_by_row(correlate, wanted)
        expected = engine.query(f"select {names} from ({told}) where reason is null order by all")
        fates = engine.query(
            f"select reason, count(*) as rows from ({told}) where reason is not null group by all"
        )
        if apart:
            lines = lines_apart(engine, received, correlate, wanted, tally, KEY)
            engine.write("told", plain_rows([lines.rows]))
            staged, spans = len(lines), whole_spans("told")
        else:
            staged = stage_spans(engine, "told", received, correlate, wanted, tally)
            spans = "from told"
        got = engine.query(f"select {names} from ({spans}) order by all")
    assert str(got.to_pylist()) == str(expected.to_pylist())
    assert staged == expected.num_rows > 0
    assert tally.rejected == {row["reason"]: row["rows"] for row in fates.to_pylist()}


@pytest.mark.parametrize("given", WAYS)
def test_spans_that_say_the_same_share_a_saying(given: Given) -> None:
    same = [{**ROW, "span_id": str(n), "trace_state": f"ot=th:c;rv:{n}"} for n in range(50)]
    table = pa.Table.from_pylist([dict.fromkeys(RECEIVED.names) | row for row in same], RECEIVED)
    with DuckDBEngine(threads=1) as engine:
        lines_apart(engine, given(engine, table), None, "true", Tally(), KEY)
        sayings = engine.query("select operation, weight from sayings").to_pylist()
    assert sayings == [{"operation": "GET /cart", "weight": 4.0}]


def test_random_numbers_of_samplers_make_no_sayings() -> None:
    rows = [
        dict.fromkeys(IN_NANOSECONDS.names) | ROW | {"trace_state": f"ot=th:c;rv:{n:014x}"}
        for n in range(50)
    ]
    _, sayings = told_apart(pa.Table.from_pylist(rows, IN_NANOSECONDS))
    assert sayings.num_rows == 1


def test_sayings_are_apart_however_many_kinds_of_them_there_are() -> None:
    texts = [{name: f"{name} {n}" for name in TEXTS} for n in range(2_000)]
    nothing = dict.fromkeys(IN_NANOSECONDS.names)
    table = pa.Table.from_pylist([nothing | ROW | row for row in texts * 2], IN_NANOSECONDS)
    lines, sayings = told_apart(table)
    assert sayings.num_rows == 2_000
    back = sayings.take(lines["number"])
    for name in TEXTS:
        assert back[name].to_pylist() == table[name].to_pylist()
