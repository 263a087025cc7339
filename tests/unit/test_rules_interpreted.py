"""What a policy decides, call by call."""

from informer.policies.calls import Call, Decision, Reply
from informer.policies.interpret import decide, on_reply
from informer.policies.memory import Memory
from informer.policies.parse import parse
from informer.policies.syntax import Log, SetHeader, Text

S = 1_000_000_000


class Judged:
    """A policy with what it remembers."""

    def __init__(self, text: str) -> None:
        self.policy = parse(f"rules 1 {text}")
        self.memory = Memory(self.policy)

    def __call__(self, at_s: float = 0, **call: object) -> Decision:
        return decide(self.policy, self.memory, made(at_s, **call))

    def reply(self, at_s: float = 0, status: int = 200, **call: object) -> tuple[object, ...]:
        reply = Reply(status, failed=status >= 500)
        return on_reply(self.policy, self.memory, made(at_s, **call), reply)


def made(at_s: float = 0, **call: object) -> Call:
    known = {"caller": "web", "callee": "cart", "method": "GET /cart"} | call
    return Call(int(at_s * S), **known)  # type: ignore[arg-type]


def test_the_first_verdict_counts_and_the_default_is_last() -> None:
    judge = Judged(
        'rule a { when caller = "web" log "met" allow } rule b { deny 403 } default deny 503'
    )
    assert judge() == Decision("allow", "a", effects=(Log("met"),))
    assert judge(caller="db") == Decision("deny", "b", 403)
    judge = Judged('rule a { when caller = "web" allow } default deny 503')
    assert judge(caller="db") == Decision("deny", "default", 503)


def test_a_limit_denies_what_goes_beyond_and_lets_the_rest_go_on() -> None:
    judge = Judged("rule a { limit 2 per 1m else deny 503 } rule b { deny 404 } default allow")
    # Full at first; then a call every half minute.
    assert [judge(s).status for s in (0, 1, 29, 31, 59, 60)] == [404, 404, 503, 404, 503, 404]
    assert judge(61) == Decision("deny", "a", 503, limited=True)


def test_a_burst_says_how_much_may_come_at_once() -> None:
    judge = Judged("rule a { limit 60 per 1m burst 3 } default allow")
    assert [judge(0).verdict for _ in range(4)] == ["allow", "allow", "allow", "deny"]
    assert [judge(s).verdict for s in (1, 1, 100, 100, 100, 100)] == [
        *("allow", "deny"),
        *("allow", "allow", "allow", "deny"),
    ]


def test_a_call_of_sampled_records_takes_what_it_stands_for() -> None:
    judge = Judged("rule a { limit 20 per 1m } default allow")
    assert [judge(0, weight=10).verdict for _ in range(3)] == ["allow", "allow", "deny"]


def test_a_clock_that_goes_back_refills_nothing() -> None:
    judge = Judged("rule a { limit 1 per 1m } default allow")
    assert [judge(s).verdict for s in (60, 59, 30, 61)] == ["allow", "deny", "deny", "deny"]
    assert judge(120).verdict == "allow"


def test_keys_beyond_those_kept_share_one_count() -> None:
    judge = Judged('rule a { limit 1 per 1m by header("u") keep 2 } default allow')
    users = ["a", "b", "c", "d", "a", "c"]
    assert [judge(0, headers={"u": u}).verdict for u in users] == [
        *("allow", "allow", "allow"),
        *("deny", "deny", "deny"),
    ]
    assert len(judge.memory.limits["a", 0]) == 2
    # Those that are full again make room.
    assert [judge(61, headers={"u": u}).verdict for u in "cdef"] == [
        *("allow", "allow", "allow", "deny"),  # e and f share
    ]


def test_calls_without_the_key_share_one_count() -> None:
    judge = Judged('rule a { limit 1 per 1m by header("u") } default allow')
    assert [judge().verdict, judge().verdict, judge(headers={"u": "x"}).verdict] == [
        *("allow", "deny", "allow"),
    ]


