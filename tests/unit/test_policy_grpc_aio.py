"""The same policy on asyncio: every kind of call, and the chain from service to service."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from guarded_services import guard
from informer.policies.grpc.aio_client import AioGuardedChannel
from informer.policies.grpc.aio_server import AioPolicyInterceptor
from informer.policies.grpc.guard import Guard

CODE = grpc.StatusCode
WEB_ONLY = 'rule web { when caller = "web" and callee = "cart" allow } default deny 403'
Then = Callable[[bytes], Awaitable[bytes]] | None


def handlers(name: str, then: Then) -> grpc.GenericRpcHandler:
    async def on(request: bytes) -> bytes:
        return await then(request) if then else request

    async def get(request: bytes, _context: Any) -> bytes:
        return await on(request)

    async def sum_(requests: AsyncIterator[bytes], _context: Any) -> bytes:
        return await on(b"".join([request async for request in requests]))

    async def list_(request: bytes, _context: Any) -> AsyncIterator[bytes]:
        for _ in range(3):
            yield await on(request)

    async def write(request: bytes, context: Any) -> None:
        await context.write(await on(request))

    async def talk(requests: AsyncIterator[bytes], _context: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            yield await on(request)

    def plain(request: bytes, _context: Any) -> bytes:
        return request

    return grpc.method_handlers_generic_handler(
        name,
        {
            "Get": grpc.unary_unary_rpc_method_handler(get),
            "Plain": grpc.unary_unary_rpc_method_handler(plain),
            "Sum": grpc.stream_unary_rpc_method_handler(sum_),
            "List": grpc.unary_stream_rpc_method_handler(list_),
            "Write": grpc.unary_stream_rpc_method_handler(write),
            "Talk": grpc.stream_stream_rpc_method_handler(talk),
        },
    )


@asynccontextmanager
async def serving(guarded: Guard, name: str, then: Then = None) -> AsyncIterator[int]:
    server = grpc.aio.server(interceptors=[AioPolicyInterceptor(guarded)])
    server.add_generic_rpc_handlers((handlers(f"shop.{name}", then),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


def channel_to(port: int, guarded: Guard | None, callee: str) -> grpc.aio.Channel:
    plain = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
    return plain if guarded is None else AioGuardedChannel(plain, guarded, callee)


async def first(answers: Any) -> bytes:
    found = [answer async for answer in answers]
    return bytes(found[0])


KINDS: dict[str, Callable[[grpc.aio.Channel], Awaitable[bytes]]] = {
    "Get": lambda c: c.unary_unary("/shop.Cart/Get")(b"ab"),
    "Plain": lambda c: c.unary_unary("/shop.Cart/Plain")(b"ab"),
    "Sum": lambda c: c.stream_unary("/shop.Cart/Sum")(iter([b"a", b"b"])),
    "List": lambda c: first(c.unary_stream("/shop.Cart/List")(b"ab")),
    "Write": lambda c: first(c.unary_stream("/shop.Cart/Write")(b"ab")),
    "Talk": lambda c: first(c.stream_stream("/shop.Cart/Talk")(iter([b"ab"]))),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def ended(kind: str, at_server: Guard, at_client: Guard | None) -> bytes | grpc.StatusCode:
    """What a call gives: its answer, or the code that it fails with."""

    async def run() -> bytes | grpc.StatusCode:
        async with serving(at_server, "Cart") as port, channel_to(port, at_client, "cart") as at:
            try:
                return await KINDS[kind](at)
            except grpc.RpcError as error:
                code: grpc.StatusCode = error.code()
                return code

    return asyncio.run(run())


@every_kind
def test_a_call_that_is_allowed_comes_through(kind: str) -> None:
    assert ended(kind, guard(WEB_ONLY, "cart"), guard(WEB_ONLY, "web")) == b"ab"


@every_kind
def test_the_server_refuses_a_stranger(kind: str) -> None:
    assert ended(kind, guard(WEB_ONLY, "cart"), None) == CODE.PERMISSION_DENIED


@every_kind
def test_the_client_refuses_before_anything_is_sent(kind: str) -> None:
    at_server = guard(WEB_ONLY, "cart")
    refusing = guard('rule cart { when callee = "cart" deny 429 } default allow', "web")
    assert ended(kind, at_server, refusing) == CODE.RESOURCE_EXHAUSTED
    assert at_server.verdicts() == {}


@pytest.mark.parametrize("method", ["Get", "Sum", "List", "Write", "Talk"])
def test_the_chain_goes_along_from_service_to_service(method: str) -> None:
    rules = f"""
    rule shown {{ when callee = "cart" allow }}
    rule behind {{ when callee = "stock" and previous = "web>cart:shop.Cart/{method}" allow }}
    default deny 403
    """
    stock, between, web = (guard(rules, name) for name in ("stock", "cart", "web"))

    async def run() -> list[bytes]:
        async with serving(stock, "Stock") as port, channel_to(port, between, "stock") as onward:

            async def get(request: bytes) -> bytes:
                return await onward.unary_unary("/shop.Stock/Get")(request)

            async with serving(between, "Cart", get) as front, channel_to(front, web, "cart") as at:
                return [await KINDS[method](at) for _ in range(3)]

    assert asyncio.run(run()) == [b"ab"] * 3
    assert web.verdicts() == {("shown", "allow"): 3}
    assert set(between.verdicts()) == {("shown", "allow"), ("behind", "allow")}
    assert between.verdicts()["shown", "allow"] == 3
    assert set(stock.verdicts()) == {("behind", "allow")}


def test_effects_and_rules_on_reply_are_carried_out() -> None:
    rules = """
    rule slow { when callee = "cart" delay 1ms timeout 5s count calls }
    rule done on reply { when status = 0 count done }
    default allow
    """
    client, at_server = guard(rules, "web"), guard(rules, "cart")

    async def run() -> None:
        async with serving(at_server, "Cart") as port, channel_to(port, client, "cart") as at:
            for kind in KINDS.values():
                await kind(at)
            await asyncio.sleep(0.05)  # the client hears of the end a moment later

    asyncio.run(run())
    assert client.metrics() == {"calls": 6, "done": 6}
    assert at_server.metrics() == {"calls": 6, "done": 6}


def test_a_call_that_is_held_up_or_refused_answers_like_any_other() -> None:
    rules = """
    rule slow { when method = "shop.Cart/Get" delay 1ms }
    rule closed { when method = "shop.Cart/List" deny 403 }
    default allow
    """
    ends = []

    async def run() -> None:
        at_server, client = guard("default allow", "cart"), guard(rules, "web")
        async with serving(at_server, "Cart") as port, channel_to(port, client, "cart") as at:
            late = at.unary_unary("/shop.Cart/Get")(b"a")
            late.add_done_callback(lambda call: ends.append(call.done()))
            assert not late.done()
            assert not late.cancelled()
            assert await late == b"a"
            assert await late.code() == CODE.OK
            assert late.done()
            gone = at.unary_unary("/shop.Cart/Get")(b"a")
            assert gone.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gone
            assert gone.cancelled()
            refused = at.unary_stream("/shop.Cart/List")(b"a")
            refused.add_done_callback(lambda call: ends.append(call.done()))
            assert await refused.code() == CODE.PERMISSION_DENIED
            assert await refused.details() == "denied by policy"
            with pytest.raises(grpc.RpcError):
                await refused.read()
            assert not refused.cancel()
            talk = at.stream_stream("/shop.Cart/Talk")()
            await talk.write(b"t")
            assert await talk.read() == b"t"
            await talk.done_writing()

    asyncio.run(run())
    assert ends == [True, True]


def test_the_channel_is_the_channel_it_was_given() -> None:
    async def run() -> None:
        client = guard("default allow", "web")
        async with serving(guard("default allow", "cart"), "Cart") as port:
            channel = channel_to(port, client, "cart")
            await channel.channel_ready()
            assert channel.get_state() == grpc.ChannelConnectivity.READY
            await channel.wait_for_state_change(grpc.ChannelConnectivity.IDLE)
            await channel.close()

    asyncio.run(run())
