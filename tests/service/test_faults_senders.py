"""Senders that mean ill, or come all at once: what is of use is judged, and memory is bounded."""

import contextlib
import random
import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from http2 import EXPORT, http2_export
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from kept_steps import calls_by_step
from receiver import Receiver, receiving
from running_service import Served, serving, with_serve_settings
from shop import Shop
from soaking import eventually, many
from span_feed import Feed, Message
from traffic_maker import DAY_STEPS, STEP_NS

PROTOBUF, JSON = "application/x-protobuf", "application/json"
MOST_MB = 1_500  # at any moment; the service with nothing to do has some 300


@pytest.fixture
def service(own_workspace: Path) -> Path:
    return with_serve_settings(own_workspace)


def send(served: Served, messages: Sequence[Message]) -> None:
    """Again and again until each is taken."""
    for message in messages:
        eventually(lambda body=message.body: served.post(body, PROTOBUF)[0] == 200)  # type: ignore[misc]


def assert_well(served: Served, shop: Shop, first: int = 0) -> None:
    """Alive, bounded, and of use: what good senders send is judged."""
    before = served.metric("informer_steps_closed_total")
    send(served, list(Feed(shop, first, first + 5).messages()))
    served.wait_for("informer_steps_closed_total", before + 3)
    assert served.get("/healthz")[0] == 200
    assert served.get("/readyz")[0] == 200
    assert peak_mb(served) < MOST_MB


def peak_mb(served: Served) -> float:
    """The most memory that the process ever had."""
    status = Path(f"/proc/{served.process.pid}/status")
    if not status.exists():
        pytest.skip("memory of a process is read from /proc")
    (line,) = [x for x in status.read_text().splitlines() if x.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def test_one_sender_with_times_of_another_unit_does_not_move_those_of_others(
    shop: Shop, service: Path
) -> None:
    feed, judged = Feed(shop, 0, 5), Feed(shop, 1, 4).spans_by_step()
    request = one_span()
    spans = request.resource_spans[0].scope_spans[0].spans
    spans[0].start_time_unix_nano = shop.day_ns // 1_000  # in microseconds
    spans.extend([spans[0]] * 1_000)
    with serving(service) as served:
        assert served.post(request.SerializeToString(), PROTOBUF)[0] == 200
        send(served, list(feed.messages()))
        served.wait_for("informer_spans_judged_total", sum(judged.values()))
        assert peak_mb(served) < MOST_MB
    kept = calls_by_step(service, shop.day_ns)
    assert {ns: kept.get(ns) for ns in judged} == judged


def one_span(name: str = "x", *, nesting: int = 0) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "shop"
    span = group.scope_spans.add().spans.add(
        name=name, trace_id=b"\1" * 16, span_id=b"\1" * 8, start_time_unix_nano=1
    )
    value = span.attributes.add(key="nested").value
    for _ in range(nesting):
        value = value.array_value.values.add()
    return request


def nested_protobuf(depth: int) -> bytes:
    """Deeper than the library writes: each level is a field inside the one before."""
    inner = b""
    for number in [*[1, 5] * depth, 2, 9, 2, 2, 1]:  # AnyValue.array_value .. resource_spans
        length, head = len(inner), bytes([number << 3 | 2])
        while length > 127:
            head += bytes([length & 127 | 128])
            length >>= 7
        inner = head + bytes([length]) + inner
    return inner


HOSTILE: dict[str, tuple[bytes, str]] = {
    "cut off": (one_span().SerializeToString()[:-3], PROTOBUF),
    "four gigabytes promised": (b"\x0a\xff\xff\xff\xff\x0f", PROTOBUF),
    "a length without end": (b"\x0a" + b"\xff" * 11, PROTOBUF),
    "deep": (nested_protobuf(5_000), PROTOBUF),
    "as deep as is taken": (one_span(nesting=40).SerializeToString(), PROTOBUF),
    "noise": (random.Random(1).randbytes(100_000), PROTOBUF),
    "an unknown group": (b"\x0b" * 50_000, PROTOBUF),
    "deep JSON": (b'{"resourceSpans":' + b"[" * 500_000, JSON),
    "deep JSON that closes": (b'{"resourceSpans":' + b"[" * 900 + b"]" * 900 + b"}", JSON),
    "JSON of other kinds": (b'{"resourceSpans":[{"scopeSpans":[{"spans":[7,null,"x"]}]}]}', JSON),
    "huge numbers": (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":'
                     + b"9" * 5_000 + b"}]}]}]}", JSON),
    "half a surrogate": (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"\\ud800"}]}]}]}',
                         JSON),
    "no UTF-8": (b'{"resourceSpans":"\xff\xfe"}', JSON),
}  # fmt: skip


