"""What proxies say of calls: lines of logs and counters, well-formed or not."""

from typing import Any

import orjson

from informer.policies.agreement import Methods, agree
from informer.policies.parse import parse
from informer.policies.shadow import ShadowLog, read_statistics

POLICY = parse(
    "rules 1\n"
    'rule limit_cart { when callee = "cart" limit 2 per 1m }\n'
    'rule web_to_cart { when caller = "web" and callee = "cart" '
    'and method in ("GET /cart/{id}", "GET /cart/all", "POST /cart") allow }\n'
    "default deny 403"
)


def line(**facts: Any) -> bytes:
    row = {
        "start_ns": "1000",
        "callee": "cart",
        "caller": "web",
        "verb": "GET",
        "path": "/cart/7?x=1",
        "status": 200,
        "trace": "00-" + "a" * 32 + "-" + "b" * 16 + "-01",
        "shadow": "allowed",
        "shadow_rule": "web_to_cart/2",
        "over_limit": None,
    }
    return orjson.dumps(row | facts) + b"\n"


def test_lines_are_read_and_what_is_none_is_counted() -> None:
    log = ShadowLog()
    rubbish = [b"\n", b"{", b"[]", b"x" * 70_000, line(shadow=None), line(path=None)]
    rubbish += [line(start_ns="soon"), b"\xff\xfe"]
    (seen,) = log.read([line(), *rubbish])
    assert (seen.time_ns, seen.path, seen.rule, seen.denied) == (
        1000,
        "/cart/7",
        "web_to_cart",
        False,
    )
    assert seen.trace_id == "a" * 32
    assert dict(log.skipped) == {
        "no JSON object": 3,
        "too long": 1,
        "no rules were asked": 1,
        "a fact is missing": 2,
    }


def test_rules_in_force_are_read_as_well() -> None:
    (denied,) = ShadowLog().read([line(shadow=None, result="denied", rule=None, status=403)])
    assert denied.denied
    limited = line(shadow=None, result=None, status=429, details="local_rate_limited")
    assert next(ShadowLog().read([limited])).over_limit


def test_agreement_is_told_rule_by_rule_and_limits_apart() -> None:
    lines = [
        line(),
        line(caller="db", shadow="denied", shadow_rule=None),
        line(caller="db"),  # the proxy allows what the rules deny
        line(caller="db", callee="stock", shadow="denied"),
        line(over_limit="true"),  # the proxy's bucket is empty, and so is ours
        line(),  # ours is empty, the proxy's is not
    ]
    found = agree(POLICY, ShadowLog().read(lines), name_of=lambda n: n)
    assert found.calls == 6
    default, limited = found.rules["default"], found.rules["limit_cart"]
    assert (default.calls, default.promised, default.denied, default.differ) == (2, 2, 2, 0)
    assert (limited.calls, limited.promised, limited.denied, limited.limited) == (3, 3, 1, 2)
    assert found.differ == 0
    strict = agree(
        parse('rules 1 rule a { when caller = "web" allow } default deny 403'),
        ShadowLog().read(lines),
        name_of=lambda n: n,
    )
    assert strict.differ == 1
    assert strict.rules["default"].examples[0].caller == "db"


def test_who_is_not_known_comes_from_outside() -> None:
    policy = parse('rules 1 rule a { when caller = "outside" deny 403 } default allow')
    lines = [line(caller=None, shadow="denied"), line(caller="spiffe://x", shadow="denied")]
    found = agree(policy, ShadowLog().read(lines), name_of=lambda identity: None)
    assert found.rules["a"].promised == 2
    assert found.differ == 0


def test_a_path_is_the_most_telling_method_that_rules_name() -> None:
    methods = Methods(POLICY)
    assert methods.named("GET", "/cart/7") == "GET /cart/{id}"
    assert methods.named("GET", "/cart/all") == "GET /cart/all"
    assert methods.named("GET", "/cart/7/items") == "GET /cart/7/items"
    assert methods.named("DELETE", "/cart/7") == "DELETE /cart/7"
    grpc = Methods(parse('rules 1 rule a { when method = "/shop.Cart/Get" allow } default allow'))
    assert grpc.named("POST", "/shop.Cart/Get") == "/shop.Cart/Get"


def test_counters_are_read_as_text_and_as_json() -> None:
    text = (
        b"http.web.rbac.informer_.shadow_allowed: 90\n"
        b"http.web.rbac.informer_.shadow_denied: 10\n"
        b"http.web.rbac.informer_.policy.web_to_cart/2.shadow_allowed: 90\n"
        b"cart.http_local_rate_limit.rate_limited: 3\n"
        b"cluster.x.upstream_rq_time: No recorded values\n"
    )
    found = read_statistics(text)
    assert found is not None
    assert (found.allowed, found.denied) == (90, 10)
    assert (found.rules, found.limited) == ({"web_to_cart": 90}, {"cart": 3})
    pairs = [n.split(b": ") for n in text.splitlines()[:4]]
    stats = [{"name": n.decode(), "value": int(v)} for n, v in pairs]
    assert read_statistics(orjson.dumps({"stats": [*stats, {"histograms": {}}]})) == found
    assert read_statistics(b"cluster.x: 5\n") is None
    assert read_statistics(b"\xff") is None
