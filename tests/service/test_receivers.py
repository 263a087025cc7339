"""Receivers: SDKs and collectors are heard, those who ask too much are told so, and counted."""

import socket
import ssl
import threading
import urllib.error
import urllib.request
from pathlib import Path

import grpc
import orjson
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from http2 import EXPORT
from listening import Listening, listening, post
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from certificates import make_certificates
from informer.service import renewal
from informer.service.access import Certificates, Tokens
from informer.service.limits import MOST_SPANS
from otlp_messages import message
from real_parts import eventually, free_port, listens, needed, running

PROTOBUF = "application/x-protobuf"


def trace(exporter: SpanExporter, name: str, *, spans: int = 20) -> None:
    """Send spans as a program does that is instrumented with the SDK."""
    provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    for _ in range(spans):
        with tracer.start_as_current_span(name):
            pass
    assert provider.force_flush(20_000)
    provider.shutdown()


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def ours(pem: dict[str, Path], *, clients: bool = False) -> Certificates:
    return Certificates(
        str(pem["server"]), str(pem["server_key"]), str(pem["ca"]) if clients else ""
    )


def test_the_sdk_delivers_with_mtls_and_a_token(
    pem: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # of the machine, which come first
        monkeypatch.delenv(name, raising=False)
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
        OTLPSpanExporter as GrpcExporter,
    )
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
        OTLPSpanExporter as HttpExporter,
    )

    tokens = Tokens((b"hush",))
    shown = {"authorization": "Bearer hush"}
    with listening(tmp_path, certificates=ours(pem, clients=True), tokens=tokens) as heard:
        credentials = grpc.ssl_channel_credentials(
            pem["ca"].read_bytes(), pem["client_key"].read_bytes(), pem["client"].read_bytes()
        )
        address = f"https://localhost:{heard.grpc}"
        trace(GrpcExporter(address, credentials=credentials, headers=shown), "by gRPC")
        http = HttpExporter(
            f"https://localhost:{heard.http}/v1/traces",
            certificate_file=str(pem["ca"]),
            client_certificate_file=str(pem["client"]),
            client_key_file=str(pem["client_key"]),
            headers=shown,
        )
        trace(http, "by HTTP")
        eventually(lambda: len(heard.names) == 40)
        assert set(heard.names) == {"by gRPC", "by HTTP"}
        assert not heard.reception.received.refused


def test_who_has_no_certificate_or_token_is_not_heard(pem: dict[str, Path], tmp_path: Path) -> None:
    with listening(tmp_path, certificates=ours(pem, clients=True)) as heard:
        credentials = grpc.ssl_channel_credentials(pem["ca"].read_bytes())
        with grpc.secure_channel(f"localhost:{heard.grpc}", credentials) as channel:
            assert refusal(channel).code() == grpc.StatusCode.UNAVAILABLE
        trusts = ssl.create_default_context(cafile=str(pem["ca"]))
        with pytest.raises((urllib.error.URLError, OSError)):
            post(heard, message("x"), scheme="https", context=trusts)
    with listening(tmp_path / "tokens", tokens=Tokens((b"hush",))) as heard:
        with grpc.insecure_channel(f"127.0.0.1:{heard.grpc}") as channel:
            assert refusal(channel).code() == grpc.StatusCode.UNAUTHENTICATED
        assert post(heard, message("x"))[0] == 401
        assert heard.names == []
        assert heard.reception.received.refused == {"no_token": 2}


def test_renewed_certificates_are_taken_up(
    pem: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "LOOK_S", 0.1)
    given = {name: tmp_path / f"{name}.pem" for name in ("server", "server_key")}
    for name, path in given.items():
        path.write_bytes(pem[name].read_bytes())
    files = Certificates(str(given["server"]), str(given["server_key"]))
    others = make_certificates(tmp_path / "others")
    with listening(tmp_path, certificates=files) as heard:
        assert trusted_by(pem["ca"], heard) == [True, True]
        given["server"].write_bytes(others["server"].read_bytes())  # a half is of no use
        assert trusted_by(pem["ca"], heard) == [True, True]
        given["server_key"].write_bytes(others["server_key"].read_bytes())
        eventually(lambda: trusted_by(others["ca"], heard) == [True, True])


