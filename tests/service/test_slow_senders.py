"""Senders that hold what all others need too: they are cut off in time, and counted."""

import asyncio
import contextlib
import gzip
import http.client
import socket
import ssl
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

import grpc
import pytest
from http2 import EXPORT, http2_export
from listening import PROTOBUF, Listening, listening, post
from starlette.responses import PlainTextResponse

from certificates import make_certificates
from informer.service import limits, otlp_grpc, servers
from informer.service.access import Certificates
from informer.service.guarded_http import guarded
from otlp_messages import message
from real_parts import eventually

ELSEWHERE = "127.0.0.2"
BEGUN = b"\0\0\0\xff\xff" + b"x" * 1_000  # of a message of 65,535 bytes


@pytest.fixture(params=["plain", "TLS"])
def certificates(request: pytest.FixtureRequest, tmp_path: Path) -> Certificates:
    if request.param == "plain":
        return Certificates()
    made = make_certificates(tmp_path / "certificates")
    return Certificates(str(made["server"]), str(made["server_key"]))


def test_connections_that_say_nothing_are_counted_whether_by_tls_or_not(
    tmp_path: Path, certificates: Certificates
) -> None:
    with listening(tmp_path, certificates=certificates) as heard:
        refused = heard.reception.received.refused
        with ExitStack() as open_ones:
            for _ in range(300):
                open_ones.enter_context(socket.create_connection(("127.0.0.1", heard.http)))
            eventually(lambda: refused["too_many_connections"] == 300 - 256)
        eventually(lambda: stays(heard))  # those before have gone


def stays(heard: Listening) -> bool:
    """Whether a connection that says nothing is let in."""
    with socket.create_connection(("127.0.0.1", heard.http)) as one:
        time.sleep(0.3)
        return not is_over(one)


def test_one_address_cannot_take_all_connections(tmp_path: Path) -> None:
    with listening(tmp_path) as heard, ExitStack() as open_ones:
        for _ in range(300):
            one = open_ones.enter_context(socket.create_connection(("127.0.0.1", heard.http)))
            one.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\n")
        refused = heard.reception.received.refused
        eventually(lambda: refused["too_many_connections"] == 300 - 256)
        other = socket.create_connection(("127.0.0.1", heard.http), source_address=("127.0.0.2", 0))
        with other:
            body = message("from elsewhere")
            head = f"POST /v1/traces HTTP/1.0\r\nContent-Type: {PROTOBUF}\r\n"
            other.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            assert other.recv(100).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "slow_headers"),
        (b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nX-", "slow_headers"),
        (
            b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\n\r\n{",
            "slow_body",
        ),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000, "large_headers"),
    ],
)
def test_who_never_ends_a_request_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes, reason: str
) -> None:
    monkeypatch.setattr(servers, "guarded", lambda refused: guarded(refused, headers_s=1, body_s=2))
    with listening(tmp_path) as heard:
        with socket.create_connection(("127.0.0.1", heard.http)) as slow:
            slow.sendall(sent)
            slow.settimeout(30)
            with suppress(ConnectionError):
                assert slow.recv(1) == b""
        assert heard.reception.received.refused[reason] == 1
        assert post(heard, message("x"))[0] == 200


def test_a_connection_may_stay_open_between_requests(
    tmp_path: Path, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        servers, "guarded", lambda refused: guarded(refused, headers_s=0.3, body_s=0.3)
    )
    with listening(tmp_path, certificates=certificates) as heard:
        connection = http.client.HTTPConnection("127.0.0.1", heard.http, timeout=10)
        if certificates.given:
            trusting = ssl.create_default_context(cafile=str(tmp_path / "certificates/ca.pem"))
            connection = http.client.HTTPSConnection(
                "127.0.0.1", heard.http, timeout=10, context=trusting
            )
        for pause_s in (0.0, 0.0, 0.5, 0.0, 0.5):
            connection.request("POST", "/v1/traces", message("x"), {"Content-Type": PROTOBUF})
            answer = connection.getresponse()
            assert answer.status == 200
            answer.read()
            time.sleep(pause_s)
        connection.close()
        assert not heard.reception.received.refused


def begun(heard: Listening, *bodies: bytes) -> socket.socket:
    """A connection from elsewhere on which calls of gRPC have begun."""
    made = socket.create_connection(("127.0.0.1", heard.grpc), source_address=(ELSEWHERE, 0))
    made.sendall(http2_export(*bodies))
    return made


def export(heard: Listening, body: bytes, *, is_packed: bool = False) -> grpc.StatusCode:
    packing = grpc.Compression.Gzip if is_packed else grpc.Compression.NoCompression
    with grpc.insecure_channel(f"127.0.0.1:{heard.grpc}", compression=packing) as channel:
        try:
            _, call = channel.unary_unary(EXPORT).with_call(body, timeout=20)
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
    return call.code()


