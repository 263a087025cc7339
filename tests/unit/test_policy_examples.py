"""The example policies of the documentation: each is short, parses and does what it says."""

from collections import Counter
from pathlib import Path

import pytest

from informer.policies.calls import Call, Decision, Reply
from informer.policies.interpret import decide, on_reply
from informer.policies.memory import Memory
from informer.policies.parse import parse
from informer.policies.syntax import (
    Action,
    Count,
    Delay,
    Log,
    Mirror,
    Retry,
    Route,
    SetHeader,
    Text,
    Timeout,
)
from informer.policies.write import write

FOLDER = Path(__file__).parents[2] / "docs" / "examples" / "policies"
FILES = sorted(FOLDER.glob("*.rules"))
S = 1_000_000_000
HOUR_S = 3_600


class Example:
    """One of them with what it remembers; calls are numbered, so that each is a request."""

    def __init__(self, name: str) -> None:
        self.policy = parse((FOLDER / f"{name}.rules").read_text(encoding="utf-8"), name)
        self.memory = Memory(self.policy)
        self.calls = 0

    def call(self, at_s: float, **facts: object) -> Decision:
        return decide(self.policy, self.memory, self._made(at_s, facts))

    def reply(self, at_s: float, reply: Reply, **facts: object) -> tuple[Action, ...]:
        return on_reply(self.policy, self.memory, self._made(at_s, facts), reply)

    def verdicts(self, n: int, at_s: float, **facts: object) -> Counter[str]:
        return Counter(self.call(at_s, **facts).verdict for _ in range(n))

    def _made(self, at_s: float, facts: dict[str, object]) -> Call:
        self.calls += 1
        known = {"caller": "web", "callee": "cart", "method": "GET /cart"} | facts
        return Call(int(at_s * S), trace_id=f"t{self.calls}", **known)  # type: ignore[arg-type]


