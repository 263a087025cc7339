"""What was learned from the mesh of Bookinfo, enforced by a real Envoy, and in its shadow."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from exported_envoy import Guarded, exported
from informer.policies.calls import Call
from informer.policies.interpret import decide
from informer.policies.memory import Memory
from informer.policies.parse import parse

RULES = (Path(__file__).parents[1] / "golden" / "policies" / "bookinfo.rules").read_text("utf-8")
CALLERS = ("ingress", "productpage", "reviews", "reporter", "toolbox", None)
METHODS = {  # a request, and the method that it is of
    ("GET", "/"): "GET /",
    ("GET", "/productpage"): "GET /productpage",
    ("GET", "/api/v1/products/0/reviews"): "GET /api/v1/products/{}/reviews",
    ("GET", "/api/v1/products/0"): "GET /api/v1/products/{}",
    ("POST", "/login"): "POST /login",
    ("GET", "/login"): "GET /login",
    ("GET", "/details/0"): "GET /details/{}",
    ("GET", "/reviews/0"): "GET /reviews/{}",
    ("DELETE", "/reviews/0"): "DELETE /reviews/0",
    ("GET", "/ratings/0"): "GET /ratings/{}",
    ("POST", "/ratings/0"): "POST /ratings/0",
}
CALLEES = ("productpage", "details", "reviews", "ratings")
NOON_NS = 1_780_315_200 * 10**9  # Monday, 2026-06-01, 12:00
# Attacks of the capture: a workload never seen, and one that is known over an edge never seen.
LATERAL = (("toolbox", "ratings", "/ratings/0"), ("reporter", "ratings", "/ratings/0"))
LEARNED = (
    ("ingress", "productpage", "GET", "/productpage"),
    ("productpage", "details", "GET", "/details/0"),
    ("productpage", "reviews", "GET", "/reviews/0"),
    ("reviews", "ratings", "GET", "/ratings/0"),
    ("productpage", "ratings", "GET", "/ratings/0"),
    ("reporter", "reviews", "GET", "/reviews/0"),
)


@pytest.fixture(scope="module")
def enforced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with exported(tmp_path_factory.mktemp("enforced"), RULES) as call:
        yield call


def test_every_kind_of_call_is_decided_as_the_reference_does(enforced: Guarded) -> None:
    policy = parse(RULES, "bookinfo.rules")
    for caller, callee in product(CALLERS, CALLEES):
        for (verb, path), method in METHODS.items():
            call = Call(NOON_NS, caller or "nobody", callee, method)
            allowed = decide(policy, Memory(policy), call).verdict == "allow"
            status = enforced(callee, path, verb, caller=caller)
            assert status == (200 if allowed else 403), (caller, callee, verb, path)


def test_who_moves_laterally_is_refused_and_users_are_not(enforced: Guarded) -> None:
    for caller, callee, path in LATERAL:
        assert [enforced(callee, path, caller=caller) for _ in range(5)] == [403] * 5
    for caller, callee, verb, path in LEARNED:
        assert enforced(callee, path, verb, caller=caller) == 200


def test_stuffed_logins_are_cut_off_and_other_pages_stay(enforced: Guarded) -> None:
    policy = parse(RULES, "bookinfo.rules")
    memory = Memory(policy)
    login = Call(NOON_NS, "ingress", "productpage", "POST /login")
    by_rules = sum(decide(policy, memory, login).verdict == "allow" for _ in range(100))
    found = [enforced("productpage", "/login", "POST", caller="ingress") for _ in range(100)]
    assert set(found) == {200, 429}
    assert by_rules - 1 <= found.count(200) < 50  # the first test took one of them
    assert found == sorted(found)
    assert enforced("productpage", "/productpage", caller="ingress") == 200


def test_a_shadow_counts_the_same_calls_and_refuses_none(tmp_path: Path) -> None:
    with exported(tmp_path, RULES, shadow=True) as call:
        for caller, callee, path in LATERAL:
            assert call(callee, path, caller=caller) == 200
        for caller, callee, verb, path in LEARNED:
            assert call(callee, path, verb, caller=caller) == 200
        stuffed = [call("productpage", "/login", "POST", caller="ingress") for _ in range(100)]
        assert stuffed == [200] * 100
        stats, lines = call.stats(), call.lines()
    assert stats["http.ratings.rbac.informer_.shadow_denied"] == 2
    assert stats["http.ratings.rbac.informer_.shadow_allowed"] == 2
    assert stats["http.productpage.rbac.informer_.shadow_allowed"] == 101
    limited = stats["productpage.http_local_rate_limit.rate_limited"]
    assert limited == sum(line["over_limit"] == "true" for line in lines) > 50
    assert stats["productpage.http_local_rate_limit.enforced"] == 0
    assert [line["shadow"] for line in lines[:2]] == ["denied"] * 2