def test_messages_that_never_end_take_the_calls_of_their_own_address_alone(tmp_path: Path) -> None:
    with listening(tmp_path) as heard, ExitStack() as open_ones:
        refused = heard.reception.received.refused
        open_ones.enter_context(begun(heard, *[BEGUN] * limits.MOST_CALLS_FROM_ONE))
        open_ones.enter_context(begun(heard, BEGUN))
        eventually(lambda: refused["too_many_calls"] == 1)
        assert export(heard, message("from here")) == grpc.StatusCode.OK
        assert heard.names == ["from here"]


def test_who_is_one_too_many_is_told_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_CALLS_FROM_ONE", 0)
    with listening(tmp_path) as heard:
        assert export(heard, message("x")) == grpc.StatusCode.UNAVAILABLE
        assert heard.reception.received.refused == {"too_many_calls": 1}


def test_a_message_that_never_ends_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp_grpc, "BODY_S", 0.5)
    with listening(tmp_path) as heard, begun(heard, BEGUN, BEGUN):
        eventually(lambda: heard.reception.received.refused["slow_body"] == 2)
        assert export(heard, message("x")) == grpc.StatusCode.OK


@pytest.mark.parametrize("is_packed", [False, True])
def test_a_message_that_is_too_large_for_grpc_is_counted(tmp_path: Path, is_packed: bool) -> None:
    with listening(tmp_path) as heard:
        body = bytes(2 << 20)
        assert export(heard, body, is_packed=is_packed) == grpc.StatusCode.RESOURCE_EXHAUSTED
        eventually(lambda: heard.reception.received.refused == {"no_message": 1})


def test_connections_of_grpc_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_grpc, "MOST_GRPC_CONNECTIONS", 5)
    with listening(tmp_path) as heard, ExitStack() as open_ones:
        made = [open_ones.enter_context(begun(heard)) for _ in range(20)]
        eventually(lambda: sum(is_over(one) for one in made) == 15)
        assert post(heard, message("x"))[0] == 200


def is_over(one: socket.socket) -> bool:
    """Whether the other side has closed a connection."""
    one.setblocking(False)
    try:
        while one.recv(1 << 16):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def test_bodies_by_http_have_so_much_room_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_BODY_BYTES_FROM_ONE", 0)  # then it is two large messages
    monkeypatch.setattr(limits, "MOST_BODY_BYTES", 0)
    large = 900_000
    head = f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: {PROTOBUF}\r\n"
    with listening(tmp_path) as heard, ExitStack() as open_ones:
        made = []
        for _ in range(3):
            one = open_ones.enter_context(socket.create_connection(("127.0.0.1", heard.http)))
            one.sendall(f"{head}Content-Length: {large + 1}\r\n\r\n".encode() + bytes(large))
            made.append(one)
        refused = heard.reception.received.refused
        eventually(lambda: refused["too_much_at_once"] == 1)
        for one in made:
            one.settimeout(0.2)
        answers = [received(one) for one in made]
        assert sum(a.startswith(b"HTTP/1.1 503") and b"retry-after" in a for a in answers) == 1
        for one in made:
            one.close()
        eventually(lambda: refused["broken_off"] == 2)
        assert post(heard, message("x"))[0] == 200


def received(one: socket.socket) -> bytes:
    with suppress(TimeoutError):
        return one.recv(1 << 16).lower().replace(b"http", b"HTTP")
    return b""


@pytest.mark.parametrize(
    ("body", "code", "reason"),
    [
        (gzip.compress(bytes(2 << 20)), 413, "too_large"),
        (gzip.compress(b"x")[:-1], 400, "malformed"),
        (b"no gzip", 400, "malformed"),
    ],
    ids=["bomb", "cut", "other"],  # what is packed holds the time
)
def test_what_cannot_be_unpacked_is_counted(
    tmp_path: Path, body: bytes, code: int, reason: str
) -> None:
    with listening(tmp_path) as heard:
        assert post(heard, body, packing="gzip")[0] == code
        assert post(heard, bytes(2 << 20))[0] == 413
        assert heard.reception.received.refused == Counter([reason, "too_large"])


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01 no HTTP\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 1_000]
)
def test_what_is_no_http_and_requests_without_end_are_counted_and_fill_no_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], sent: bytes
) -> None:
    with listening(tmp_path) as heard:
        with socket.create_connection(("127.0.0.1", heard.http)) as one:
            one.sendall(sent)
            one.settimeout(30)
            with suppress(ConnectionError):
                while one.recv(1 << 16):
                    pass
        assert heard.reception.received.refused["bad_http"] == 1
        assert post(heard, message("x"))[0] == 200
    assert capfd.readouterr().err == ""


async def unread(refused: Counter[str], app: PlainTextResponse) -> None:
    async with contextlib.AsyncExitStack() as stack:
        port = await servers.Servers(stack, Certificates(), refused).begin_web(
            "serve.web", app, "127.0.0.1:0"
        )
        one = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        ends = time.monotonic() + 20
        while not refused and time.monotonic() < ends:
            await asyncio.sleep(0.05)


def test_an_answer_that_nobody_reads_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "guarded", lambda refused: guarded(refused, answer_s=0.3))
    refused: Counter[str] = Counter()
    asyncio.run(unread(refused, PlainTextResponse(bytes(32 << 20))))
    assert refused == {"slow_reader": 1}
