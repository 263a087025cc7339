"""What comes in from outside is taken or refused, whatever it is; nothing is lost unseen."""

import asyncio
import gzip
import random
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from counting_unpacker import CountingUnpacker
from informer.core.errors import InformerError
from informer.service import otlp_grpc, otlp_http
from informer.service.access import Certificates, Tokens, check_address
from informer.service.gaps import Gaps
from informer.service.marks import Lines, Mark, lines_message, mark_message
from informer.service.otlp_http import gunzipped
from informer.service.reception import Reception, RefusedError, check_message, counted, counted_json
from informer.service.segments import framed
from informer.service.spool import Spool
from informer.service.web import traces_app
from otlp_strategies import varint

MOST = 10_000
OF_GRPC = {"no_message", "slow_body", "too_many_calls"}  # by HTTP the connection is cut off


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path, most_bytes=2_000, segment_bytes=500)
    yield made
    made.close()


def request(
    spans: int, *, service: str = "shop", trace_id: bytes = b"t" * 16, start_ns: int = 7
) -> bytes:
    made = ExportTraceServiceRequest()
    group = made.resource_spans.add()
    if service:
        group.resource.attributes.add(key="service.name").value.string_value = service
    part = group.scope_spans.add()
    for i in range(spans):
        span_id = (i + 1).to_bytes(8, "big")
        part.spans.add(trace_id=trace_id, span_id=span_id, start_time_unix_nano=start_ns)
    return made.SerializeToString()


def test_what_is_taken_is_kept_as_it_came_and_counted(spool: Spool, tmp_path: Path) -> None:
    reception = Reception(spool, most_message_bytes=MOST)
    message = request(3)
    assert not reception.take(message).HasField("partial_success")
    assert (reception.received.messages, reception.received.spans) == (1, 3)
    spool.close()
    (segment,) = spool.sealed()
    assert segment.path.read_bytes() == len(message).to_bytes(4, "big") + message


@pytest.mark.parametrize(
    "useless",
    [
        request(2, service=""),
        request(2, trace_id=b"\0" * 16),
        request(2, trace_id=b"short"),
        request(2, start_ns=0),
    ],
    ids=["no service", "zero id", "short id", "no time"],
)
def test_spans_of_no_use_are_told_back(spool: Spool, useless: bytes) -> None:
    reception = Reception(spool, most_message_bytes=MOST)
    assert reception.take(useless).partial_success.rejected_spans == 2
    assert reception.received.malformed == 2


def test_an_empty_message_is_fine_and_takes_no_room(spool: Spool) -> None:
    Reception(spool, most_message_bytes=MOST).take(b"")
    assert spool.size == 0


def test_a_full_spool_asks_to_come_again(spool: Spool) -> None:
    reception = Reception(spool, most_message_bytes=MOST)
    while not spool.is_full:
        reception.take(request(5))
    with pytest.raises(RefusedError) as refused:
        reception.take(request(40))
    assert refused.value.again
    assert reception.received.refused == {"no_room": 1}
    assert reception.received.spans * 10 < spool.size <= 2_000


def test_who_is_sent_away_for_now_is_counted_by_spans_and_leaves_a_gap(tmp_path: Path) -> None:
    now = 0.0
    spool = Spool(tmp_path, most_bytes=9_000, segment_bytes=10, most_wait_s=5.0, clock=lambda: now)
    gaps = Gaps(reach_ns=30)
    reception = Reception(spool, most_message_bytes=MOST, gaps=gaps, clock_ns=lambda: 1_000)
    reception.take(request(2))
    now = 5.5
    with pytest.raises(RefusedError) as refused:
        reception.take(request(3))
    assert (refused.value.reason, refused.value.again) == ("behind", True)
    with pytest.raises(RefusedError, match="may have"):
        reception.take(b"x" * (MOST + 1))
    assert reception.received.sent_away == {"behind": 3}
    assert reception.received.spans == 2
    assert gaps.handed_over() == [(970, 1_000)]
    spool.taken_in(1)
    reception.take(request(3))
    assert (reception.received.spans, gaps.handed_over()) == (5, [])


def test_whatever_is_refused_has_a_status_for_senders() -> None:
    assert otlp_grpc.STATUS.keys() - otlp_http.STATUS.keys() == OF_GRPC
    assert otlp_http.STATUS.keys() - otlp_grpc.STATUS.keys() == {"too_much_at_once"}
    for reason, status in otlp_http.STATUS.items():
        assert status in otlp_http.CODE, reason


def test_gaps_that_touch_are_one() -> None:
    gaps = Gaps(reach_ns=10)
    for now_ns in (100, 105, 115, 200):
        gaps.add(now_ns)
    assert gaps.handed_over() == [(90, 115), (190, 200)]
    assert gaps.handed_over() == []


