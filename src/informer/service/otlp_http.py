"""OTLP over HTTP: POST /v1/traces, protobuf or JSON, as it is or gzip."""

import asyncio
import zlib
from concurrent.futures import ThreadPoolExecutor

import orjson
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from informer.service.access import Tokens
from informer.service.limits import MOST_GZIP_MEMBERS, RETRY_S, bodies
from informer.service.reception import Reception, RefusedError

PROTOBUF, JSON = "application/x-protobuf", "application/json"
PACKED_SLICE = 16 << 10  # what follows a gzip member is copied once for each: it has to be little
SMALL_PACKED = 4 << 10  # unpacked at once: it makes 4 MiB at most
# 503 and not 429: the SDKs of some languages drop what was answered with 429.
STATUS = {
    "too_large": 413,
    "too_many_spans": 413,
    "malformed": 400,
    "too_much_at_once": 503,
    "no_room": 503,
    "behind": 503,
}
CODE = {400: 3, 401: 16, 413: 3, 415: 3, 503: 14}  # of google.rpc.Status


class TracesEndpoint:
    """Answers POST /v1/traces."""

    def __init__(self, reception: Reception, tokens: Tokens) -> None:
        self._reception, self._tokens = reception, tokens
        self._refused = reception.received.refused
        self._bodies = bodies(self._refused, reception.most_message_bytes)
        # One thread, so that of all bodies that come at once one is unpacked at a time.
        self._unpacking = ThreadPoolExecutor(1, thread_name_prefix="informer-unpacking")

    async def __call__(self, request: Request) -> Response:
        """Keep a message, or say why not."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not self._tokens.admit(request.headers.get("authorization", "")):
            self._refused["no_token"] += 1
            return _said(kind, 401, "a bearer token is needed", **{"WWW-Authenticate": "Bearer"})
        if kind not in (PROTOBUF, JSON):
            self._refused["other_type"] += 1
            return _said(kind, 415, f"Content-Type must be {PROTOBUF} or {JSON}")
        packing = request.headers.get("content-encoding", "identity").strip().lower()
        if packing not in ("identity", "", "gzip"):
            self._refused["other_packing"] += 1
            return _said(kind, 415, "Content-Encoding must be gzip or none")
        try:
            body = await self._body(request, is_packed=packing == "gzip")
            answer = self._reception.take(body, is_json=kind == JSON)
        except ClientDisconnect:
            self._refused["broken_off"] += 1
            return _said(kind, 400, "the connection broke off")
        except RefusedError as refused:
            headers = {"Retry-After": str(RETRY_S)} if refused.again else {}
            return _said(kind, STATUS[refused.reason], str(refused), **headers)
        return _answered(answer, kind)

    async def _body(self, request: Request, *, is_packed: bool) -> bytes:
        """The body, unpacked. Errors: RefusedError as soon as it is too large, whatever its header
        says, or all that come at once are; it is counted.
        """
        most, held = self._reception.most_message_bytes, bytearray()
        address = request.client.host if request.client else ""
        try:
            async for chunk in request.stream():
                if not self._bodies.enter(address, len(chunk)):
                    words = "too much comes at once, try again later"
                    raise RefusedError("too_much_at_once", words)
                held += chunk
                if len(held) > most:
                    self._refused["too_large"] += 1
                    raise RefusedError("too_large", f"a message may have {most} bytes")
            return await self._unpacked(bytes(held)) if is_packed else bytes(held)
        finally:
            self._bodies.leave(address, len(held))

    async def _unpacked(self, body: bytes) -> bytes:
        """What a body holds; others are answered meanwhile. Errors: of `gunzipped`, counted."""
        most = self._reception.most_message_bytes
        try:
            if len(body) <= SMALL_PACKED:
                return gunzipped(body, most)
            here = asyncio.get_running_loop()
            return await here.run_in_executor(self._unpacking, gunzipped, body, most)
        except RefusedError as refused:
            self._refused[refused.reason] += 1
            raise


def gunzipped(body: bytes, most: int) -> bytes:
    """Unpacked bytes. Errors: RefusedError for what is no gzip, and for a bomb before it bursts."""
    plain, unpacker, members = bytearray(), zlib.decompressobj(wbits=31), 1
    for start in range(0, len(body), PACKED_SLICE):
        packed = body[start : start + PACKED_SLICE]
        while packed:
            if unpacker.eof:  # a body may be several gzip members, one after another
                members += 1
                if members > MOST_GZIP_MEMBERS:
                    words = f"the body may have {MOST_GZIP_MEMBERS} members of gzip"
                    raise RefusedError("malformed", words)
                unpacker = zlib.decompressobj(wbits=31)
            try:
                plain += unpacker.decompress(packed, most + 1 - len(plain))
            except zlib.error as error:
                raise RefusedError("malformed", "the body must be whole gzip data") from error
            if len(plain) > most:
                raise RefusedError("too_large", f"a message may have {most} bytes, unpacked")
            packed = unpacker.unused_data
    if not unpacker.eof:
        raise RefusedError("malformed", "the body must be whole gzip data")
    return bytes(plain)


def _answered(answer: ExportTraceServiceResponse, kind: str) -> Response:
    if kind == PROTOBUF:
        return Response(answer.SerializeToString(), media_type=PROTOBUF)
    told: dict[str, object] = {}
    if answer.HasField("partial_success"):
        partial = answer.partial_success
        told["partialSuccess"] = {
            "rejectedSpans": str(partial.rejected_spans),
            "errorMessage": partial.error_message,
        }
    return Response(orjson.dumps(told), media_type=JSON)


def _said(kind: str, status: int, words: str, **headers: str) -> Response:
    """A refusal as a google.rpc.Status, in the encoding of the request."""
    if kind == PROTOBUF:
        told = Status(code=CODE[status], message=words).SerializeToString()
        return Response(told, status, media_type=PROTOBUF, headers=headers)
    body = orjson.dumps({"code": CODE[status], "message": words})
    return Response(body, status, media_type=JSON, headers=headers)
