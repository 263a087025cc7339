"""Calls that a service on asyncio makes, by a policy: interceptors for a channel of `grpc.aio`."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc

from informer.policies.grpc.guard import Guard, Passage
from informer.policies.grpc.messages import code_named, no_size, size_of


def client_interceptors(guard: Guard, callee: str) -> list[grpc.aio.ClientInterceptor]:
    """For the `interceptors` of a channel: one for each kind of call."""
    asker = _Asker(guard, callee)
    return [_UnaryUnary(asker), _UnaryStream(asker), _StreamUnary(asker), _StreamStream(asker)]


class _Asker:
    """Asks the policy about calls to one callee."""

    def __init__(self, guard: Guard, callee: str) -> None:
        self._guard, self._callee = guard, callee
        self._telling: set[asyncio.Task[None]] = set()  # nobody else holds on to these

    async def __call__(
        self, continuation: Any, details: Any, request: Any, size: Callable[[Any], int]
    ) -> Any:
        method = details.method
        passage = self._guard.outgoing(
            self._callee,
            method.decode() if isinstance(method, bytes) else method,
            details.metadata,
            lambda: size(request),
        )
        if passage.code:
            none = grpc.aio.Metadata()
            raise grpc.aio.AioRpcError(code_named(passage.code), none, none, passage.why)
        if passage.delay_s:
            await asyncio.sleep(passage.delay_s)
        timeout = details.timeout
        if passage.timeout_s is not None:
            timeout = passage.timeout_s if timeout is None else min(timeout, passage.timeout_s)
        sent = details._replace(metadata=grpc.aio.Metadata(*passage.metadata), timeout=timeout)
        call = await continuation(sent, request)
        if passage.call is not None:
            call.add_done_callback(lambda done: self._tell(passage, done))
        return call

    def _tell(self, passage: Passage, done: Any) -> None:
        async def tell() -> None:
            self._guard.replied(passage, (await done.code()).value[0])

        task = asyncio.get_running_loop().create_task(tell())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)


class _UnaryUnary(grpc.aio.UnaryUnaryClientInterceptor):
    def __init__(self, ask: _Asker) -> None:
        self._ask = ask

    async def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        return await self._ask(continuation, details, request, size_of)


class _UnaryStream(grpc.aio.UnaryStreamClientInterceptor):
    def __init__(self, ask: _Asker) -> None:
        self._ask = ask

    async def intercept_unary_stream(self, continuation: Any, details: Any, request: Any) -> Any:
        return await self._ask(continuation, details, request, size_of)


class _StreamUnary(grpc.aio.StreamUnaryClientInterceptor):
    def __init__(self, ask: _Asker) -> None:
        self._ask = ask

    async def intercept_stream_unary(self, continuation: Any, details: Any, requests: Any) -> Any:
        return await self._ask(continuation, details, requests, no_size)


class _StreamStream(grpc.aio.StreamStreamClientInterceptor):
    def __init__(self, ask: _Asker) -> None:
        self._ask = ask

    async def intercept_stream_stream(self, continuation: Any, details: Any, requests: Any) -> Any:
        return await self._ask(continuation, details, requests, no_size)