def test_hostile_messages_are_answered_and_leave_nothing_behind(shop: Shop, service: Path) -> None:
    with serving(service) as served, grpc_channel(served) as channel:
        export = channel.unary_unary(EXPORT)
        for name, (body, kind) in HOSTILE.items():
            assert served.post(body, kind)[0] in (200, 400), name
            if kind == PROTOBUF:
                assert export_code(export, body) in (
                    grpc.StatusCode.OK,
                    grpc.StatusCode.INVALID_ARGUMENT,
                ), name
        assert_well(served, shop)


def export_code(export: grpc.UnaryUnaryMultiCallable, body: bytes) -> grpc.StatusCode:
    try:
        _, call = export.with_call(body, timeout=30)
    except grpc.RpcError as error:
        return error.code()
    return call.code()


def grpc_channel(served: Served) -> grpc.Channel:
    return grpc.insecure_channel(f"127.0.0.1:{served.ports['gRPC']}")


def test_a_frame_that_promises_four_gigabytes_takes_none(shop: Shop, service: Path) -> None:
    with serving(service) as served:
        before = peak_mb(served)
        with (
            tcp(served, "gRPC") as grpc_socket,
            tcp(served, "HTTP") as http_socket,
        ):
            grpc_socket.sendall(http2_export(b"\0\xff\xff\xff\xff" + b"x" * 1_000))
            http_socket.sendall(
                b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
                b"Content-Length: 4294967295\r\n\r\nx"
            )
            assert_well(served, shop)
        assert peak_mb(served) < before + 500


def tcp(served: Served, which: str, *, source: str = "127.0.0.1") -> socket.socket:
    address = ("127.0.0.1", served.ports[which])
    return socket.create_connection(address, timeout=30, source_address=(source, 0))


NAMES = many(100_000, 1_000_000)
AT_ONCE = 5_000