def test_renewed_authorities_of_clients_are_trusted_in_place_of_those_before(
    pem: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "LOOK_S", 0.1)
    others = make_certificates(tmp_path / "others")
    clients = tmp_path / "clients.pem"
    clients.write_bytes(pem["ca"].read_bytes())
    files = Certificates(str(pem["server"]), str(pem["server_key"]), str(clients))
    before, after = client_of(pem, pem["ca"]), client_of(others, pem["ca"])
    with listening(tmp_path, certificates=files) as heard:
        sessions: list[ssl.SSLSession | None] = []
        assert is_let_in(before, heard, sessions=sessions)
        assert sessions[0] is not None
        assert is_heard_by_grpc(pem, pem["ca"], heard)
        assert not is_let_in(after, heard)
        assert not is_heard_by_grpc(others, pem["ca"], heard)
        clients.write_bytes(others["ca"].read_bytes())
        eventually(lambda: is_let_in(after, heard))
        assert not is_let_in(before, heard)
        assert not is_let_in(before, heard, session=sessions[0])
        assert is_heard_by_grpc(others, pem["ca"], heard)
        assert not is_heard_by_grpc(pem, pem["ca"], heard)
        for unnamed in (before, after):  # who is sent no name of the server
            unnamed.check_hostname = False
        assert not is_let_in(before, heard, name=None)
        assert is_let_in(after, heard, name=None)


def client_of(made: dict[str, Path], authority: Path) -> ssl.SSLContext:
    """A client with a certificate, who trusts an authority."""
    context = ssl.create_default_context(cafile=str(authority))
    context.load_cert_chain(made["client"], made["client_key"])
    return context


def is_let_in(
    context: ssl.SSLContext,
    heard: Listening,
    *,
    name: str | None = "localhost",
    session: ssl.SSLSession | None = None,
    sessions: list[ssl.SSLSession | None] | None = None,
) -> bool:
    """Whether a client gets an answer by HTTP; `sessions` is given what it may go on with."""
    try:
        with (
            socket.create_connection(("127.0.0.1", heard.http), timeout=20) as plain,
            context.wrap_socket(plain, server_hostname=name, session=session) as shaken,
        ):
            shaken.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = shaken.recv(5)
            if sessions is not None:
                sessions.append(shaken.session)
    except (ssl.SSLError, ConnectionError):
        return False
    return answer == b"HTTP/"


def is_heard_by_grpc(made: dict[str, Path], authority: Path, heard: Listening) -> bool:
    """Whether a client with a certificate is."""
    credentials = grpc.ssl_channel_credentials(
        authority.read_bytes(), made["client_key"].read_bytes(), made["client"].read_bytes()
    )
    with grpc.secure_channel(f"localhost:{heard.grpc}", credentials) as channel:
        try:
            channel.unary_unary(EXPORT)(message("x"), timeout=20)
        except grpc.RpcError:
            return False
    return True


def trusted_by(authority: Path, heard: Listening) -> list[bool]:
    """Whether who trusts an authority is heard, by HTTP and by gRPC."""
    context = ssl.create_default_context(cafile=str(authority))
    try:
        by_http = post(heard, message("x"), scheme="https", context=context)[0] == 200
    except urllib.error.URLError:
        by_http = False
    credentials = grpc.ssl_channel_credentials(authority.read_bytes())
    with grpc.secure_channel(f"localhost:{heard.grpc}", credentials) as channel:
        try:
            channel.unary_unary(EXPORT)(message("x"), timeout=20)
        except grpc.RpcError:
            return [by_http, False]
    return [by_http, True]


def test_a_collector_in_front_delivers(tmp_path: Path) -> None:
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    agent = needed("rotel", program="rotel-agent")
    with listening(tmp_path) as heard:
        grpc_port, http_port = free_port(), free_port()
        command = [
            agent,
            "start",
            f"--otlp-grpc-endpoint=127.0.0.1:{grpc_port}",
            f"--otlp-http-endpoint=127.0.0.1:{http_port}",
            f"--otlp-exporter-endpoint=http://127.0.0.1:{heard.grpc}",
            f"--pid-file={tmp_path / 'pid'}",
            f"--log-file={tmp_path / 'agent.log'}",
        ]
        with running(command, tmp_path / "log", lambda: listens(grpc_port)):
            exporter = OTLPSpanExporter(f"http://127.0.0.1:{grpc_port}", insecure=True)
            trace(exporter, "through a collector", spans=500)
            eventually(lambda: heard.reception.received.spans == 500)
        assert heard.names == ["through a collector"] * 500