def test_a_large_message_is_refused_before_it_is_read(spool: Spool) -> None:
    reception = Reception(spool, most_message_bytes=50)
    with pytest.raises(RefusedError, match="may have 50 bytes"):
        reception.take(request(9))
    assert reception.received.refused == {"too_large": 1}


def reason(read: Callable[[bytes], tuple[int, int]], data: bytes) -> str:
    """Why bytes are refused; empty where they are counted."""
    try:
        spans, malformed = read(data)
    except RefusedError as refused:
        return refused.reason
    return "" if 0 <= malformed <= spans else "counted wrongly"


@given(st.binary(max_size=400))
def test_any_bytes_are_counted_or_refused(data: bytes) -> None:
    assert {reason(counted, data), reason(counted_json, data)} <= {"", "malformed"}


@given(st.data())
def test_a_message_that_is_cut_or_changed_is_counted_or_refused(data: st.DataObject) -> None:
    message = bytearray(request(3))
    for _ in range(data.draw(st.integers(1, 4))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(message[: data.draw(st.integers(0, len(message)))])
    assert reason(counted, cut) in ("", "malformed")


def test_values_nested_without_end_are_refused() -> None:
    value = b""
    for _ in range(5_000):  # AnyValue.array_value.values, again and again
        inner = b"\x0a" + varint(len(value)) + value
        value = b"\x2a" + varint(len(inner)) + inner
    keyed = b"\x0a\x01k\x12" + varint(len(value)) + value
    attributes = b"\x0a" + varint(len(keyed)) + keyed
    resource = b"\x0a" + varint(len(attributes)) + attributes
    with pytest.raises(RefusedError, match="must be an ExportTraceServiceRequest"):
        counted(b"\x0a" + varint(len(resource)) + resource)


def test_json_nested_without_end_is_refused() -> None:
    with pytest.raises(RefusedError):
        counted_json(b'{"resourceSpans":' + b"[" * 100_000)


def test_a_gzip_bomb_is_refused_before_it_bursts() -> None:
    with pytest.raises(RefusedError, match="unpacked"):
        gunzipped(gzip.compress(b"\0" * 100_000_000), MOST)


@pytest.mark.parametrize("body", [b"", b"no gzip", gzip.compress(b"x" * 500, mtime=0)[:-9]])
def test_what_is_no_whole_gzip_is_refused(body: bytes) -> None:
    with pytest.raises(RefusedError, match="whole gzip"):
        gunzipped(body, MOST)


def test_gzip_is_unpacked() -> None:
    assert gunzipped(gzip.compress(b"spans"), MOST) == b"spans"


def test_gzip_of_several_members_is_unpacked_whole() -> None:
    assert gunzipped(gzip.compress(b"spans, ") + gzip.compress(b"more"), MOST) == b"spans, more"
    with pytest.raises(RefusedError, match="unpacked"):
        gunzipped(gzip.compress(b"x" * MOST) + gzip.compress(b"x"), MOST)
    with pytest.raises(RefusedError, match="whole gzip"):
        gunzipped(gzip.compress(b"spans") + b"rubbish", MOST)


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> type[CountingUnpacker]:
    class Counting(CountingUnpacker):
        pass

    monkeypatch.setattr(zlib, "decompressobj", lambda wbits: Counting(wbits))
    return Counting


def test_many_gzip_members_do_not_have_the_rest_of_the_body_copied_for_each(
    counting: type[CountingUnpacker],
) -> None:
    large = random.Random(0).randbytes(1 << 20)
    body = gzip.compress(b"", mtime=0) * 900 + gzip.compress(large, mtime=0)
    assert gunzipped(body, 2 << 20) == large
    assert len(body) <= counting.given < 20 << 20


def test_gzip_of_more_members_than_a_sender_writes_is_refused(
    counting: type[CountingUnpacker],
) -> None:
    with pytest.raises(RefusedError, match="1000 members"):
        gunzipped(gzip.compress(b"", mtime=0) * 100_000, MOST)
    assert counting.given < 20 << 20


def test_a_body_is_unpacked_beside_the_loop_that_answers_all_others(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []

    def unpacked(body: bytes, most: int) -> bytes:
        threads.append(threading.current_thread())
        return gunzipped(body, most)

    monkeypatch.setattr(otlp_http, "gunzipped", unpacked)
    app = traces_app(Reception(spool, most_message_bytes=1 << 20), Tokens.read(""))
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
    bodies = [gzip.compress(b"no spans"), gzip.compress(random.Random(0).randbytes(10_000))]

    async def posted() -> list[int]:
        way = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=way, base_url="http://serve") as client:
            answers = [await client.post("/v1/traces", content=b, headers=headers) for b in bodies]
        return [answer.status_code for answer in answers]

    assert asyncio.run(posted()) == [400, 400]
    small, large = threads
    assert small is threading.main_thread()
    assert large is not threading.main_thread()


def test_json_with_space_before_it_is_kept_as_json(spool: Spool) -> None:
    reception = Reception(spool, most_message_bytes=MOST)
    reception.take(b' \n{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}', is_json=True)
    spool.close()
    (segment,) = spool.sealed()
    assert segment.path.read_bytes()[4:5] == b"{"


def test_one_of_the_tokens_admits(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("first\n\n second \n")
    tokens = Tokens.read(str(tmp_path / "tokens"))
    assert tokens.admit("Bearer first")
    assert tokens.admit("bearer second")
    assert not tokens.admit("Bearer third")
    assert not tokens.admit("first")
    assert not tokens.admit("")
    assert "first" not in repr(tokens)
    assert Tokens.read("").admit("")


@pytest.mark.parametrize("content", [None, "\n \n", "\udcff"])
def test_a_file_of_tokens_that_is_none_is_told_without_what_it_holds(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "tokens"
    if content is not None:
        path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(InformerError, match="tokens"):
        Tokens.read(str(path))


@pytest.mark.parametrize(
    ("address", "host"),
    [("127.0.0.1:80", "127.0.0.1"), ("[::1]:80", "::1"), ("localhost:80", "localhost")],
)
def test_this_machine_needs_no_tls(address: str, host: str) -> None:
    assert check_address("serve.grpc", address, safe=False) == (host, 80)


@pytest.mark.parametrize("address", ["0.0.0.0:80", "[::]:80", "10.0.0.7:80", "shop.example:80"])
def test_beyond_this_machine_tls_is_needed(address: str) -> None:
    with pytest.raises(InformerError, match=r"serve\.grpc listens beyond this machine"):
        check_address("serve.grpc", address, safe=False)
    assert check_address("serve.grpc", address, safe=True)[1] == 80


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (Certificates("cert.pem"), "must be given together"),
        (Certificates("", "", "clients.pem"), "needs serve.tls_certificate"),
        (
            Certificates("absent.pem", "absent.key"),
            r"serve\.tls_certificate must be a readable file, ",
        ),
        (Certificates(__file__, "absent.key"), r"serve\.tls_key must be a readable file, got 'abs"),
        (Certificates(__file__, __file__), "must be PEM files that belong together"),
    ],
)
def test_certificates_of_no_use_are_told(files: Certificates, words: str) -> None:
    with pytest.raises(InformerError, match=words):
        files.check()


def packed(tag: int, content: bytes) -> bytes:
    """A field of bytes."""
    length, size = len(content), b""
    while length > 0x7F:
        size += bytes([length & 0x7F | 0x80])
        length >>= 7
    return bytes([tag]) + size + bytes([length]) + content


@pytest.mark.parametrize(
    "bomb",
    [
        b"\x0a\x00" * 300_000,
        packed(0x0A, b"\x12\x00" * 300_000),
        packed(0x0A, packed(0x12, b"\x12\x00" * 300_000)),
        b"\x0a\x02\x12\x00" * 150_000,
    ],
    ids=["groups", "parts", "spans", "groups of parts"],
)
def test_a_message_of_hundreds_of_thousands_of_nothings_is_not_opened(bomb: bytes) -> None:
    with pytest.raises(RefusedError) as refused:
        check_message(bomb, False, 16 << 20)
    assert refused.value.reason == "too_many_spans"


def test_no_sender_writes_what_only_the_spool_may(tmp_path: Path) -> None:
    """A forged mark would cut off what others sent, or move the places of other sources."""
    forged = [
        mark_message(Mark({"kafka/otlp_spans/0": 10**9}, 10**9)),
        mark_message(Mark({"kafka/otlp_spans/0": 10**9}, 0)),
        lines_message(Lines("table", "a.log", b"", b"x\n")),
        b"\xca\x3e\x03abc",  # lines that nobody could read
        b"\x7b\x7c",  # a group that looks like JSON
        b"\x28\xb5\x2f\xfd\x01abcd",  # looks packed
    ]
    spool = Spool(tmp_path, most_bytes=100_000)
    reception = Reception(spool, most_message_bytes=MOST)
    good = request(3)
    for other in forged:
        reception.take(good)
        with pytest.raises(RefusedError, match="must begin with"):
            reception.take(other + request(1))
    reception.take(good)
    spool.close()
    again = Spool(tmp_path, most_bytes=100_000)
    assert again.places == {}
    assert again.size == spool.size
    (segment,) = again.sealed()
    assert not segment.has_lines
    assert segment.path.read_bytes() == framed(good) * (len(forged) + 1)
