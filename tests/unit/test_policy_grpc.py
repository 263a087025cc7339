"""A policy on real gRPC calls: let through, refused, counted, with the chain that led to them."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from certificates import make_certificates
from guarded_services import KEY, Clock, guard, serving
from informer.core.errors import InformerError
from informer.policies.grpc.client import GuardedChannel
from informer.policies.grpc.guard import Guard
from informer.policies.grpc.trail import METADATA, Trails
from informer.policies.parse import parse

CODE = grpc.StatusCode
WEB_ONLY = 'rule web { when caller = "web" and callee = "cart" allow } default deny 403'


def channel_to(port: int, guarded: Guard | None, callee: str) -> grpc.Channel:
    plain = grpc.insecure_channel(f"127.0.0.1:{port}")
    return plain if guarded is None else GuardedChannel(plain, guarded, callee)


@contextmanager
def cart(at_server: Guard | None, at_client: Guard | None) -> Iterator[grpc.Channel]:
    with serving(at_server, "Cart") as port, channel_to(port, at_client, "cart") as channel:
        yield channel


def code_of(call: Callable[[], Any]) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as raised:
        call()
    return raised.value.code()


KINDS: dict[str, Callable[[grpc.Channel], Any]] = {
    "unary": lambda c: c.unary_unary("/shop.Cart/Get")(b"ab"),
    "with call": lambda c: c.unary_unary("/shop.Cart/Get").with_call(b"ab")[0],
    "future": lambda c: c.unary_unary("/shop.Cart/Get").future(b"ab").result(),
    "requests": lambda c: c.stream_unary("/shop.Cart/Sum")(iter([b"a", b"b"])),
    "answers": lambda c: next(iter(c.unary_stream("/shop.Cart/List")(b"ab"))),
    "both": lambda c: b"".join(c.stream_stream("/shop.Cart/Talk")(iter([b"a", b"b"]))),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
def test_a_call_that_is_allowed_comes_through(kind: str) -> None:
    with cart(guard(WEB_ONLY, "cart"), guard(WEB_ONLY, "web")) as channel:
        assert KINDS[kind](channel) == b"ab"


@every_kind
def test_the_server_refuses_a_stranger(kind: str) -> None:
    with cart(guard(WEB_ONLY, "cart"), None) as channel:
        assert code_of(lambda: KINDS[kind](channel)) == CODE.PERMISSION_DENIED


@every_kind
def test_the_client_refuses_before_anything_is_sent(kind: str) -> None:
    refusing = guard('rule cart { when callee = "cart" deny 429 } default allow', "web")
    at_server = guard(WEB_ONLY, "cart")
    with cart(at_server, refusing) as channel:
        assert code_of(lambda: KINDS[kind](channel)) == CODE.RESOURCE_EXHAUSTED
    assert at_server.verdicts() == {}
    assert refusing.verdicts() == {("cart", "deny"): 1}


def test_shadow_counts_and_refuses_nothing() -> None:
    watching = guard(WEB_ONLY, "cart", mode="shadow")
    with cart(watching, None) as channel:
        assert channel.unary_unary("/shop.Cart/Get")(b"a") == b"a"
    assert watching.verdicts() == {("default", "deny"): 1}


def test_a_refusal_tells_no_rule_to_the_caller() -> None:
    with cart(guard(WEB_ONLY, "cart"), None) as channel, pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary("/shop.Cart/Get")(b"a")
    assert raised.value.details() == "denied by policy"


BEHIND = """
rule shown { when callee = "cart" and caller = "web" allow }
rule behind { when callee = "stock" and previous = "web>cart:shop.Cart/%s"
              and entry = "web>cart:shop.Cart/%s" and depth = 1 allow }
