"""Calls that a service makes, by a policy: a channel around a channel.

`grpc.intercept_channel` looks the method up again for every call, which alone costs more than a
policy; a channel of our own keeps what gRPC made for it.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from informer.policies.grpc.guard import Guard
from informer.policies.grpc.messages import code_named, no_size, size_of
from informer.policies.grpc.passage import Passage
from informer.policies.grpc.status import OK


class RefusedError(grpc.RpcError):
    """A call that the policy refused: raised, or in the place of a call or future that failed."""

    def __init__(self, passage: Passage) -> None:
        super().__init__(passage.why)
        self._code, self._details = code_named(passage.code), passage.why

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details

    def initial_metadata(self) -> tuple[()]:
        return ()

    def trailing_metadata(self) -> tuple[()]:
        return ()

    def is_active(self) -> bool:
        return False

    def time_remaining(self) -> None:
        return None

    def cancel(self) -> bool:
        return False

    def cancelled(self) -> bool:
        return False

    def running(self) -> bool:
        return False

    def done(self) -> bool:
        return True

    def result(self, timeout: float | None = None) -> Any:
        raise self

    def exception(self, timeout: float | None = None) -> "RefusedError":
        return self

    def traceback(self, timeout: float | None = None) -> Any:
        return self.__traceback__

    def add_callback(self, callback: Callable[[], None]) -> bool:
        return False

    def add_done_callback(self, fn: Callable[[Any], None]) -> None:
        fn(self)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        raise self


class GuardedChannel(grpc.Channel):
    """A channel to one callee, for use in the place of the one that it is given."""

    def __init__(self, channel: grpc.Channel, guard: Guard, callee: str) -> None:
        self._channel, self._guard, self._callee = channel, guard, callee

    def unary_unary(self, method: str, *args: Any, **named: Any) -> Any:
        inner = self._channel.unary_unary(method, *args, **named)
        return _Unary(inner, self._guard, self._callee, method, size_of)

    def stream_unary(self, method: str, *args: Any, **named: Any) -> Any:
        inner = self._channel.stream_unary(method, *args, **named)
        return _Unary(inner, self._guard, self._callee, method, no_size)

    def unary_stream(self, method: str, *args: Any, **named: Any) -> Any:
        inner = self._channel.unary_stream(method, *args, **named)
        return _Stream(inner, self._guard, self._callee, method, size_of)

    def stream_stream(self, method: str, *args: Any, **named: Any) -> Any:
        inner = self._channel.stream_stream(method, *args, **named)
        return _Stream(inner, self._guard, self._callee, method, no_size)

    def subscribe(self, callback: Callable[..., None], try_to_connect: bool = False) -> None:
        self._channel.subscribe(callback, try_to_connect)

    def unsubscribe(self, callback: Callable[..., None]) -> None:
        self._channel.unsubscribe(callback)

    def close(self) -> None:
        self._channel.close()

    def __enter__(self) -> "GuardedChannel":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Method:
    """One method of the callee."""

    def __init__(
        self, inner: Any, guard: Guard, callee: str, path: str, size: Callable[[Any], int]
    ) -> None:
        self._inner, self._guard, self._size = inner, guard, size
        self._callee, self._path = callee, path

    def _asked(
        self, request: Any, timeout: float | None, metadata: Any
    ) -> tuple[Passage, float | None]:
        passage = self._guard.outgoing(
            self._callee, self._path, metadata, lambda: self._size(request)
        )
        if passage.delay_s and not passage.code:
            time.sleep(passage.delay_s)
        if passage.timeout_s is not None:
            timeout = passage.timeout_s if timeout is None else min(timeout, passage.timeout_s)
        return passage, timeout

    def _started(self, call: Any, passage: Passage) -> Any:
        """A call that is under way; its end is told to rules on reply."""
        if passage.call is not None:
            call.add_done_callback(lambda done: self._guard.replied(passage, done.code().value[0]))
        return call


class _Unary(_Method):
    """Calls with one answer."""

    def __call__(
        self, request: Any, timeout: float | None = None, metadata: Any = None, **named: Any
    ) -> Any:
        again = self._guard.sent_again(self._callee, self._path, metadata)
        if again is not None:
            return self._inner(request, timeout, again, **named)
        passage, timeout = self._asked(request, timeout, metadata)
        if passage.code:
            raise RefusedError(passage)
        if passage.call is not None:
            return self._followed(passage, request, timeout, named)[0]
        return self._inner(request, timeout, passage.metadata, **named)

    def with_call(
        self, request: Any, timeout: float | None = None, metadata: Any = None, **named: Any
    ) -> Any:
        passage, timeout = self._asked(request, timeout, metadata)
        if passage.code:
            raise RefusedError(passage)
        return self._followed(passage, request, timeout, named)

    def future(
        self, request: Any, timeout: float | None = None, metadata: Any = None, **named: Any
    ) -> Any:
        passage, timeout = self._asked(request, timeout, metadata)
        if passage.code:
            return RefusedError(passage)
        return self._started(
            self._inner.future(request, timeout, passage.metadata, **named), passage
        )

    def _followed(
        self, passage: Passage, request: Any, timeout: float | None, named: dict[str, Any]
    ) -> Any:
        try:
            answer = self._inner.with_call(request, timeout, passage.metadata, **named)
        except grpc.RpcError as error:
            self._guard.replied(passage, error.code().value[0])
            raise
        self._guard.replied(passage, OK)
        return answer


class _Stream(_Method):
    """Calls with a stream of answers."""

    def __call__(
        self, request: Any, timeout: float | None = None, metadata: Any = None, **named: Any
    ) -> Any:
        passage, timeout = self._asked(request, timeout, metadata)
        if passage.code:
            return RefusedError(passage)
        return self._started(self._inner(request, timeout, passage.metadata, **named), passage)
