"""Messages of live traffic made beforehand, so that to send one costs next to nothing.

Traces of the simulated shop become OTLP requests once. Each time one is sent, the ids and times in
its bytes are changed in place: new traces that begin now.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans

from informer.core.types import Ints, Json
from informer.simulate.blocks import block, simulation
from informer.simulate.read import read_scenario
from informer.spans.span_walk import END, PARENT, SPAN, START, TRACE, walked
from informer.spans.texts import Text

SEED = 7
DAY_NS = 86_400 * 10**9
FROM_NS = 1_790_000_000 * 10**9 // DAY_NS * DAY_NS
SPREAD_NS = 10**9  # traces of a message begin within a second
KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}


@dataclass(slots=True)
class Message:
    """A request as bytes, and where in it lies what changes."""

    bytes: npt.NDArray[np.uint8]
    traces: Ints  # [n], places of ids of 16 bytes
    spans: Ints  # of ids of 8 bytes, parents as well
    times: Ints  # of words
    many: int

    def at(self, now_ns: int, rng: np.random.Generator) -> bytes:
        """The same requests, made anew."""
        made = np.concatenate([self.bytes, np.zeros(8, np.uint8)])
        for places, size in ((self.traces, 16), (self.spans, 8)):
            made[places[:, None] + np.arange(size)] ^= rng.integers(0, 256, size, np.uint8)
        words: Ints = np.ndarray(len(made) - 7, "<i8", made.data, strides=(1,))
        words[self.times] += now_ns
        return made[:-8].tobytes()


def shop_spans(many: int) -> pa.Table:
    """Whole traces of the shop, about so many spans; times count from the start of the trace."""
    made, _ = block(simulation(read_scenario("shop"), SEED, FROM_NS), 0)
    trace = pc.rank(made["trace_id"], tiebreaker="dense")
    chosen = np.random.default_rng(SEED).permutation(pc.max(trace).as_py())[: many // 4] + 1
    rows = made.filter(pc.is_in(trace, pa.array(chosen, pa.uint64())))
    begin = rows.group_by("trace_id").aggregate([("start_ns", "min")])
    joined = rows.join(begin, "trace_id")
    start = pc.subtract(joined["start_ns"], joined["start_ns_min"])
    place = joined.column_names.index("start_ns")
    return joined.set_column(place, "start_ns", start).drop_columns("start_ns_min")


def messages(spans: pa.Table, per_message: int) -> list[Message]:
    """Messages of whole traces, about so many spans each."""
    traces: dict[str, list[Json]] = {}
    for row in spans.to_pylist():
        traces.setdefault(row["trace_id"], []).append(row)
    rng = np.random.default_rng(SEED)
    made, waiting = [], []
    for trace in traces.values():
        waiting.append(trace)
        if sum(map(len, waiting)) >= per_message:
            made.append(_message(waiting, rng))
            waiting = []
    return made


def teach(spans: pa.Table, path: Path, *, rate: float, seconds: int) -> int:
    """Write so many seconds of such traffic for learning; gives how many spans there are."""
    rng = np.random.default_rng(SEED + 1)
    order = pc.sort_indices(spans, [("trace_id", "ascending")])
    rows = spans.take(order)
    _, first, length = np.unique(
        rows["trace_id"].to_numpy(zero_copy_only=False), return_index=True, return_counts=True
    )
    many = rng.poisson(rate * seconds / length.mean())
    trace = rng.integers(0, len(first), many)
    begin = np.sort(rng.integers(0, seconds * 10**9, many))
    sizes = length[trace]
    inside = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    chosen = rows.take(pa.array(np.repeat(first[trace], sizes) + inside))
    columns = {name: chosen[name] for name in chosen.column_names}
    columns["trace_id"] = pc.cast(pa.array(np.repeat(np.arange(many), sizes)), pa.string())
    start = chosen["start_ns"].to_numpy() + np.repeat(begin, sizes)
    columns["start_ns"] = pa.array(start + FROM_NS)
    pq.write_table(pa.table(columns), path)
    return len(start)


def _message(traces: list[list[Json]], rng: np.random.Generator) -> Message:
    request = ExportTraceServiceRequest()
    parts: dict[tuple[str, str], ScopeSpans] = {}
    for rows in traces:
        trace_id, begin = rng.bytes(16), int(rng.integers(SPREAD_NS))
        # Parents that were lost keep an id as well: without one their children would be roots.
        named = dict.fromkeys(row[i] for row in rows for i in ("span_id", "parent_span_id"))
        ids = {span_id: rng.bytes(8) for span_id in named if span_id}
        for row in rows:
            key = (row["service"], row["version"])
            if key not in parts:
                group = request.resource_spans.add()
                for name, value in zip(("service.name", "service.version"), key, strict=True):
                    group.resource.attributes.add(key=name).value.string_value = value
                parts[key] = group.scope_spans.add()
            start = begin + row["start_ns"]
            span = parts[key].spans.add(
                trace_id=trace_id,
                span_id=ids[row["span_id"]],
                parent_span_id=ids.get(row["parent_span_id"] or "", b""),
                name=row["operation"],
                kind=KINDS[row["kind"]],  # type: ignore[arg-type]  # an enum is a number
                start_time_unix_nano=start + 1,
                end_time_unix_nano=start + 1 + row["duration_ns"],
                flags=0x101,
            )
            span.status.code = 2 if row["failed"] else 0  # type: ignore[assignment]
            said = orjson.loads(row["attributes"]) | {
                "network.protocol.version": "1.1",
                "client.port": str(rng.integers(65_536)),
                "thread.name": f"worker-{rng.integers(64)}",
                "telemetry.distro.name": "opentelemetry-java-instrumentation",
            }
            method, _, route = row["operation"].partition(" ")
            if route.startswith("/"):
                said |= {"http.request.method": method, "http.route": route}
                said |= {"url.path": f"{route}/{rng.integers(100_000)}"}
            if row["peer"]:
                said["server.address"] = row["peer"]
            for name, text in said.items():
                span.attributes.add(key=name).value.string_value = text
            if row["status_code"] is not None:
                code = span.attributes.add(key="http.response.status_code")
                code.value.int_value = row["status_code"]
    return _with_places(request.SerializeToString())


def _with_places(message: bytes) -> Message:
    request = ExportTraceServiceRequest.FromString(message)
    spans = [
        span.SerializeToString()
        for group in request.resource_spans
        for part in group.scope_spans
        for span in part.spans
    ]
    text, where, last = Text(spans), np.zeros(len(spans), np.int64), 0
    for n, span in enumerate(spans):
        where[n] = last = message.index(span, last)
    found, _, odd = walked(text)
    assert not odd.any()

    def places(column: int) -> Ints:
        there = found[:, column] >= 0
        return np.asarray((found[:, column] - text.starts + where)[there])

    return Message(
        np.frombuffer(message, np.uint8),
        places(TRACE),
        np.concatenate([places(SPAN), places(PARENT)]),
        np.concatenate([places(START), places(END)]),
        len(spans),
    )