def test_there_are_sixteen() -> None:
    assert len(FILES) == 16


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_an_example_is_short_and_can_be_written_anew(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 30
    policy = parse(text, file.name)
    assert parse(write(policy)) == policy


def test_access_control() -> None:
    example = Example("access-control")
    charge = {"callee": "payment", "method": "POST /charge"}
    assert example.call(0, caller="checkout", **charge).verdict == "allow"
    assert example.call(0, caller="search", **charge).status == 403
    assert example.call(0, caller="x", callee="payment", method="GET /health").verdict == "allow"


def test_chain_access() -> None:
    example = Example("chain-access")
    refund = {"caller": "orders", "callee": "payment", "method": "POST /refund"}
    office = ("outside>backoffice:POST /refunds", "backoffice>orders:refund")
    assert example.call(0, chain=office, **refund).verdict == "allow"
    shop = example.call(0, chain=("outside>web:POST /order", "web>orders:refund"), **refund)
    assert (shop.verdict, shop.effects) == (
        "deny",
        (Log("refund outside of the back office"),),
    )
    assert example.call(0).verdict == "allow"


def test_logging() -> None:
    example = Example("logging")
    assert example.call(0, method="GET /export/all").effects == (Log("personal data exported"),)
    assert example.call(0, callee="admin").effects == (Log("admin without a name"),)
    assert example.call(0, callee="admin", headers={"x-user": "ada"}).effects == ()


def test_fault_injection() -> None:
    example = Example("fault-injection")
    at_noon = [example.call(12 * HOUR_S, callee="recommendations") for _ in range(4_000)]
    slow = sum(d.effects == (Delay(2 * S),) for d in at_noon)
    gone = sum(d.status == 503 for d in at_noon)
    assert 140 < slow < 260
    assert 15 < gone < 70
    by_night = [example.call(2 * HOUR_S, callee="recommendations") for _ in range(500)]
    assert all(d == Decision("allow", "default") for d in by_night)


def test_rate_limit() -> None:
    example = Example("rate-limit")
    login = {"callee": "auth", "method": "POST /login"}
    one = example.verdicts(8, 0, headers={"x-client": "10.0.0.1"}, **login)
    assert one == {"allow": 5, "deny": 3}
    many = Counter(
        example.call(0, headers={"x-client": f"c{i}"}, **login).status for i in range(400)
    )
    assert many == {0: 295, 503: 105}


def test_bandwidth_limit() -> None:
    example = Example("bandwidth-limit")
    assert example.call(0, callee="media", size=2_000_000).status == 413
    assert example.verdicts(15, 1, callee="media", size=900_000) == {"allow": 11, "deny": 4}
    assert example.call(1, callee="media", caller="app", size=900_000).verdict == "allow"
    assert example.call(2, callee="media", size=900_000).verdict == "allow"


def test_admission_control() -> None:
    example = Example("admission-control")
    assert example.verdicts(100, 0, callee="search") == {"allow": 100}
    example.reply(1, Reply(200, duration_ns=S), callee="search")
    by_half = example.verdicts(400, 3, callee="search")
    assert 150 < by_half["deny"] < 250
    assert example.verdicts(50, 3, callee="search", caller="checkout") == {"allow": 50}
    assert example.verdicts(50, 13, callee="search") == {"allow": 50}


def test_circuit_breaker() -> None:
    example = Example("circuit-breaker")
    for _ in range(5):
        assert example.call(0).verdict == "allow"
        example.reply(0, Reply(503, failed=True))
    assert example.call(10).status == 503
    assert example.call(10, callee="stock").verdict == "allow"
    assert example.call(31).verdict == "allow"  # one tries again
    assert example.call(32).verdict == "deny"
    example.reply(31, Reply(200))
    assert example.call(33).verdict == "allow"


def test_cache() -> None:
    example = Example("cache")
    page = {"callee": "catalogue", "method": "GET /product", "headers": {"x-product": "7"}}
    assert example.call(0, **page).verdict == "allow"
    example.reply(0, Reply(200, body="seven"), **page)
    assert example.call(30, **page).answer == "seven"
    other = page | {"headers": {"x-product": "8"}}
    assert example.call(30, **other).verdict == "allow"
    assert example.call(61, **page).verdict == "allow"


def test_sticky_routing() -> None:
    example = Example("sticky-routing")
    routes = {}
    for user in map(str, range(1_000)):
        first, again = (example.call(0, headers={"x-user": user}).effects for _ in range(2))
        assert first == again
        routes[user] = first
    assert 60 < sum(r == (Route("cart-v2"),) for r in routes.values()) < 140
    assert example.call(0).effects == (Route("cart-v1"),)


def test_load_balancing() -> None:
    example = Example("load-balancing")
    routes = [example.call(0, callee="search").effects[0] for _ in range(6)]
    assert routes == [Route("search-a"), Route("search-b"), Route("search-c")] * 2


def test_mutation() -> None:
    example = Example("mutation")
    outside = example.call(0, caller="outside", headers={"x-tier": "gold"})
    assert SetHeader("x-tier", Text("basic")) in outside.effects
    gold = example.call(0, caller="accounts", headers={"x-plan": "gold"}, chain=("outside>a:m",))
    assert gold.effects == (
        SetHeader("x-tier", Text("gold")),
        SetHeader("x-entry", Text("outside>a:m")),
    )


def test_metrics() -> None:
    example = Example("metrics")
    assert example.reply(0, Reply(200, duration_ns=S)) == (Count("slow_answers"),)
    refused = example.reply(0, Reply(401, refused=True), callee="auth")
    assert refused == (Count("refused_logins"),)
    assert example.call(2 * HOUR_S).effects == (Count("calls_by_night"),)
    assert example.call(2 * HOUR_S, caller="batch").effects == ()


def test_timeout_retry() -> None:
    example = Example("timeout-retry")
    assert example.call(0).effects == (Timeout(300_000_000), Retry(2))
    assert example.call(0, method="POST /order").effects == (Timeout(S),)


def test_mirroring() -> None:
    example = Example("mirroring")
    made = [example.call(0, callee="catalogue", method="GET /product") for _ in range(2_000)]
    mirrored = sum(d.effects == (Mirror("catalogue-next"),) for d in made)
    assert 150 < mirrored < 250
    assert all(d.verdict == "allow" for d in made)


def test_lockout() -> None:
    example = Example("lockout")
    login = {"callee": "auth", "method": "POST /login", "headers": {"x-client": "10.0.0.1"}}
    for _ in range(10):
        assert example.call(0, **login).verdict == "allow"
        example.reply(0, Reply(401, refused=True), **login)
    assert example.call(60, **login).status == 429
    assert example.call(60, **login | {"headers": {"x-client": "10.0.0.2"}}).verdict == "allow"
    assert example.call(901, **login).verdict == "allow"
    example.reply(901, Reply(200), **login)
    assert example.call(902, **login).verdict == "allow"
