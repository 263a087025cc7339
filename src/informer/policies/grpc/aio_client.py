"""Calls that a service on asyncio makes, by a policy: a channel around a channel.

As in `client.py`, and for the same reason: interceptors of `grpc.aio` make a task for every call.
Only a call that is refused or held up gets one here.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from typing import Any

import grpc

from informer.policies.grpc.guard import Guard
from informer.policies.grpc.messages import code_named, no_size, size_of
from informer.policies.grpc.passage import Passage


class LateCall:
    """A call that is made a little later, or never."""

    def __init__(self, passage: Passage, make: Callable[[], Any]) -> None:
        self._task = asyncio.get_running_loop().create_task(_made(passage, make))
        # A refusal that nobody asks about is no error of the program.
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    def __await__(self) -> Generator[Any, Any, Any]:
        call = yield from self._task.__await__()
        return (yield from call.__await__())

    async def __aiter__(self) -> AsyncIterator[Any]:
        async for answer in await self._task:
            yield answer

    async def read(self) -> Any:
        return await (await self._task).read()

    async def write(self, request: Any) -> None:
        await (await self._task).write(request)

    async def done_writing(self) -> None:
        await (await self._task).done_writing()

    async def wait_for_connection(self) -> None:
        await (await self._task).wait_for_connection()

    async def code(self) -> Any:
        return await self._told("code")

    async def details(self) -> Any:
        return await self._told("details")

    async def initial_metadata(self) -> Any:
        return await self._told("initial_metadata")

    async def trailing_metadata(self) -> Any:
        return await self._told("trailing_metadata")

    async def _told(self, what: str) -> Any:
        try:
            call = await self._task
        except grpc.aio.AioRpcError as refusal:
            return getattr(refusal, what)()
        return await getattr(call, what)()

    def done(self) -> bool:
        return self._task.done() and (self._call is None or self._call.done())

    def cancelled(self) -> bool:
        return self._task.cancelled() or (self._call is not None and self._call.cancelled())

    def cancel(self) -> bool:
        return self._call.cancel() if self._call is not None else self._task.cancel()

    def time_remaining(self) -> float | None:
        return self._call.time_remaining() if self._call is not None else None

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        def made(_task: Any) -> None:
            if self._call is None:
                callback(self)
            else:
                self._call.add_done_callback(lambda _call: callback(self))

        self._task.add_done_callback(made)

    @property
    def _call(self) -> Any:
        """The call, once it is made."""
        ended = self._task.done() and not self._task.cancelled()
        return self._task.result() if ended and self._task.exception() is None else None


async def _made(passage: Passage, make: Callable[[], Any]) -> Any:
    if passage.code:
        none = grpc.aio.Metadata()
        raise grpc.aio.AioRpcError(code_named(passage.code), none, none, passage.why)
    await asyncio.sleep(passage.delay_s)
    return make()


class AioGuardedChannel(grpc.aio.Channel):
    """A channel to one callee, for use in the place of the one that it is given."""

    def __init__(self, channel: grpc.aio.Channel, guard: Guard, callee: str) -> None:
        self._channel, self._guard, self._callee = channel, guard, callee

    def unary_unary(self, method: str, *args: Any, **named: Any) -> Any:
        return self._method(self._channel.unary_unary(method, *args, **named), method, size_of)

    def unary_stream(self, method: str, *args: Any, **named: Any) -> Any:
        return self._method(self._channel.unary_stream(method, *args, **named), method, size_of)

    def stream_unary(self, method: str, *args: Any, **named: Any) -> Any:
        return self._method(self._channel.stream_unary(method, *args, **named), method, no_size)

    def stream_stream(self, method: str, *args: Any, **named: Any) -> Any:
        return self._method(self._channel.stream_stream(method, *args, **named), method, no_size)

    def _method(self, inner: Any, path: str, size: Callable[[Any], int]) -> "_Method":
        return _Method(inner, self._guard, self._callee, path, size)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._channel.channel_ready()

    async def close(self, grace: float | None = None) -> None:
        await self._channel.close(grace)

    async def __aenter__(self) -> "AioGuardedChannel":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class _Method:
    """One method of the callee."""

    def __init__(
        self, inner: Any, guard: Guard, callee: str, path: str, size: Callable[[Any], int]
    ) -> None:
        self._inner, self._guard, self._size = inner, guard, size
        self._callee, self._path = callee, path
        self._telling: set[asyncio.Task[None]] = set()  # nobody else holds on to these

    def __call__(
        self,
        request: Any = None,
        timeout: float | None = None,
        metadata: Any = None,
        **named: Any,
    ) -> Any:
        again = self._guard.sent_again(self._callee, self._path, metadata)
        if again is not None:
            return self._inner(request, timeout=timeout, metadata=again, **named)
        return self._asked(request, timeout, metadata, named)

    def _asked(
        self, request: Any, timeout: float | None, metadata: Any, named: dict[str, Any]
    ) -> Any:
        passage = self._guard.outgoing(
            self._callee, self._path, metadata, lambda: self._size(request)
        )
        if passage.timeout_s is not None:
            timeout = passage.timeout_s if timeout is None else min(timeout, passage.timeout_s)

        def make() -> Any:
            call = self._inner(request, timeout=timeout, metadata=passage.metadata, **named)
            if passage.call is not None:
                call.add_done_callback(lambda done: self._tell(passage, done))
            return call

        return LateCall(passage, make) if passage.code or passage.delay_s else make()

    def _tell(self, passage: Passage, done: Any) -> None:
        async def tell() -> None:
            self._guard.replied(passage, (await done.code()).value[0])

        task = asyncio.get_running_loop().create_task(tell())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