def test_a_full_spool_says_when_to_come_again(tmp_path: Path) -> None:
    with listening(tmp_path, most_bytes=10) as heard:
        with grpc.insecure_channel(f"127.0.0.1:{heard.grpc}") as channel:
            error = refusal(channel)
        assert error.code() == grpc.StatusCode.UNAVAILABLE
        status = Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
        info = RetryInfo()
        assert status.details[0].Unpack(info)
        assert info.retry_delay.seconds > 0
        code, headers, body = post(heard, message("x"))
        assert code == 503
        assert int(headers["retry-after"]) == info.retry_delay.seconds
        assert Status.FromString(body).code == grpc.StatusCode.UNAVAILABLE.value[0]
        assert heard.reception.received.refused == {"no_room": 2}


def test_who_sends_more_than_is_taken_in_is_told_when_to_come_again(tmp_path: Path) -> None:
    with listening(tmp_path, most_wait_s=0.0) as heard:
        assert post(heard, message("x"))[0] == 200
        code, headers, _ = post(heard, message("y"))
        assert (code, int(headers["retry-after"]) > 0) == (503, True)
        with grpc.insecure_channel(f"127.0.0.1:{heard.grpc}") as channel:
            assert refusal(channel).code() == grpc.StatusCode.UNAVAILABLE
        assert heard.reception.received.sent_away == {"behind": 2}
        heard.spool.taken_in(1)
        assert post(heard, message("y"))[0] == 200
        assert heard.names == ["x", "y"]


def test_the_sdk_waits_out_a_full_spool(tmp_path: Path) -> None:
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    with listening(tmp_path, most_bytes=20_000) as heard:
        refused = heard.reception.received.refused
        while not refused:
            post(heard, message("before", padding=1_000))
        exporter = OTLPSpanExporter(f"http://127.0.0.1:{heard.grpc}", insecure=True)
        sending = threading.Thread(target=trace, args=(exporter, "after"))
        sending.start()
        eventually(lambda: refused["no_room"] == 2)
        for segment in heard.spool.sealed():
            heard.spool.forget(segment.number)
        sending.join()
        assert heard.names == ["after"] * 20


@pytest.mark.parametrize("kind", [PROTOBUF, "application/json"])
def test_refusals_come_in_the_encoding_of_the_request(tmp_path: Path, kind: str) -> None:
    with listening(tmp_path) as heard:
        code, headers, body = post(heard, b"no message", kind=kind)
        assert (code, headers["content-type"]) == (400, kind)
        told = Status.FromString(body) if kind == PROTOBUF else None
        words = told.message if told else orjson.loads(body)["message"]
        assert "ExportTraceServiceRequest" in words


def test_partial_success_is_told_in_both_encodings(tmp_path: Path) -> None:
    nameless = message("x", service="")
    with listening(tmp_path) as heard:
        code, _, body = post(heard, nameless)
        assert code == 200
        assert ExportTraceServiceResponse.FromString(body).partial_success.rejected_spans == 1
        code, _, body = post(heard, b'{"resourceSpans": []}', kind="application/json")
        assert (code, orjson.loads(body)) == (200, {})


def test_a_message_of_too_many_spans_is_refused(tmp_path: Path) -> None:
    spans = b"\x12\x00" * (MOST_SPANS + 1)  # as empty as spans can be
    scope = b"\x12" + sized(spans)
    with listening(tmp_path) as heard:
        assert post(heard, b"\x0a" + sized(scope))[0] == 413
        assert heard.reception.received.refused == {"too_many_spans": 1}
        with grpc.insecure_channel(f"127.0.0.1:{heard.grpc}") as channel:
            send = channel.unary_unary(EXPORT)
            with pytest.raises(grpc.RpcError) as error:
                send(b"\x0a" + sized(scope), timeout=20)
        assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def sized(data: bytes) -> bytes:
    """A length as protobuf writes it, and the data."""
    size, written = len(data), bytearray()
    while size > 0x7F:
        written.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*written, size]) + data


def refusal(channel: grpc.Channel) -> grpc.RpcError:
    send = channel.unary_unary(EXPORT)
    with pytest.raises(grpc.RpcError) as error:
        send(message("x"), timeout=20)
    return error.value
