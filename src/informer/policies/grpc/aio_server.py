"""Calls that a service on asyncio receives, by a policy: an interceptor for `grpc.aio.server`."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc

from informer.policies.grpc.guard import Guard
from informer.policies.grpc.messages import code_named, identities_of, no_size, size_of
from informer.policies.grpc.passage import Passage
from informer.policies.grpc.server import (
    MOST_METHODS,
    Size,
    ended_with,
    inner_of,
    rewrapped,
    stream_behavior,
    unary_behavior,
)
from informer.policies.grpc.status import CANCELLED, OK, UNKNOWN
from informer.policies.grpc.trail import SERVED


class AioPolicyInterceptor(grpc.aio.ServerInterceptor):
    """Asks the policy before a method runs, and remembers the chain while it does.

    Methods that are plain functions are run by gRPC in threads, and are guarded as there.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._handlers: dict[str, _Handler] = {}

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], details: Any
    ) -> Any:
        handler = await continuation(details)
        if handler is None:
            return None
        known = self._handlers.get(details.method)
        if known is None or known.plain is not handler:
            if len(self._handlers) >= MOST_METHODS:
                self._handlers.clear()
            known = self._handlers[details.method] = self._handler(handler, details.method)
        if known.in_task:
            again = self._guard.received_again(details.method, details.invocation_metadata or ())
            if again is not None:
                SERVED.set(again.chain)  # each call has a task, and so a context, of its own
                return handler
        return known.guarded

    def _handler(self, handler: Any, path: str) -> "_Handler":
        inner, size = inner_of(handler), no_size if handler.request_streaming else size_of
        in_task = True
        if inspect.isasyncgenfunction(inner):
            around = _generator
        elif inspect.iscoroutinefunction(inner):
            around = _coroutine
        else:
            in_task = False
            around = stream_behavior if handler.response_streaming else unary_behavior
        guarded = rewrapped(handler, around(self._guard, inner, path, size))
        return _Handler(handler, guarded, in_task)


@dataclass(frozen=True, slots=True)
class _Handler:
    plain: Any
    guarded: Any
    in_task: bool  # it runs where gRPC asks the interceptors, and not in a thread


def _coroutine(guard: Guard, inner: Any, path: str, size: Size) -> Any:
    """Around a method that returns its answer, or writes its answers to the context."""

    async def behavior(request: Any, context: Any) -> Any:
        passage = await _admitted(guard, path, request, context, size)
        SERVED.set(passage.chain)
        code = UNKNOWN
        try:
            answer = await inner(request, context)
            code = OK
            return answer
        except asyncio.CancelledError:
            code = CANCELLED
            raise
        finally:
            if passage.call is not None:
                guard.replied(passage, ended_with(context, code))

    return behavior


def _generator(guard: Guard, inner: Any, path: str, size: Size) -> Any:
    """Around a method that yields its answers."""

    async def behavior(request: Any, context: Any) -> AsyncIterator[Any]:
        passage = await _admitted(guard, path, request, context, size)
        SERVED.set(passage.chain)
        code = UNKNOWN
        try:
            async for answer in inner(request, context):
                yield answer
            code = OK
        except (GeneratorExit, asyncio.CancelledError):
            code = CANCELLED
            raise
        finally:
            if passage.call is not None:
                guard.replied(passage, ended_with(context, code))

    return behavior


async def _admitted(guard: Guard, path: str, request: Any, context: Any, size: Size) -> Passage:
    passage = guard.incoming(
        path,
        context.invocation_metadata() or (),
        lambda: identities_of(context.auth_context()),
        lambda: size(request),
    )
    if passage.code:
        await context.abort(code_named(passage.code), passage.why)
    if passage.delay_s:
        await asyncio.sleep(passage.delay_s)
    return passage
