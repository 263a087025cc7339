"""gRPC services that tests put under a policy: a method of each kind, which can call on."""

from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc

from informer.policies.grpc.guard import Guard
from informer.policies.grpc.server import PolicyInterceptor
from informer.policies.parse import parse

KEY = b"a key of the mesh, in thirty-two"
NOON_NS = 1_780_000_000 * 1_000_000_000
Call = Callable[[bytes], bytes]


class Clock:
    """A clock that goes on when told."""

    def __init__(self) -> None:
        self.ns = NOON_NS

    def __call__(self) -> int:
        return self.ns


def guard(rules: str, service: str, **settings: Any) -> Guard:
    """A guard that enforces, with a key and a clock that stands."""
    settings = {"mode": "enforce", "keys": (KEY,), "clock_ns": Clock()} | settings
    return Guard(parse(f"rules 1 {rules}"), service, **settings)


def handlers(name: str, then: Call | None = None) -> grpc.GenericRpcHandler:
    """Get, Sum, List and Talk of a service; each calls on, when there is somewhere to."""

    def on(request: bytes) -> bytes:
        if request == b"fail":
            raise RuntimeError("asked to fail")
        return then(request) if then else request

    def get(request: bytes, _context: Any) -> bytes:
        return on(request)

    def sum_(requests: Iterator[bytes], _context: Any) -> bytes:
        return on(b"".join(requests))

    def list_(request: bytes, _context: Any) -> Iterator[bytes]:
        for _ in range(3):
            yield on(request)

    def talk(requests: Iterator[bytes], _context: Any) -> Iterator[bytes]:
        for request in requests:
            yield on(request)

    return grpc.method_handlers_generic_handler(
        name,
        {
            "Get": grpc.unary_unary_rpc_method_handler(get),
            "Sum": grpc.stream_unary_rpc_method_handler(sum_),
            "List": grpc.unary_stream_rpc_method_handler(list_),
            "Talk": grpc.stream_stream_rpc_method_handler(talk),
        },
    )


@contextmanager
def serving(
    guarded: Guard | None,
    name: str,
    then: Call | None = None,
    credentials: grpc.ServerCredentials | None = None,
) -> Iterator[int]:
    """A service `shop.NAME`, under its guard; gives its port."""
    interceptors = [PolicyInterceptor(guarded)] if guarded else []
    server = grpc.server(futures.ThreadPoolExecutor(4), interceptors=interceptors)
    server.add_generic_rpc_handlers((handlers(f"shop.{name}", then),))
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("localhost:0", credentials)
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()