def test_names_without_end_do_not_fill_memory(shop: Shop, service: Path) -> None:
    start_ns = shop.day_ns + STEP_NS // 2
    with serving(service) as served:
        for first in range(0, NAMES, AT_ONCE):
            request = ExportTraceServiceRequest()
            group = request.resource_spans.add()
            named = group.resource.attributes.add(key="service.name")
            named.value.string_value = f"service {first}"
            spans = group.scope_spans.add().spans
            for number in range(first, first + AT_ONCE):
                spans.add(
                    name=f"operation-{number:x}-of-many",
                    trace_id=(number + 1).to_bytes(16, "big"),
                    span_id=(number + 1).to_bytes(8, "big"),
                    kind=2,
                    start_time_unix_nano=start_ns + STEP_NS * (1 + 3 * number // NAMES),
                    end_time_unix_nano=start_ns + STEP_NS * (1 + 3 * number // NAMES) + 1_000,
                )
            body = request.SerializeToString()
            eventually(lambda body=body: served.post(body, PROTOBUF)[0] == 200)  # type: ignore[misc]
        send(served, list(Feed(shop, 6, 12).messages()))
        eventually(lambda: served.metric("informer_steps_closed_total") >= 6, many(120, 600))
        assert served.get("/readyz")[0] == 200
        print(f"{NAMES} names: {peak_mb(served):.0f} MB at most")
        assert peak_mb(served) < MOST_MB


ZERO_IDS = [(0, 1), (1, 0), (0, 0)]


def test_spans_without_ids_are_told_back_and_counted(shop: Shop, service: Path) -> None:
    with serving(service) as served:
        request = one_span()
        spans = request.resource_spans[0].scope_spans[0].spans
        del spans[:]
        for trace_id, span_id in ZERO_IDS:
            spans.add(
                name="x",
                trace_id=trace_id.to_bytes(16, "big"),
                span_id=span_id.to_bytes(8, "big"),
                start_time_unix_nano=shop.day_ns,
            )
        assert served.post(request.SerializeToString(), PROTOBUF)[0] == 200
        assert_well(served, shop)
        rejected = [
            float(line.split()[-1])
            for line in served.get("/metrics")[1].decode().splitlines()
            if line.startswith("informer_spans_rejected_total{")
            and "before_watching" not in line  # of the feed, when its first step comes in pieces
        ]
        assert sum(rejected) == len(ZERO_IDS)


CONNECTIONS = many(300, 3_000)


def test_a_storm_of_connections_passes(shop: Shop, service: Path) -> None:
    body = next(Feed(shop, 0, 1).messages()).body

    def reconnect(number: int) -> None:
        """Come, perhaps say something, and go without a word."""
        kind = number % 4
        if kind == 0:
            with grpc_channel(served) as channel:
                channel.unary_unary(EXPORT)(body, timeout=60, wait_for_ready=True)
        elif kind == 1:
            with tcp(served, "gRPC"):
                pass
        elif kind == 2:
            with tcp(served, "HTTP") as made:
                made.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Le")
        else:
            with tcp(served, "gRPC") as made:
                made.sendall(random.Random(number).randbytes(500))

    with serving(service) as served, ThreadPoolExecutor(20) as threads:
        list(threads.map(reconnect, range(CONNECTIONS)))
        assert_well(served, shop, first=1)


SLOW = 600  # more connections than a worker of a web server usually allows


def test_those_who_send_drop_by_drop_keep_nobody_out(shop: Shop, service: Path) -> None:
    with serving(service) as served:
        slow = [tcp(served, "HTTP", source="127.0.0.2") for _ in range(SLOW)]
        try:
            for number, made in enumerate(slow):
                head = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\n"
                if number % 2:
                    head += b"Content-Type: application/x-protobuf\r\nContent-Length: 1000\r\n\r\n"
                with contextlib.suppress(OSError):  # one address gets so many connections
                    made.sendall(head)
            ended = threading.Event()
            thread = threading.Thread(target=drip, args=(slow, ended))
            thread.start()
            try:
                assert_well(served, shop)
            finally:
                ended.set()
                thread.join()
        finally:
            for made in slow:
                made.close()


def drip(slow: Sequence[socket.socket], ended: threading.Event) -> None:
    while not ended.wait(1.0):
        for made in slow:
            try:
                made.send(b"x")
            except OSError:
                continue  # it was cut off


FILES = 300  # that the service may have open when it starts; systems often give 1,024


def test_connections_without_end_leave_files_for_the_spool(shop: Shop, service: Path) -> None:
    few = ("sh", "-c", f'ulimit -Sn {FILES}; exec "$@"', "sh")
    with serving(service, before=few) as served, contextlib.ExitStack() as open_ones:
        for which in ("HTTP", "gRPC"):
            for _ in range(FILES):
                with contextlib.suppress(OSError):
                    made = open_ones.enter_context(tcp(served, which, source="127.0.0.2"))
                    made.sendall(b"PRI * HTTP/2.0\r\n" if which == "gRPC" else b"POST / HT")
        assert_well(served, shop)


def test_after_an_outage_all_come_at_once_and_every_span_is_accounted_for(
    shop: Shop, service: Path
) -> None:
    outage = many(range(12, 24), range(12, 96))
    last = outage.stop + 6
    with serving(service) as served:
        send(served, list(Feed(shop, 0, outage.start).messages()))
        served.wait_for("informer_steps_closed_total", outage.start - 2)
        kept_back = list(Feed(shop, outage.start, outage.stop).messages())
        random.Random(3).shuffle(kept_back)
        now = list(Feed(shop, outage.stop, outage.stop + 2).messages())
        with ThreadPoolExecutor(16) as threads:
            list(threads.map(lambda m: send(served, [m]), [*now, *kept_back]))
        send(served, list(Feed(shop, outage.stop + 2, last).messages()))
        served.wait_for("informer_steps_closed_total", last - 2)
        first = Feed(shop, 0, 1).spans_by_step()[shop.day_ns]  # nobody listened when it began
        eventually(
            lambda: accounted(served) + first == served.metric("informer_spans_received_total")
        )
        assert peak_mb(served) < MOST_MB
    kept = calls_by_step(service, shop.day_ns)
    expected = Feed(shop, 1, last - 1).spans_by_step()
    before, after = shop.day_ns + outage.start * STEP_NS, shop.day_ns + outage.stop * STEP_NS
    for ns, spans in expected.items():
        if ns < before or ns >= after:
            assert kept[ns] == spans


def accounted(served: Served) -> float:
    names = ("informer_spans_judged_total", "informer_spans_late_total", "informer_spans_open")
    return sum(served.metric(name) for name in names)


def ids(receiver: Receiver) -> set[str]:
    return {body["id"] for body in receiver.bodies}


DOWN_S = many(5.0, 600.0)


def test_a_sink_that_is_down_for_long_is_told_all_when_it_is_back(
    shop: Shop, own_workspace: Path
) -> None:
    with receiving() as gone:
        port = int(gone.url.rpartition(":")[2])
    workspace = with_serve_settings(own_workspace, f'\n[webhook]\nurl = "{gone.url}"\n')
    with serving(workspace) as served:
        send(served, list(Feed(shop, 40, DAY_STEPS - 1).messages()))
        served.wait_for("informer_steps_closed_total", DAY_STEPS - 1 - 40 - 3)
        told = 'informer_notices_total{how="delivered",sink="log"}'
        failed = 'informer_notices_total{how="failed",sink="webhook"}'
        served.wait_for(told, 1)
        served.wait_for(failed, 3)
        ends = time.monotonic() + DOWN_S
        while time.monotonic() < ends:
            assert served.get("/readyz")[0] == 200
            time.sleep(1)
        with receiving(port) as back:
            eventually(lambda: len(ids(back)) == served.metric(told), 360)
            sequences: dict[str, list[int]] = {}
            for body in back.bodies:
                sequences.setdefault(body["incident"]["id"], []).append(body["sequence"])
            assert all(s == list(range(1, len(s) + 1)) for s in sequences.values())
            assert len(back.came) == len(ids(back))
        assert peak_mb(served) < MOST_MB
