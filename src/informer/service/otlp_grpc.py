"""OTLP over gRPC: TraceService/Export."""

import grpc
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from informer.core.errors import InformerError
from informer.service.access import Tokens
from informer.service.limits import RETRY_S
from informer.service.reception import Reception, RefusedError

SERVICE, METHOD = "opentelemetry.proto.collector.trace.v1.TraceService", "Export"
ROOM_FOR_HEADERS = 64 << 10
MOST_CALLS = 64  # at a time; more are refused, and come again
# As OTLP has it: who is to come again later is told UNAVAILABLE, and when. After RESOURCE_EXHAUSTED
# without that nobody comes again.
STATUS = {
    "too_large": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "too_many_spans": grpc.StatusCode.INVALID_ARGUMENT,
    "malformed": grpc.StatusCode.INVALID_ARGUMENT,
    "no_room": grpc.StatusCode.UNAVAILABLE,
    "behind": grpc.StatusCode.UNAVAILABLE,
}


class Exporting:
    """The handler of Export, on raw bytes: they are kept as they came."""

    def __init__(self, reception: Reception, tokens: Tokens) -> None:
        self._reception, self._tokens = reception, tokens

    async def export(
        self, message: bytes, context: "grpc.aio.ServicerContext[bytes, ExportTraceServiceResponse]"
    ) -> ExportTraceServiceResponse:
        """Keep a message, or say why not."""
        metadata = dict(context.invocation_metadata() or ())
        if not self._tokens.admit(str(metadata.get("authorization", ""))):
            self._reception.received.refused["no_token"] += 1
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "a bearer token is needed")
        try:
            return self._reception.take(message)
        except RefusedError as refused:
            await context.abort(
                STATUS[refused.reason], str(refused), _later(refused) if refused.again else ()
            )
        raise AssertionError("abort raises")


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
        maximum_concurrent_rpcs=MOST_CALLS,
        options=[
            ("grpc.max_receive_message_length", reception.most_message_bytes),
            ("grpc.max_metadata_size", ROOM_FOR_HEADERS),
            ("grpc.so_reuseport", 0),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
            ("grpc.http2.max_ping_strikes", 3),
            ("grpc.max_connection_idle_ms", 600_000),
            ("grpc.server_handshake_timeout_ms", 10_000),
        ],
    )
    exporting = Exporting(reception, tokens)
    handler: grpc.RpcMethodHandler[bytes, ExportTraceServiceResponse] = (
        grpc.unary_unary_rpc_method_handler(
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
