"""Which rules may pass each other, where they may stand, and what is proposed."""

import pytest

from informer.core.errors import InformerError
from informer.policies.order.arrange import Arrangement, arrange
from informer.policies.order.places import cannot_copy, cannot_move, stands
from informer.policies.order.prove import may_swap
from informer.policies.parse import parse
from informer.policies.syntax import Policy, Rule

STATES = 'state failures number state kept text by method state seen number by header("u")'


def two(first: str, second: str, default: str = "allow") -> Policy:
    return parse(
        f"rules 1 {STATES} rule first {{ {first} }} rule second {{ {second} }} default {default}"
    )


def swap(first: str, second: str) -> tuple[bool, bool, str]:
    policy = two(first, second)
    found = may_swap(policy, *policy.rules)
    return found.swap, found.renames, found.why


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # no call meets both
        ('when caller = "a" limit 1 per 1m', 'when caller = "b" deny 403'),
        ('when method like "GET *" limit 1 per 1m', 'when method like "POST *" deny 403'),
        ('when method like "*/Get" deny 403', 'when method like "*/Put" deny 404'),
        ('when method = "GET /a" deny 403', 'when method like "POST *" deny 404'),
        ("when size > 1000 deny 413", "when size <= 1000 and depth > 3 deny 403"),
        ('when present(header("u")) deny 403', 'when not present(header("u")) deny 401'),
        ("when chance(0.5) and size > 1 deny 500", "when size = 1 delay 1s"),
        ('when header("u") != "x" deny 403', 'when header("u") = "x" deny 401'),
        ("when depth = 0 deny 403", 'when depth < 1 and chain has "a>b:*" deny 401'),
        # both may, and it shows nowhere
        ('log "seen"', "count seen"),
        ("count a", "count b"),
        ('set header("a") = "1"', 'when header("b") = "2" count twos'),
        ("set seen = 1", 'when header("b") = "2" set failures = failures + 1'),
        ("when failures > 3 count open", 'log "all"'),
        ('when size > 3 set header("a") = method', "when size > 2 count big"),
    ],
)
def test_what_no_call_can_tell_may_pass(first: str, second: str) -> None:
    assert swap(first, second)[:2] == (True, False)
    assert swap(second, first)[:2] == (True, False)


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ("limit 9 per 1s", 'when header("u") = "x" deny 403', "counts calls against its limit"),
        ('when method = "A" limit 9 per 1s by header("u")', "when size > 3 deny 403", "limit"),
        ("limit 9 per 1s", "limit 5 per 1m", "counts calls against its limit"),
        ("when failures > 3 deny 503", "answer kept", "may both decide"),  # breaker, cache
        ("when present(kept) answer kept", "when failures > 3 deny 503", "may both decide"),
        ("when size > 3 deny 403", "when depth > 3 deny 404", "may both decide"),
        ("when size > 3 allow", "when depth > 3 deny 404", "may both decide"),
        ('log "a"', "when size > 3 deny 403", "leaves a trace (log)"),
        ("count a", "limit 9 per 1s", "leaves a trace (count)"),
        ('log "a"', 'log "b"', "act on the same call (log)"),
        ("delay 1s", 'mirror to "m"', "act on the same call (request)"),
        ('set header("a") = "1"', 'when header("a") = "1" count ones', "which second reads"),
        ('set header("a") = "1"', 'set header("a") = "2"', "both set"),
        ("set failures = 1", "set failures = 2", "both set failures"),
        ("set failures = 1", "when failures > 0 count some", "sets failures"),
        ("set seen = 1", "when size > 3 deny 403", "sets seen"),
        # sums of floats are no sums
        ('set kept = "a"', 'when size < 1.5 set kept = "a" set kept = "b"', "kept"),
        ("when size + 0.1 > 3 deny 403", "when 0.1 + size < 3 deny 404", "both decide"),
    ],
)
def test_what_some_call_can_tell_may_not(first: str, second: str, why: str) -> None:
    for found in (swap(first, second), swap(second, first)):
        assert not found[0]
    assert why in swap(first, second)[2]


def test_equal_denials_may_pass_and_are_told_to_be_counted_otherwise() -> None:
    assert swap("when size > 3 deny 403", "when depth > 3 deny 403")[:2] == (True, True)


def test_what_is_asked_before_and_after_the_call_has_no_order() -> None:
    policy = parse(
        f"rules 1 {STATES} rule a {{ when failures > 3 deny 503 }}"
        " rule b on reply { when failed set failures = failures + 1 } default allow"
    )
    assert may_swap(policy, *policy.rules).swap


def rule(text: str) -> Rule:
    return two(text, "count other").rules[0]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("when size > 3 deny 403", "server"),
        ("timeout 1s", "proxy"),
        ('when previous = "a>b:c" timeout 1s', "client"),
        ('@place "client" when size > 3 deny 403', "client"),
    ],
)
def test_a_rule_stands_where_it_says_or_as_near_to_the_server_as_it_can(
    text: str, place: str
) -> None:
    assert stands(rule(text)) == place


