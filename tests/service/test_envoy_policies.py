"""A policy as Envoy enforces it: what passes, what is refused, what is only counted."""

import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
import yaml
from hypothesis import HealthCheck, given, settings

import target_readers as read
from certificates import make_certificates, make_identity
from exported_envoy import CALLER, Guarded, compiled, exported
from informer.policies.syntax import Policy
from informer.policies.targets.cells import guards
from informer.policies.targets.envoy import compile_envoy
from informer.policies.targets.workloads import Workloads
from informer.policies.write import write
from real_parts import needed
from reference_verdicts import is_said, verdicts_of
from soaking import many
from target_policies import HEADERS, IDENTITIES, PATHS, PLACES, SERVICES, policies

SHOP = """
rules 1
rule front {
    when caller = "outside" and callee = "web" and method in ("GET /", "POST /login")
    allow
}
rule limit_login {
    when caller = "web" and callee = "auth" and method = "POST /login"
    limit 3 per 1h
}
rule login { when caller = "web" and callee = "auth" and method = "POST /login" allow }
rule carts {
    when caller = "web" and callee = "cart"
        and method in ("GET /cart/{id}", "PUT /cart/{id}/items/{item}")
    allow
}
rule report { when caller = "batch" and callee = "cart" and method = "GET /cart/all" allow }
default deny 403
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with exported(tmp_path_factory.mktemp("shop"), SHOP) as guarded:
        yield guarded


def test_what_was_learned_passes_and_what_an_attacker_does_is_refused(tmp_path: Path) -> None:
    with exported(tmp_path, SHOP) as call:
        assert call("cart", "/cart/42", caller="web") == 200
        assert call("cart", "/cart/42/items/7", "PUT", caller="web") == 200
        assert call("cart", "/cart/all", caller="batch") == 200
        assert call("auth", "/login", "POST", caller="web") == 200
        # A workload never seen, an edge never seen, a method never seen, nobody at all.
        assert call("cart", "/cart/42", caller="toolbox") == 403
        assert call("auth", "/login", "POST", caller="batch") == 403
        assert call("cart", "/cart/42", "DELETE", caller="web") == 403
        assert call("cart", "/admin", caller="web") == 403
        assert call("cart", "/cart/42") == 403
        # What fits a template and is a method of its own belongs to those who may use it.
        assert call("cart", "/cart/all", caller="web") == 403
        assert call("cart", "/cart/42", caller="batch") == 403
        # From outside: nobody knows who that is, so anybody may do what it may, and no more.
        assert call("web", "/") == 200
        assert call("web", "/login", "POST") == 200
        assert call("web", "/admin") == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/cart/42?next=/admin", 200),
        ("/cart/42?", 200),
        ("//cart//42", 200),  # is read as /cart/42, and handed on so
        ("/cart/x/../42", 200),
        ("/cart/%2e%2e/cart/42", 200),
        ("/cart/%41", 200),
        ("/cart/%252e%252e", 200),  # one segment whatever it is decoded to
        ("/cart/42/", 403),
        ("/cart/", 403),
        ("/cart", 403),
        ("/CART/42", 403),
        ("/cart/../admin", 403),
        ("/cart/%2e%2e/admin", 403),
        ("/cart/..;/admin", 403),
        ("/cart/..;", 403),
        ("/cart/42;v=1", 403),
        ("/cart/all?x=/cart/42", 403),
        ("/cart/%61ll", 403),  # /cart/all
        ("/cart/x%2f..%2f..%2fadmin", 400),
        ("/cart/x%5c..%5cadmin", 400),
        ("/cart/42#/admin", 400),
    ],
)
def test_a_path_is_judged_as_servers_read_it(path: str, status: int, shop: Guarded) -> None:
    assert shop("cart", path, caller="web") == status


def test_what_goes_beyond_a_limit_is_refused_however_it_is_spelt(tmp_path: Path) -> None:
    rules = SHOP.replace("default", 'rule other { when callee = "auth" allow } default')
    with exported(tmp_path, rules) as call:
        spelt = ["/login", "/login?x=1", "//login", "/x/../login", "/login?", "/%6cogin"]
        found = [call("auth", path, "POST", caller="web") for path in [*spelt, *spelt]]
        assert found == [200] * 3 + [429] * 9
        assert call("auth", "/login", caller="web") == 200  # another method
        assert call("auth", "/login", "POST", caller="batch") == 200  # another caller
        stats = call.stats()
    assert stats["auth.http_local_rate_limit.enforced"] == 9


def test_a_shadow_counts_and_blocks_nothing(tmp_path: Path) -> None:
    with exported(tmp_path, SHOP, shadow=True) as call:
        for path in ("/cart/1", "/cart/2", "/admin", "/cart/x%2f..%2fadmin", "/cart/all"):
            assert call("cart", path, caller="web") == 200
        assert [call("auth", "/login", "POST", caller="web") for _ in range(8)] == [200] * 8
        assert call("auth", "/login", "POST", caller="toolbox") == 200
        stats, lines = call.stats(), call.lines()
    assert stats["http.cart.rbac.informer_.shadow_allowed"] == 3  # `%2f` is no slash of the path
    assert stats["http.cart.rbac.informer_.shadow_denied"] == 2
    assert stats["http.cart.rbac.informer_.policy.carts.shadow_allowed"] == 3
    assert stats["http.auth.rbac.informer_.shadow_denied"] == 1
    assert stats["auth.http_local_rate_limit.rate_limited"] == 5
    assert stats["auth.http_local_rate_limit.enforced"] == 0
    told = [(x["callee"], x["caller"], x["shadow"], x["shadow_rule"]) for x in lines]
    assert told[0] == ("cart", "web", "allowed", "carts")
    assert told[2] == ("cart", "web", "denied", None)
    assert told[-1] == ("auth", "toolbox", "denied", None)
    assert [line["over_limit"] for line in lines[5:13]] == [None] * 3 + ["true"] * 5
    assert {line["result"] for line in lines} == {None}
    assert int(lines[0]["start_ns"]) < int(lines[-1]["start_ns"])


def test_a_caller_is_who_its_certificate_says(tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "certificates")
    for name in ("auth", "cart", "web"):
        make_identity(made, name, f"spiffe://cluster.local/ns/default/sa/{name}")
    workloads = Workloads(certificates=str(tmp_path / "certificates"))

    def known(name: str | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=made["ca"])
        if name is not None:
            uri = f"spiffe://cluster.local/ns/default/sa/{name}"
            context.load_cert_chain(*make_identity(made, f"client-{name}", uri))
        return context

    web, toolbox, nobody = known("web"), known("toolbox"), known(None)
    with exported(tmp_path, SHOP, workloads=workloads) as call:
        assert call("cart", "/cart/42", tls=web) == 200
        assert call("cart", "/cart/42", tls=toolbox) == 403
        assert call("cart", "/cart/42", tls=nobody) == 403
        assert call("web", "/", tls=nobody) == 200
        claims = {
            "x-forwarded-client-cert": "URI=spiffe://cluster.local/ns/default/sa/web",
            CALLER: "web",
        }
        assert call("cart", "/cart/42", tls=toolbox, headers=claims) == 403
        assert [call("auth", "/login", "POST", tls=web) for _ in range(8)] == [200] * 3 + [429] * 5
        # Who is refused uses nothing of a limit up, and who is limited cannot claim to be another.
        other = {"x-forwarded-client-cert": "URI=spiffe://cluster.local/ns/default/sa/other"}
        assert call("auth", "/login", "POST", tls=web, headers=other) == 429
        lines = call.lines()
    assert lines[0]["caller"] == "spiffe://cluster.local/ns/default/sa/web"
    assert workloads.name_of(lines[0]["caller"], ["cart", "web"]) == "web"
    assert lines[2]["caller"] is None


GRPC = """
rules 1
rule limit_charge {
    when caller = "web" and callee = "payment" and method = "shop.Payment/Charge" limit 2 per 1h
}
rule charge {
    when caller = "web" and callee = "payment"
        and method in ("shop.Payment/Charge", "/shop.Payment/Get")
    allow
}
default deny 403
"""


def test_methods_of_grpc_are_told_apart(tmp_path: Path) -> None:
    def handler(details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(lambda request, _: request)

    class Answers(grpc.GenericRpcHandler):
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
            return handler(details)

    server = grpc.server(ThreadPoolExecutor(2), handlers=[Answers()])
    upstream = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with (
            exported(tmp_path, GRPC, upstream=upstream) as call,
            grpc.insecure_channel(f"127.0.0.1:{call.ports['payment']}") as channel,
        ):

            def code(method: str, caller: str) -> str:
                rpc = channel.unary_unary(f"/shop.Payment/{method}")
                try:
                    rpc(b"x", metadata=[(CALLER, caller)], timeout=20)
                except grpc.RpcError as error:
                    return error.code().name
                return "OK"

            assert code("Get", "web") == "OK"
            assert code("Refund", "web") == "PERMISSION_DENIED"
            assert code("Charge", "batch") == "PERMISSION_DENIED"
            found = [code("Charge", "web") for _ in range(5)]
            assert found == ["OK"] * 2 + ["RESOURCE_EXHAUSTED"] * 3
    finally:
        server.stop(None).wait()


LIMITS = """
rules 1
rule each { when callee = "web" limit 1 per 1h by header("x-client") keep 50 else deny 503 }
rule all { when callee = "web" limit 10 per 1h }
rule pages {
    when caller = "outside" and callee = "web" and method in ("GET /a", "GET /b")
    allow
}
default deny 403
"""


def test_limits_count_apart_by_a_header_and_answer_with_their_status(tmp_path: Path) -> None:
    with exported(tmp_path, LIMITS) as call:

        def status(client: str | None) -> int:
            headers = {} if client is None else {"x-client": client}
            return call("web", "/a", headers=headers)

        assert [status("x") for _ in range(3)] == [200, 503, 503]
        assert [status("y") for _ in range(3)] == [200, 503, 503]
        assert [status(None) for _ in range(3)] == [200, 503, 503]  # share one count
        # What each may is used up or not: all together may no more than this.
        found = [status(f"z{n}") for n in range(20)]
        assert found == [200] * 7 + [429] * 13


OPEN = """
rules 1
rule no_delete {
    when callee = "cart" and method = "DELETE /cart/{id}" and caller != "admin"
    deny 403
}
rule no_agent { when callee = "cart" and header("user-agent") like "evil*" deny 403 }
rule versions {
    when callee = "cart" and present(header("x-version")) and not header("x-version") in ("1", "2")
    deny 403
}
rule banned { when callee = "cart" and caller = "toolbox" deny 403 }
default allow
"""


def test_a_default_that_allows_refuses_what_rules_deny_and_no_more(tmp_path: Path) -> None:
    with exported(tmp_path, OPEN) as call:
        assert call("cart", "/cart/1", "DELETE", caller="web") == 403
        assert call("cart", "/cart/1", "DELETE", caller="admin") == 200
        assert call("cart", "/cart/1", caller="web") == 200
        assert call("cart", "/any/thing", caller="web") == 200
        assert call("cart", "/any/thing", caller="toolbox") == 403
        assert call("cart", "/x", caller="web", headers={"user-agent": "evil/1"}) == 403
        assert call("cart", "/x", caller="web", headers={"x-version": "2"}) == 200
        assert call("cart", "/x", caller="web", headers={"x-version": "3"}) == 403
        line = call.lines()[0]
    assert (line["result"], line["rule"]) == ("denied", "no_delete")


HOSTILE = r"""
rules 1
rule a {
    when caller = "%REQ(authorization)%" and callee = "a%b\n- x: 1" and method = "GET /x.y"
    allow
}
rule b {
    when caller = "1e3" and callee = "yes" and method in ("GET /{a}.json", "GET /$.(x)/{b}")
    allow
}
rule c { when caller = "\"}'" and callee = "\u202e" and method = "GET /\u0000" allow }
default deny 403
"""


def test_names_that_attack_the_configuration_are_only_names(tmp_path: Path) -> None:
    with exported(tmp_path, HOSTILE) as call:
        name = "a%b\n- x: 1"
        assert set(call.ports) == {name, "yes", "\u202e"}
        assert call(name, "/x.y", caller="%REQ(authorization)%") == 200
        assert call(name, "/xzy", caller="%REQ(authorization)%") == 403
        assert call("yes", "/q.json", caller="1e3") == 200
        assert call("yes", "/qxjson", caller="1e3") == 403
        assert call("yes", "/$.(x)/b", caller="1e3") == 200
        assert call("yes", "/$zx/b", caller="1e3") == 403
        assert call("yes", "/q.json", caller="1000.0") == 403
        assert call("\u202e", "/any", caller="\"}'") == 200
        assert call.lines()[0]["callee"] == name


@settings(max_examples=many(8, 200), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(policy=policies())
def test_envoy_decides_as_the_rules_do_or_says_that_it_is_weaker(
    policy: Policy, tmp_path_factory: pytest.TempPathFactory
) -> None:
    weakened = compile_envoy(policy, PLACES).weakened
    config = compiled(write(policy), PLACES)
    named = {guard.callee: guard.methods for guard in guards(policy, SERVICES)}
    with exported(tmp_path_factory.mktemp("any"), write(policy), workloads=PLACES) as call:
        for callee in call.ports:
            for caller in IDENTITIES:
                for number, (verb, path) in enumerate(PATHS):
                    headers = HEADERS[number % len(HEADERS)]
                    request = read.Request(caller, callee, verb, path, headers)
                    status = call(callee, path, verb, caller=caller, headers=headers)
                    # The property tests read Envoy's files as Envoy does, many more of them.
                    assert status == (200 if read.envoy_passes(config, request, CALLER) else 403)
                    verdicts = verdicts_of(policy, request, named.get(callee, ()))
                    if all(verdicts):
                        assert status == 200
                    elif not any(verdicts) and status == 200:
                        assert is_said(weakened, policy, callee)


@pytest.mark.parametrize("shadow", [False, True])
def test_envoy_takes_what_is_exported(shadow: bool, tmp_path: Path) -> None:
    for number, rules in enumerate((SHOP, GRPC, LIMITS, OPEN, HOSTILE)):
        file = tmp_path / f"{number}.yaml"
        file.write_text(yaml.safe_dump(compiled(rules, Workloads(caller_header=CALLER), shadow)))
        checked = [needed("envoy"), "--mode", "validate", "--config-path", file]
        ran = subprocess.run(checked, capture_output=True, text=True, check=False, timeout=120)
        assert ran.returncode == 0, ran.stderr[-2000:]
