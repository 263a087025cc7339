"""OTLP over gRPC: TraceService/Export."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeAlias

import grpc
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from informer.core.errors import InformerError
from informer.service.access import Tokens
from informer.service.limits import (
    BODY_S,
    MOST_CALLS_FROM_ONE,
    MOST_GRPC_CONNECTIONS,
    RETRY_S,
    calls,
)
from informer.service.reception import Reception, RefusedError

SERVICE, METHOD = "opentelemetry.proto.collector.trace.v1.TraceService", "Export"
ROOM_FOR_HEADERS = 64 << 10
IDLE_MS = 60_000  # then an idle one is closed, and its client connects again when it has something
# As OTLP has it: who is to come again later is told UNAVAILABLE, and when. After RESOURCE_EXHAUSTED
# without that nobody comes again.
STATUS = {
    "too_large": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "too_many_spans": grpc.StatusCode.INVALID_ARGUMENT,
    "malformed": grpc.StatusCode.INVALID_ARGUMENT,
    "no_message": grpc.StatusCode.INVALID_ARGUMENT,
    "slow_body": grpc.StatusCode.DEADLINE_EXCEEDED,
    "too_many_calls": grpc.StatusCode.UNAVAILABLE,
    "no_room": grpc.StatusCode.UNAVAILABLE,
    "behind": grpc.StatusCode.UNAVAILABLE,
}

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, ExportTraceServiceResponse]"


class Exporting:
    """The handler of Export, on raw bytes: they are kept as they came."""

    def __init__(self, reception: Reception, tokens: Tokens) -> None:
        self._reception, self._tokens = reception, tokens
        self._refused = reception.received.refused
        self._calls = calls(self._refused)

    async def export(self, _: AsyncIterator[bytes], context: Context) -> ExportTraceServiceResponse:
        """Keep a message, or say why not.

        To gRPC it is a call with a stream: so it is ours before its message has come, and we can
        say for how long we wait for it.
        """
        metadata = dict(context.invocation_metadata() or ())
        if not self._tokens.admit(str(metadata.get("authorization", ""))):
            self._refused["no_token"] += 1
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "a bearer token is needed")
        try:
            return self._reception.take(await self._message(context))
        except RefusedError as refused:
            await context.abort(
                STATUS[refused.reason], str(refused), _later(refused) if refused.again else ()
            )
        raise AssertionError("abort raises")

    async def _message(self, context: Context) -> bytes:
        """The message of a call. Errors: RefusedError for one that does not come, or too many."""
        address = _address(context.peer())
        if not self._calls.enter(address):
            words = "too many messages come at once, try again later"
            raise RefusedError("too_many_calls", words)
        try:
            async with asyncio.timeout(BODY_S):
                message: object = await context.read()
        except TimeoutError:
            self._refused["slow_body"] += 1
            raise RefusedError("slow_body", "the message took too long") from None
        finally:
            self._calls.leave(address)
        if not isinstance(message, bytes):  # gRPC tells of what is too large by itself
            self._refused["no_message"] += 1
            raise RefusedError("no_message", "a message that is not too large is needed")
        return message


def _address(peer: str) -> str:
    """Of a peer as gRPC tells it: `ipv4:127.0.0.1:4711`, `ipv6:[::1]:4711`."""
    return peer.rpartition(":")[0]


def _later(refused: RefusedError) -> tuple[tuple[str, bytes], ...]:
    """When to come again: where gRPC has it, and where the Python SDK looks for it."""
    info = RetryInfo()
    info.retry_delay.seconds = RETRY_S
    status = Status(code=STATUS[refused.reason].value[0], message=str(refused))
    status.details.add().Pack(info)
    return (
        ("grpc-status-details-bin", status.SerializeToString()),
        ("google.rpc.retryinfo-bin", info.SerializeToString()),
    )


async def serve_grpc(
    reception: Reception,
    tokens: Tokens,
    address: str,
    credentials: grpc.ServerCredentials | None,
) -> tuple[grpc.aio.Server, int]:
    """Start to listen; gives the server and its port.

    Errors: InformerError when the address cannot be listened on.
    """
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", reception.most_message_bytes),
            ("grpc.max_metadata_size", ROOM_FOR_HEADERS),
            ("grpc.so_reuseport", 0),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
            ("grpc.http2.max_ping_strikes", 3),
            ("grpc.max_concurrent_streams", MOST_CALLS_FROM_ONE),  # of a connection: others wait
            ("grpc.max_allowed_incoming_connections", MOST_GRPC_CONNECTIONS),
            ("grpc.max_connection_idle_ms", IDLE_MS),
            ("grpc.server_handshake_timeout_ms", 10_000),
        ],
    )
    exporting = Exporting(reception, tokens)
    handler: grpc.RpcMethodHandler[bytes, ExportTraceServiceResponse] = (
        grpc.stream_unary_rpc_method_handler(
            exporting.export, response_serializer=ExportTraceServiceResponse.SerializeToString
        )
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler}),)
    )
    try:
        if credentials is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise InformerError(f"serve.grpc cannot listen on {address}: is it in use?") from error
    await server.start()
    return server, port