@pytest.mark.parametrize(
    ("text", "to", "why"),
    [
        ('when header("u") = "x" deny 403', "proxy", None),
        ('when header("u") = "x" deny 403', "client", "an attacker does not run our client"),
        ('set header("a") = "1"', "client", "an attacker"),
        ('log "a"', "client", "an attacker"),
        ("limit 9 per 1s", "proxy", "it remembers"),
        ("when failures > 3 deny 503", "proxy", "it remembers"),
        ("when hour < 6 deny 403", "proxy", "clocks differ"),
        ("when depth > 3 deny 403", "proxy", "does not know the chain"),
        ('when header("a") = "1" allow', "proxy", "speaks for the rules below"),
        ('when header("x-forwarded-for") = "1" deny 403', "proxy", "written on the way"),
        ("when size > 3 deny 403", "proxy", "cannot ask for size"),
        ('log "a"', "proxy", "has no log"),
        ("timeout 1s", "client", None),
        ("timeout 1s", "server", "the call has arrived"),
        ('@place "client" when size > 3 deny 403', "server", None),
    ],
)
def test_a_rule_goes_only_where_it_sees_and_holds_as_much(
    text: str, to: str, why: str | None
) -> None:
    found = cannot_move(rule(text), to)
    assert (found is None) if why is None else (found is not None and why in found)


def test_only_plain_denials_are_copied_to_the_client() -> None:
    assert cannot_copy(rule('when header("u") = "x" and depth > 3 deny 403')) is None
    for text in (
        "limit 9 per 1s",
        'when size > 3 log "a" deny 403',
        "when hour < 6 deny 403",
        'when attribute("a") = "1" deny 403',
        "when failures > 1 deny 503",
    ):
        assert cannot_copy(rule(text)) is not None


def arranged(text: str) -> Arrangement:
    (found,) = arrange(parse(f"rules 1 {text}"))
    return found


def test_a_denial_goes_before_what_it_does_not_disturb_and_to_the_proxy() -> None:
    found = arranged(
        """
        rule tagged { when header("x-debug") = "1" count debug }
        rule rated { when method = "Get" limit 9 per 1s }
        rule banned { when method = "Put" and header("x-debug") = "0" deny 403 }
        default allow
    """
    )
    assert [(p.rule.name, p.place) for p in found.proposed] == [
        ("banned", "proxy"),
        ("tagged", "server"),
        ("rated", "server"),
    ]
    assert found.copies == ("banned",)
    assert found.cost_proposed < found.cost_written
    assert ("rated", "proxy") in {(r.rule, r.other) for r in found.refused}


def test_rules_of_different_edges_do_not_meet() -> None:
    found = arrange(
        parse("""
        rules 1
        rule a { when caller = "web" and callee = "cart" allow }
        rule b { when caller = "web" and callee = "stock" allow }
        rule c { when caller = "web" and callee = "stock" and size > 3 deny 403 }
        default deny 403
    """)
    )
    assert [(f.caller, f.callee, len(f.written)) for f in found] == [("web", "stock", 2)]


def test_a_rule_for_all_is_weighed_on_every_edge_and_for_those_nobody_names() -> None:
    found = arrange(
        parse("""
        rules 1
        rule a { when caller = "web" and size > 3 deny 403 }
        rule b { when caller != "web" deny 401 }
        rule c { when size > 9 deny 413 }
        default allow
    """)
    )
    assert [(f.caller, f.callee) for f in found] == [("*", "*"), ("web", "*")]
    strangers, web = found
    assert {p.rule.name for p in strangers.written} == {"b", "c"}
    # On web's edge b holds for nobody, so nothing is in its way.
    assert {(r.rule, r.other) for r in web.refused if r.other in "abc"} == {("a", "c")}


def test_many_rules_on_one_edge_are_ordered_by_what_they_end() -> None:
    rules = "".join(
        f'rule r{i} {{ @share {i / 100} when header("h{i}") = "x" and size > 0 deny 403 }}\n'
        for i in range(14)
    )
    found = arranged(f"{rules} default allow")
    assert not found.exact
    assert [p.rule.name for p in found.proposed] == [f"r{i}" for i in reversed(range(14))]


def test_more_rules_than_can_be_weighed_are_left_as_they_are() -> None:
    rules = "".join(f'rule r{i} {{ when header("h{i}") = "x" deny 403 }}\n' for i in range(41))
    found = arranged(f"{rules} default allow")
    assert found.proposed == found.written
    assert "more than 40" in found.refused[0].why


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('@place "cloud" deny 403', "got 'cloud'"),
        ('@place "proxy" when depth > 3 deny 403', "does not know the chain"),
    ],
)
def test_a_place_where_a_rule_cannot_stand_is_told(text: str, why: str) -> None:
    with pytest.raises(InformerError, match=why):
        arrange(two(text, "count a"))


def test_more_edges_than_anybody_reads_are_refused() -> None:
    many = [", ".join(f'"{side}{i}"' for i in range(101)) for side in "ab"]
    with pytest.raises(InformerError, match="too many to arrange"):
        arrange(two(f"when caller in ({many[0]}) and callee in ({many[1]}) deny 403", "count a"))