default deny 403
"""


@pytest.mark.parametrize(
    ("kind", "method"),
    [("unary", "Get"), ("requests", "Sum"), ("answers", "List"), ("both", "Talk")],
)
def test_the_chain_goes_along_from_service_to_service(kind: str, method: str) -> None:
    rules = BEHIND % (method, method)
    stock, between, web = (guard(rules, name) for name in ("stock", "cart", "web"))
    with ExitStack() as stack:
        port = stack.enter_context(serving(stock, "Stock"))
        onward = stack.enter_context(channel_to(port, between, "stock"))
        get = onward.unary_unary("/shop.Stock/Get")
        front = stack.enter_context(serving(between, "Cart", get))
        channel = stack.enter_context(channel_to(front, web, "cart"))
        assert KINDS[kind](channel) in (b"ab", b"a")
        assert code_of(lambda: get(b"a")) == CODE.PERMISSION_DENIED  # not in that chain
    assert set(stock.verdicts()) == {("behind", "allow")}
    assert between.verdicts()["default", "deny"] == 1


def with_token(channel: grpc.Channel, *tokens: bytes) -> bytes:
    metadata = tuple((METADATA, token) for token in tokens)
    return channel.unary_unary("/shop.Cart/Get")(b"a", metadata=metadata)


def token(key: bytes = KEY, method: str = "shop.Cart/Get", **of: Any) -> bytes:
    said = {"caller": "web", "callee": "cart", "chain": (), "now_s": 1_780_000_000} | of
    return Trails((key,)).write(method=method, **said)


@pytest.mark.parametrize(
    ("tokens", "reason"),
    [
        ([token(b"another key, of somebody")], "bad_signature"),
        ([token(callee="stock")], "bad_signature"),
        ([token(method="shop.Cart/List")], "bad_signature"),
        ([token()[:-1] + b"s"], "bad_signature"),
        ([b"0" + token()[17:]], "not_signed"),
        ([b""], "not_signed"),
        ([token(now_s=1_780_000_301)], "token_too_old"),
        ([token(now_s=1_779_999_699)], "token_too_old"),
        ([token(chain=("outside>shop:GET /",))], "chain_not_connected"),
        ([token(chain=("a>b:x", "c>web:y"))], "chain_not_connected"),
        ([token(), token()], "several_tokens"),
    ],
)
def test_a_token_that_is_not_believed_is_refused_and_counted(
    tokens: list[bytes], reason: str
) -> None:
    at_server = guard(WEB_ONLY, "cart")
    with cart(at_server, None) as channel:
        assert with_token(channel, token()) == b"a"
        assert code_of(lambda: with_token(channel, *tokens)) == CODE.PERMISSION_DENIED
    assert at_server.verdicts() == {("web", "allow"): 1, (reason, "error"): 1}


def test_a_token_that_was_good_grows_old() -> None:
    clock = Clock()
    with cart(guard(WEB_ONLY, "cart", clock_ns=clock), None) as channel:
        for later_s, passes in ((0, True), (300, True), (1, False), (-601, True), (-1, False)):
            clock.ns += later_s * 10**9
            if passes:
                assert with_token(channel, token()) == b"a"
            else:
                code = code_of(lambda: with_token(channel, token()))
                assert code == CODE.PERMISSION_DENIED


def test_keys_are_changed_without_a_stop() -> None:
    new = b"the key that comes after that one"
    with cart(guard(WEB_ONLY, "cart", keys=(new, KEY)), None) as channel:
        assert with_token(channel, token()) == with_token(channel, token(new)) == b"a"


def test_without_keys_nothing_that_is_said_is_believed_unless_told_so() -> None:
    unsigned = Trails().write("web", "cart", "shop.Cart/Get", (), 1_780_000_000)
    with cart(guard(WEB_ONLY, "cart", keys=()), None) as channel:
        assert code_of(lambda: with_token(channel, unsigned)) == CODE.PERMISSION_DENIED
    with cart(guard(WEB_ONLY, "cart", keys=(), trust_unsigned=True), None) as channel:
        assert with_token(channel, unsigned) == b"a"
        assert with_token(channel, token()) == b"a"


def test_rules_about_the_chain_want_a_chain_that_is_believed() -> None:
    with pytest.raises(InformerError, match="give keys, or trust_unsigned"):
        guard("rule a { when depth > 1 deny 403 } default allow", "cart", keys=())


def test_a_name_that_no_rule_knows_is_no_policy_that_cuts_everything_off() -> None:
    with pytest.raises(InformerError, match="no rule is about crat"):
        guard(WEB_ONLY, "crat")


@pytest.mark.parametrize(
    ("mode", "on_error", "passes"),
    [
        ("enforce", "closed", False),
        ("enforce", "open", True),
        ("shadow", "closed", True),
    ],
)
def test_a_chain_without_end_is_a_loop(mode: str, on_error: str, passes: bool) -> None:
    chain = tuple(["web>web:GET /"] * 33)
    with pytest.raises(ValueError, match="chain_too_deep"):
        token(chain=chain)
    at_server = guard(WEB_ONLY, "cart", mode=mode, on_error=on_error)
    deep = b"0" + b"\n".join([b"1780000000", b"web", *(rpc.encode() for rpc in chain)])
    with cart(at_server, None) as channel:
        if passes:
            assert with_token(channel, deep) == b"a"
        else:
            assert code_of(lambda: with_token(channel, deep)) == CODE.PERMISSION_DENIED


def test_what_cannot_be_judged_is_refused_unless_told_so(caplog: pytest.LogCaptureFixture) -> None:
    tall = 'rule tall { set header("x-name") = header("x-who") + "ü" } default allow'
    with cart(None, guard(tall, "web")) as channel:
        get = channel.unary_unary("/shop.Cart/Get")
        assert code_of(lambda: get(b"a", metadata=(("x-who", "me"),))) == CODE.UNAVAILABLE
    assert "Traceback" in caplog.text
    with cart(None, guard(tall, "web", on_error="open")) as channel:
        get = channel.unary_unary("/shop.Cart/Get")
        assert get(b"a", metadata=(("x-who", "me"),)) == b"a"


def test_a_limit_counts_by_the_clock_and_opens_again() -> None:
    clock = Clock()
    rules = 'rule few { limit 2 per 1m by header("x-user") allow } default deny 403'
    with cart(guard(rules, "cart", clock_ns=clock), None) as channel:
        get = channel.unary_unary("/shop.Cart/Get")
        for user in ("a", "b"):
            who = (("x-user", user),)
            assert [get(b"x", metadata=who) for _ in range(2)] == [b"x", b"x"]
            assert code_of(lambda who=who: get(b"x", metadata=who)) == CODE.RESOURCE_EXHAUSTED
        clock.ns += 60 * 10**9
        assert get(b"x", metadata=(("x-user", "a"),)) == b"x"


def test_effects_are_carried_out(caplog: pytest.LogCaptureFixture) -> None:
    rules = """
    rule shown { when callee = "cart" log "called" count calls set header("x-tier") = "gold"
                 timeout 5s delay 1ms }
    rule gold { when header("x-tier") = "gold" and caller = "web" count gold }
    default allow
    """
    client, at_server = guard(rules, "web"), guard(rules, "cart")
    with caplog.at_level(logging.INFO, "informer.policy"), cart(at_server, client) as channel:
        assert channel.unary_unary("/shop.Cart/Get")(b"a") == b"a"
    assert client.metrics() == at_server.metrics() == {"calls": 1, "gold": 1}
    assert "called (web>cart:shop.Cart/Get)" in caplog.text


def test_rules_on_reply_see_how_calls_end() -> None:
    rules = """
    state failures number
    rule broken { when callee = "cart" and failures >= 2 deny 503 }
    rule failing on reply { when failed set failures = failures + 1 count failed }
    default allow
    """
    for at_server, client in ((guard(rules, "cart"), None), (None, guard(rules, "web"))):
        with cart(at_server, client) as channel:
            for kind in ("unary", "answers"):
                assert KINDS[kind](channel)
            assert (
                code_of(lambda c=channel: c.unary_unary("/shop.Cart/Get")(b"fail")) == CODE.UNKNOWN
            )
            failing = channel.unary_stream("/shop.Cart/List")(b"fail")
            assert code_of(lambda f=failing: list(f)) == CODE.UNKNOWN
            get = channel.unary_unary("/shop.Cart/Get")
            assert code_of(lambda g=get: g(b"a")) == CODE.UNAVAILABLE
        found = at_server or client
        assert found is not None
        assert found.metrics() == {"failed": 2}


def test_size_counts_bytes() -> None:
    rules = 'rule big { when callee = "cart" and size > 3 deny 400 } default allow'
    with cart(guard(rules, "cart"), None) as channel:
        get = channel.unary_unary("/shop.Cart/Get")
        assert get(b"abc") == b"abc"
        assert code_of(lambda: get(b"abcd")) == CODE.INVALID_ARGUMENT


def test_a_policy_is_changed_at_once_or_not_at_all() -> None:
    at_server = guard(WEB_ONLY, "cart")
    with cart(at_server, None) as channel:
        with pytest.raises(InformerError, match="gRPC cannot do `mirror`"):
            at_server.swap(parse('rules 1 rule m { mirror to "x" } default allow'), "enforce")
        assert code_of(lambda: KINDS["unary"](channel)) == CODE.PERMISSION_DENIED
        at_server.swap(parse("rules 1 default allow"), "enforce")
        assert KINDS["unary"](channel) == b"ab"


@pytest.mark.parametrize(("peers", "passes"), [({"client": "web"}, True), ({}, False)])
def test_the_certificate_says_who_calls(
    tmp_path: Path, peers: dict[str, str], passes: bool
) -> None:
    made = {name: path.read_bytes() for name, path in make_certificates(tmp_path).items()}
    server = grpc.ssl_server_credentials(
        [(made["server_key"], made["server"])], made["ca"], require_client_auth=True
    )
    client = grpc.ssl_channel_credentials(made["ca"], made["client_key"], made["client"])
    at_server = guard(WEB_ONLY, "cart", peers=peers)
    with (
        serving(at_server, "Cart", credentials=server) as port,
        grpc.secure_channel(f"localhost:{port}", client) as channel,
    ):
        if not passes:
            assert code_of(lambda: KINDS["unary"](channel)) == CODE.PERMISSION_DENIED
            return
        assert KINDS["unary"](channel) == b"ab"
        other = token(caller="admin")  # signed, but the certificate is another's
        assert code_of(lambda: with_token(channel, other)) == CODE.PERMISSION_DENIED
        assert ("caller_is_not_peer", "error") in at_server.verdicts()


def test_the_application_cannot_send_a_token_of_its_own() -> None:
    with cart(guard(WEB_ONLY, "cart"), guard(WEB_ONLY, "web")) as channel:
        for _ in range(2):  # the second is like the first
            assert with_token(channel, b"forwarded by mistake") == b"a"


def test_calls_that_are_alike_are_counted_one_by_one_and_keep_their_chain() -> None:
    rules = BEHIND % ("Get", "Get")
    clock = Clock()
    stock, between, web = (guard(rules, name, clock_ns=clock) for name in ("stock", "cart", "web"))
    with ExitStack() as stack:
        port = stack.enter_context(serving(stock, "Stock"))
        onward = stack.enter_context(channel_to(port, between, "stock"))
        front = stack.enter_context(serving(between, "Cart", onward.unary_unary("/shop.Stock/Get")))
        get = stack.enter_context(channel_to(front, web, "cart")).unary_unary("/shop.Cart/Get")
        for later_s in (0, 0, 1, 29, 31, 400):
            clock.ns += later_s * 10**9
            assert get(b"a") == b"a"
        assert web.verdicts() == {("shown", "allow"): 6}
        assert between.verdicts() == {("shown", "allow"): 6, ("behind", "allow"): 6}
        assert stock.verdicts() == stock.verdicts() == {("behind", "allow"): 6}
