"""`informer serve`: spans come in by OTLP as real SDKs send them, and incidents come of them."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from google.rpc.status_pb2 import Status as RpcStatus
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from informer.pipeline.look import list_incidents
from running_service import Served, serving, with_serve_settings
from shop import Shop
from traffic_maker import STEP_NS


@pytest.fixture
def service(own_workspace: Path) -> Path:
    """A learned workspace whose service listens anywhere."""
    return with_serve_settings(own_workspace)


def steps(shop: Shop, first: int, last: int) -> list[ReadableSpan]:
    """The spans of some steps of the attacked day, as an SDK has them."""
    table = pq.read_table(shop.attacked)
    inside = pc.and_(
        pc.greater_equal(table["StartNs"], shop.day_ns + first * STEP_NS),
        pc.less(table["StartNs"], shop.day_ns + last * STEP_NS),
    )
    resources: dict[tuple[str, str], Resource] = {}
    found = []
    for row in table.filter(inside).to_pylist():
        named = (row["Service"], row["Version"])
        resource = resources.setdefault(
            named, Resource({"service.name": named[0], "service.version": named[1]})
        )
        found.append(_span(row, resource))
    return found


def _span(row: dict[str, Any], resource: Resource) -> ReadableSpan:
    def context(span_id: str) -> SpanContext:
        trace = int.from_bytes(row["TraceID"].encode(), "big") % 2**128 or 1
        return SpanContext(trace, int(span_id[1:]) + 1, is_remote=False, trace_flags=TraceFlags(1))

    return ReadableSpan(
        name=row["Operation"],
        context=context(row["SpanID"]),
        parent=context(row["ParentID"]) if row["ParentID"] else None,
        resource=resource,
        kind=SpanKind.SERVER,
        attributes={"http.response.status_code": row["Status"]},
        status=Status(StatusCode.ERROR if row["Status"] >= 500 else StatusCode.UNSET),
        start_time=row["StartNs"],
        end_time=row["StartNs"] + row["DurationUs"] * 1_000,
    )


def send(exporter: SpanExporter, spans: Sequence[ReadableSpan]) -> None:
    for i in range(0, len(spans), 512):
        assert exporter.export(spans[i : i + 512]) is SpanExportResult.SUCCESS
    exporter.shutdown()


def grpc_exporter(served: Served) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(f"http://127.0.0.1:{served.ports['gRPC']}", insecure=True)


def http_exporter(served: Served) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    url = f"http://127.0.0.1:{served.ports['HTTP']}/v1/traces"
    return OTLPSpanExporter(url, compression=Compression.Gzip)


def test_an_attack_sent_by_sdks_becomes_an_incident(shop: Shop, service: Path) -> None:
    with serving(service) as served:
        assert served.get("/healthz")[0] == 200
        assert served.get("/readyz")[0] == 200
        send(grpc_exporter(served), steps(shop, 40, 55))
        send(http_exporter(served), steps(shop, 55, 70))
        served.wait_for("informer_steps_closed_total", 27)
        received = served.metric("informer_spans_received_total")
        judged = served.metric("informer_spans_judged_total")
        waiting = served.metric("informer_spans_open")
        assert served.metric("informer_spans_late_total") == 0
        rejected = served.metric('informer_spans_rejected_total{reason="before_watching"}')
        assert rejected == len(steps(shop, 40, 41))  # nobody listened when that step began
        assert received == judged + waiting + rejected
        told = served.get("/metrics")[1].decode()
        of_pattern = r'^informer_{}{{pattern=".+"}} (\S+)$'
        scores, ages = (
            [float(value) for value in re.findall(of_pattern.format(name), told, re.MULTILINE)]
            for name in ("score", "model_age_seconds")
        )
        assert len(scores) == len(ages) > 1
        assert min(scores) >= 0
        assert min(ages) > 0
        assert served.metric("informer_orphan_share") < 0.05
        served.wait_for('informer_notices_total{how="delivered",sink="log"}', 1)
    found = list_incidents(service)
    assert [i["rpcs"][0]["callee"] for i in found if i["kind"] == "refusal"] == ["auth"]


def test_after_a_kill_no_step_is_judged_twice_and_no_span_is_lost(
    shop: Shop, service: Path
) -> None:
    with serving(service) as served:
        send(grpc_exporter(served), steps(shop, 0, 6))
        served.wait_for("informer_steps_closed_total", 4)
        send(grpc_exporter(served), steps(shop, 6, 8))
        served.process.kill()
        served.process.wait()
    with serving(service) as served:
        served.wait_for("informer_steps_closed_total", 1)
        send(grpc_exporter(served), steps(shop, 8, 10))
        served.wait_for("informer_steps_closed_total", 3)
        assert served.metric("informer_spans_late_total") == 0
    kept = pq_table(service, "select step_start_ns, seen from steps order by 1")
    starts = [row["step_start_ns"] for row in kept if row["step_start_ns"] >= shop.day_ns]
    assert len(starts) == len(set(starts)) == 8


def pq_table(workspace: Path, sql: str) -> list[dict[str, Any]]:
    from informer.pipeline.workspace import Workspace

    with Workspace.open(workspace) as home:
        rows: pa.Table = home.engine.query(sql)
        return rows.to_pylist()


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"\x0a\xff\xff\xff\xff\x0f", "application/x-protobuf", 400),
        (b"no json", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"", "text/plain", 415),
    ],
)
def test_a_message_of_no_use_is_refused_and_counted(
    service: Path, body: bytes, kind: str, status: int
) -> None:
    with serving(service) as served:
        code, said = served.post(body, kind)
        assert code == status
        is_protobuf = kind == "application/x-protobuf"
        assert RpcStatus.FromString(said).message if is_protobuf else json.loads(said)["message"]
        assert b"informer_messages_refused_total" in served.get("/metrics")[1]
        assert served.get("/readyz")[0] == 200


def test_spans_without_ids_are_told_back(service: Path) -> None:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "shop"
    group.scope_spans.add().spans.add(name="x", trace_id=b"\0" * 16, span_id=b"\1" * 8)
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
        ExportTraceServiceResponse,
    )

    with serving(service) as served:
        code, said = served.post(request.SerializeToString(), "application/x-protobuf")
        answer = ExportTraceServiceResponse.FromString(said)
        assert (code, answer.partial_success.rejected_spans) == (200, 1)


def test_beyond_this_machine_nothing_listens_without_tls(service: Path) -> None:
    file = service / "informer.toml"
    file.write_text(file.read_text("utf-8").replace('grpc = "127.0.0.1:0"', 'grpc = "0.0.0.0:0"'))
    command = [sys.executable, "-m", "informer", "serve", "-w", str(service)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 2
    assert "serve.grpc listens beyond this machine" in ran.stderr


def test_where_too_few_files_may_be_open_it_says_so(service: Path) -> None:
    few = ("sh", "-c", 'ulimit -n 1000; exec "$@"', "sh")
    command = [*few, sys.executable, "-m", "informer", "serve", "-w", str(service)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 2
    assert "files, got 1000: raise the hard limit" in ran.stderr
    assert ran.stderr.count("\n") == 1