def test_a_limit_by_hours_refills_with_the_amount_of_the_hour() -> None:
    hours = ", ".join(["0"] * 8 + ["2"] + ["0"] * 15)
    judge = Judged(f"rule a {{ limit hours ({hours}) per 30m burst 1 }} default allow")
    at_s = [7 * 3600, 7 * 3600 + 3599, 8 * 3600 + 899, 8 * 3600 + 900, 9 * 3600, 10 * 3600]
    assert [judge(s).verdict for s in at_s] == ["allow", "deny", "deny", "allow", "allow", "deny"]
    assert judge(24 * 3600 + 8 * 3600 + 900).verdict == "allow"


def test_a_limit_of_bytes_counts_bytes() -> None:
    judge = Judged("rule a { limit 100 of size per 1s } default allow")
    assert [judge(size=s).verdict for s in (60, 50, 40, 1)] == ["allow", "deny", "allow", "deny"]


def test_chain_entry_and_previous_are_those_above_the_call() -> None:
    judge = Judged(
        'rule a { when chain has "web>cart:*" and entry like "outside>*" and depth = 2 '
        'and previous = "web>cart:GET /cart" allow } default deny 403'
    )
    above = ("outside>web:GET /", "web>cart:GET /cart")
    assert judge(caller="cart", callee="stock", chain=above).verdict == "allow"
    assert judge(caller="cart", callee="stock", chain=above[1:]).verdict == "deny"
    assert judge(caller="cart", callee="stock").verdict == "deny"


def test_with_nothing_only_unequal_holds() -> None:
    for condition, verdict in (
        ('header("u") = "x"', "deny"),
        ('header("u") != "x"', "allow"),
        ('header("u") like "*"', "deny"),
        ('header("u") in ("x")', "deny"),
        ('present(header("u"))', "deny"),
        ('hash(header("u")) >= 0', "deny"),
        ("1 / 0 = 1 / 0", "deny"),
        ('header("u") != header("v")', "deny"),
    ):
        judge = Judged(f"rule a {{ when {condition} allow }} default deny 403")
        assert judge().verdict == verdict, condition


def test_a_state_is_kept_per_key_forgotten_in_time_and_bounded() -> None:
    judge = Judged(
        'state tries number by header("u") keep 2 forget after 10s '
        "rule a { when tries > 1 deny 429 } "
        "rule b on reply { when status = 401 set tries = tries + 1 } default allow"
    )
    for user in ("a", "a", "b", "b"):
        judge.reply(0, 401, headers={"u": user})
    assert judge(1, headers={"u": "a"}).verdict == "deny"
    assert judge(11, headers={"u": "a"}).verdict == "allow"
    judge.reply(5, 401, headers={"u": "c"})
    assert judge(5, headers={"u": "a"}).verdict == "allow"  # set longest ago, so it went
    assert judge(5, headers={"u": "b"}).verdict == "deny"


def test_a_header_that_is_set_is_seen_by_the_rules_below() -> None:
    judge = Judged(
        'rule a { set header("tier") = "gold" } rule b { when header("tier") = "gold" allow } '
        "default deny 403"
    )
    assert judge() == Decision("allow", "b", effects=(SetHeader("tier", Text("gold")),))


def test_chance_is_the_same_for_the_same_request_and_holds_for_its_share() -> None:
    judge = Judged("rule a { when chance(0.25) deny 503 } default allow")
    first = [judge(trace_id=f"t{i}").verdict for i in range(4000)]
    assert first == [judge(trace_id=f"t{i}").verdict for i in range(4000)]
    assert 0.22 < first.count("deny") / 4000 < 0.28


def test_what_is_not_known_cannot_be_answered() -> None:
    judge = Judged(
        "state page text by method rule a { answer page } "
        "rule b on reply { when status = 200 set page = body } default allow"
    )
    assert judge().verdict == "allow"
    on_reply(judge.policy, judge.memory, made(), Reply(200, body="hello"))
    assert judge() == Decision("answer", "a", answer="hello")
