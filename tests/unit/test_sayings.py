"""What spans say is told once for all that say the same: as if every row were told by itself."""

import pyarrow as pa
import pytest

from informer.core.tables import SPANS
from informer.engines.duckdb import DuckDBEngine
from informer.spans.received import RECEIVED, Tally, stage_spans
from informer.spans.sayings import whole_spans
from row_by_row import row_by_row

ROW = {
    "trace_id": "t",
    "span_id": "1",
    "service": "shop",
    "operation": "GET /cart",
    "kind": "SPAN_KIND_SERVER",
    "start_ns": 1_000,
    "duration_ns": 5,
}
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


@pytest.mark.parametrize("correlate", [None, "client.address"])
@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("apart", [False, True])
def test_it_is_as_if_every_row_were_told_by_itself(
    correlate: str | None, condition: str, apart: bool
) -> None:
    wanted, names, tally = CONDITIONS[condition], ", ".join(SPANS.names), Tally()
    with DuckDBEngine(threads=1) as engine:
        engine.append("received_spans", rows(), passing=True)
        told = row_by_row(correlate, wanted)
        expected = engine.query(f"select {names} from ({told}) where reason is null order by all")
        fates = engine.query(
            f"select reason, count(*) as rows from ({told}) where reason is not null group by all"
        )
        received = "select * from received_spans"
        staged = stage_spans(engine, "told", received, correlate, wanted, tally, apart=apart)
        spans = whole_spans("told") if apart else "from told"
        got = engine.query(f"select {names} from ({spans}) order by all")
    assert str(got.to_pylist()) == str(expected.to_pylist())
    assert staged == expected.num_rows > 0
    assert tally.rejected == {row["reason"]: row["rows"] for row in fates.to_pylist()}


def test_spans_that_say_the_same_share_a_saying() -> None:
    same = [{**ROW, "span_id": str(n), "trace_state": f"ot=th:c;rv:{n}"} for n in range(50)]
    table = pa.Table.from_pylist([dict.fromkeys(RECEIVED.names) | row for row in same], RECEIVED)
    with DuckDBEngine(threads=1) as engine:
        engine.append("received_spans", table, passing=True)
        stage_spans(engine, "t", "select * from received_spans", None, "true", Tally(), apart=True)
        sayings = engine.query("select operation, weight from sayings").to_pylist()
    assert sayings == [{"operation": "GET /cart", "weight": 4.0}]
