"""Envoy's spans through a collector and Kafka, with a service that is killed on the way."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from envoy_mesh import STEP_S, WATERMARK_S, meanwhile, mesh
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from serving import serving, with_settings

from informer.pipeline.workspace import Workspace
from real_parts import eventually, free_port, listens, needed, running

kafka = pytest.importorskip("confluent_kafka")
TOPIC = "otlp_spans"
NS = 10**9
SETTINGS = """
[serve]
grpc = ""
http = ""
web = "127.0.0.1:0"
watermark_s = {watermark_s}
relearn_hours = 0
[kafka]
brokers = [{brokers}]
start = "earliest"
"""
JUDGED = "where step_start_ns >= $began and step_start_ns < $closed"
CALLS, SEEN = (
    f"select sum(calls) as calls from traffic {JUDGED}",
    f"select seen from steps {JUDGED}",
)


@contextmanager
def collector(folder: Path, brokers: str) -> Iterator[int]:
    """A collector that writes what it hears into Kafka; its port."""
    agent = needed("rotel", program="rotel-agent")
    port = free_port()
    command = [
        agent,
        "start",
        f"--otlp-grpc-endpoint=127.0.0.1:{port}",
        f"--otlp-http-endpoint=127.0.0.1:{free_port()}",
        "--exporter=kafka",
        f"--kafka-exporter-brokers={brokers}",
        f"--kafka-exporter-traces-topic={TOPIC}",
        f"--pid-file={folder / 'pid'}",
        f"--log-file={folder / 'agent.log'}",
    ]
    with running(command, folder / "collector.log", lambda: listens(port)):
        yield port


def starts_of_traces(brokers: str) -> dict[bytes, list[int]]:
    """When the spans of each trace in the topic begin."""
    reader = kafka.Consumer({"bootstrap.servers": brokers, "group.id": "reader", "log_level": 0})
    found: dict[bytes, list[int]] = defaultdict(list)
    partitions = reader.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions
    ends = {n: reader.get_watermark_offsets(kafka.TopicPartition(TOPIC, n))[1] for n in partitions}
    reader.assign([kafka.TopicPartition(TOPIC, n, 0) for n in partitions])
    missing = sum(ends.values())
    while missing:
        for message in reader.consume(100, 10):
            assert message.error() is None
            missing -= 1
            request = ExportTraceServiceRequest.FromString(message.value())
            for group in request.resource_spans:
                for span in (s for part in group.scope_spans for s in part.spans):
                    found[span.trace_id].append(span.start_time_unix_nano)
    reader.close()
    return found


def test_a_service_that_is_killed_loses_nothing_and_counts_nothing_twice(
    brokers: str, mesh_workspace: Path, tmp_path: Path
) -> None:
    quoted = ", ".join(f'"{one}"' for one in brokers.split(","))
    settings = SETTINGS.format(watermark_s=WATERMARK_S, brokers=quoted)
    workspace = with_settings(mesh_workspace, settings)
    with collector(tmp_path, brokers) as port, mesh(tmp_path, port) as small, meanwhile(small):
        with serving(workspace) as served:
            eventually(lambda: served.metric("informer_steps_closed_total") >= 3)
            served.process.kill()
            served.process.wait()
        time.sleep(2 * STEP_S)  # users do not wait until somebody listens again
        with serving(workspace) as served:
            eventually(lambda: served.metric("informer_steps_closed_total") >= 6)
            assert served.metric("informer_spans_late_total") == 0
    with Workspace.open(workspace) as home:
        note = home.get("watching")
        began, closed = int(note["began_ns"]), int(note["closed_ns"])
        judged = home.engine.query(CALLS, began=began, closed=closed)["calls"][0].as_py()
        steps = home.engine.query(SEEN, began=began, closed=closed)
    traces = starts_of_traces(brokers).values()
    assert judged == sum(len(starts) for starts in traces if began <= min(starts) < closed)
    assert (closed - began) // (STEP_S * NS) == steps.num_rows >= 9
    assert all(steps["seen"].to_pylist())
