"""Calls of OTLP's Export by hand, for senders that no library of gRPC would be."""

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
FIELDS = {
    ":method": "POST",
    ":scheme": "http",
    ":path": EXPORT,
    ":authority": "x",
    "content-type": "application/grpc",
    "te": "trailers",
}
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, HEADERS, DATA, END_HEADERS = 4, 1, 0, 4


def http2_export(*bodies: bytes) -> bytes:
    """A connection on which so many calls begin, each with the first bytes of its message."""
    # Literals with names of their own (RFC 7541, 6.2.2): no table is needed.
    packed = b"".join(
        b"\0" + bytes([len(k)]) + k.encode() + bytes([len(v)]) + v.encode()
        for k, v in FIELDS.items()
    )
    calls = b"".join(
        _frame(HEADERS, END_HEADERS, stream, packed) + _frame(DATA, 0, stream, body)
        for stream, body in zip(range(1, 2 * len(bodies), 2), bodies, strict=True)
    )
    return PREFACE + _frame(SETTINGS, 0, 0, b"") + calls


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
    return head + payload
