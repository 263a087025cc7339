"""Calls that a service receives, by a policy: an interceptor for `grpc.server`."""

import contextvars
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from informer.policies.grpc.guard import Guard
from informer.policies.grpc.messages import code_named, identities_of, no_size, size_of
from informer.policies.grpc.passage import Passage
from informer.policies.grpc.status import CANCELLED, OK, UNKNOWN
from informer.policies.grpc.trail import SERVED

Size = Callable[[Any], int]
MOST_METHODS = 4_096  # whose handlers are kept


class PolicyInterceptor(grpc.ServerInterceptor):
    """Asks the policy before a method runs, and remembers the chain while it does."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._handlers: dict[str, tuple[Any, Any]] = {}

    def intercept_service(self, continuation: Callable[[Any], Any], details: Any) -> Any:
        handler = continuation(details)
        if handler is None:
            return None
        # gRPC runs a method in the context in which it asks here; streams may leave it.
        if not handler.response_streaming:
            again = self._guard.received_again(details.method, details.invocation_metadata)
            if again is not None:
                SERVED.set(again.chain)
                return handler
        known = self._handlers.get(details.method)
        if known is None or known[0] is not handler:
            if len(self._handlers) >= MOST_METHODS:
                self._handlers.clear()
            known = self._handlers[details.method] = handler, self._guarded(handler, details.method)
        return known[1]

    def _guarded(self, handler: Any, path: str) -> Any:
        around = stream_behavior if handler.response_streaming else unary_behavior
        size = no_size if handler.request_streaming else size_of
        return rewrapped(handler, around(self._guard, inner_of(handler), path, size))


def unary_behavior(guard: Guard, inner: Any, path: str, size: Size) -> Any:
    """Around a method with one answer."""

    def behavior(request: Any, context: Any) -> Any:
        passage = _admitted(guard, path, request, context, size)
        token = SERVED.set(passage.chain)
        code = UNKNOWN
        try:
            answer = inner(request, context)
            code = OK
            return answer
        finally:
            SERVED.reset(token)
            if passage.call is not None:
                guard.replied(passage, ended_with(context, code))

    return behavior


def stream_behavior(guard: Guard, inner: Any, path: str, size: Size) -> Any:
    """Around a method with a stream of answers."""

    def behavior(request: Any, context: Any) -> Iterator[Any]:
        passage = _admitted(guard, path, request, context, size)
        # The answers are asked for one by one, and not always by one thread.
        within = contextvars.copy_context()
        within.run(SERVED.set, passage.chain)
        code = UNKNOWN
        try:
            answers = within.run(lambda: iter(inner(request, context)))
            while True:
                try:
                    answer = within.run(next, answers)
                except StopIteration:
                    break
                yield answer
            code = OK
        except GeneratorExit:
            code = CANCELLED
            raise
        finally:
            if passage.call is not None:
                guard.replied(passage, ended_with(context, code))

    return behavior


def _admitted(guard: Guard, path: str, request: Any, context: Any, size: Size) -> Passage:
    passage = guard.incoming(
        path,
        context.invocation_metadata(),
        lambda: identities_of(context.auth_context()),
        lambda: size(request),
    )
    if passage.code:
        context.abort(code_named(passage.code), passage.why)
    if passage.delay_s:
        time.sleep(passage.delay_s)
    return passage


def inner_of(handler: Any) -> Any:
    """The method that a handler runs."""
    return getattr(handler, _kind(handler))


def rewrapped(handler: Any, behavior: Any) -> Any:
    """The same kind of handler, around another behaviour."""
    make = getattr(grpc, f"{_kind(handler)}_rpc_method_handler")
    return make(behavior, handler.request_deserializer, handler.response_serializer)


def _kind(handler: Any) -> str:
    request = "stream" if handler.request_streaming else "unary"
    return f"{request}_{'stream' if handler.response_streaming else 'unary'}"


def ended_with(context: Any, code: int) -> int:
    """The code that a handler set, or the one that gRPC sends in its place."""
    found = context.code() if hasattr(context, "code") else None  # aio's for threads has none
    if found is None:
        return code
    return int(found.value[0]) if isinstance(found, grpc.StatusCode) else int(found)
