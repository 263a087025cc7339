"""Evidence to rules: what is allowed, how sure that is, and how much is enough."""

import numpy as np
import pytest

from informer.core.errors import InformerError
from informer.core.types import NS_PER_S
from informer.policies.amounts import Margin, learn_limits
from informer.policies.evidence import Counts, Evidence, confidence
from informer.policies.learned import Range, learn_policy
from informer.policies.memory import Buckets
from informer.policies.parse import parse
from informer.policies.syntax import Allow, Among, Deny, Limit, Log, Policy
from informer.policies.write import write

MONDAY_NS = 1_780_272_000 * NS_PER_S
DAY_STEPS = 144  # of 600 s
TWO_WEEKS = Range(MONDAY_NS, MONDAY_NS + 14 * 86_400 * NS_PER_S, 14.0)


def seen(
    caller: str = "web",
    callee: str = "cart",
    method: str = "GET /cart",
    calls: float = 5_000,
    days: int = 14,
    counts: Counts | None = None,
) -> Evidence:
    first, last = TWO_WEEKS.from_ns, TWO_WEEKS.until_ns
    return Evidence(caller, callee, method, "rpc", calls, days, first, last, "t1", counts)


def learned(*evidence: Evidence) -> Policy:
    return learn_policy(evidence, TWO_WEEKS, Margin()).policy


def counted(rate: np.ndarray, seed: int = 1) -> Counts:
    """Poisson counts of two weeks at a rate per step, [day steps] or [t]."""
    rates = np.tile(rate, 14) if len(rate) == DAY_STEPS else rate
    calls = np.random.default_rng(seed).poisson(rates).astype(float)
    return Counts(MONDAY_NS, 600, calls, np.ones(len(calls), dtype=bool))


def test_what_was_seen_is_allowed_and_the_rest_is_denied() -> None:
    policy = learned(seen(), seen(method="POST /cart"), seen("cart", "stock", "get"))
    assert policy.default == Deny(403)
    first = policy.rules[0]
    assert first.name == "web_to_cart"
    assert first.actions == (Allow(),)
    assert isinstance(first.when.of[2], Among)  # type: ignore[union-attr]
    assert first.note("calls") == 10_000
    assert first.note("example") == "t1"
    assert parse(write(policy)) == policy


def test_the_surest_comes_first_and_what_is_thin_is_logged() -> None:
    policy = learned(
        seen("a", "b", calls=12, days=3), seen("c", "d", calls=3, days=1), seen("e", "f")
    )
    levels = [rule.note("confidence") for rule in policy.rules]
    assert levels == ["sure", "likely", "thin"]
    assert policy.rules[2].actions == (Log("thin evidence"), Allow())


def test_a_range_too_short_makes_nothing_sure() -> None:
    assert confidence(1_000, 1, 1) == "likely"


def test_too_little_to_tell_is_refused_with_rule_and_number() -> None:
    with pytest.raises(InformerError, match=r"at least 1,000 calls .* got 30 calls and 14.0 days"):
        learned(seen(calls=30))
    with pytest.raises(InformerError, match=r"got 5,000 calls and 0\.5 days"):
        learn_policy([seen()], Range(0, 1, 0.5), Margin())
    with pytest.raises(InformerError, match="got 0 calls"):
        learned()


def test_a_pair_whose_methods_keep_coming_anew_is_open() -> None:
    many = [seen(method=f"GET /{i}", calls=1) for i in range(40)]
    policy = learned(seen(calls=5_000), *many)
    assert len(policy.rules[0].when.of) == 2  # type: ignore[union-attr]  # caller and callee alone
    assert policy.rules[0].note("open_methods") == pytest.approx(40 / 5_040, abs=1e-5)
    closed = learned(seen(calls=50_000), *many[:1])
    assert len(closed.rules[0].when.of) == 3  # type: ignore[union-attr]


def test_methods_that_let_any_path_pass_are_told() -> None:
    wide = [seen(method="GET /{}"), seen(method="/{}/x"), seen(method="{other}")]
    notes = learn_policy([*wide, seen(method="GET /cart/{}")], TWO_WEEKS, Margin()).notes
    (told,) = [note for note in notes if "never called" in note]
    assert "cart /{}/x, cart GET /{}, cart {other}; give method rules" in told
    assert not [
        note for note in learn_policy([seen()], TWO_WEEKS, Margin()).notes if "never called" in note
    ]


def test_calls_whose_caller_was_lost_make_no_rule() -> None:
    found = learn_policy([seen(), seen(caller="unknown", calls=50)], TWO_WEEKS, Margin())
    assert [rule.name for rule in found.policy.rules] == ["web_to_cart"]
    assert any("50 calls have a side that nobody knows" in note for note in found.notes)


def test_hostile_names_make_rules_that_read_back() -> None:
    names = ['"', "\u202e", "a\nb", "}", "*", "ü" * 300, "1", "\\u0000", "rule"]
    policy = learned(seen(calls=5_000), *(seen(n, n, n, calls=20) for n in names))
    assert parse(write(policy)) == policy


def denied(counts: Counts, limit: Limit, seed: int = 2) -> float:
    """The share of calls that a limit cuts, when they come at random times of their steps."""
    rng = np.random.default_rng(seed)
    steps = np.repeat(np.arange(len(counts.calls)), counts.calls.astype(int))
    times = np.sort(counts.start_ns + ((steps + rng.random(len(steps))) * 600e9).astype(np.int64))
    bucket = Buckets(limit)
    return sum(not bucket.take(t, "", 1) for t in times.tolist()) / max(len(times), 1)


WAVE = 20 * (1 + 0.6 * np.sin(2 * np.pi * np.arange(DAY_STEPS) / DAY_STEPS))


def test_clean_traffic_stays_below_its_limit_and_three_times_it_does_not() -> None:
    (kind,) = learn_limits(counted(WAVE), Margin())
    assert len(kind.limit.amounts) == 24
    assert denied(counted(WAVE, seed=7), kind.limit) < 1e-3
    assert denied(counted(3 * WAVE, seed=7), kind.limit) > 0.4  # what is above 1.4 of 3
    assert denied(counted(8 * WAVE, seed=7), kind.limit) > 0.8


def test_rare_calls_are_not_cut_and_many_of_them_are() -> None:
    rare = np.full(DAY_STEPS, 0.3)
    (kind,) = learn_limits(counted(rare), Margin())
    assert denied(counted(rare, seed=7), kind.limit) < 1e-3
    assert denied(counted(5 * rare, seed=7), kind.limit) > 0.6


def test_weekends_have_limits_of_their_own_where_they_differ() -> None:
    week = np.repeat([20.0] * 5 + [4.0] * 2, DAY_STEPS)
    kinds = learn_limits(counted(np.tile(week, 2)), Margin())
    assert [kind.weekend for kind in kinds] == [False, True]
    assert max(kinds[1].limit.amounts) < min(kinds[0].limit.amounts)
    same = learn_limits(counted(np.full(DAY_STEPS, 20.0)), Margin())
    assert [kind.weekend for kind in same] == [None]


def test_an_hour_without_a_call_in_training_is_no_hour_in_which_none_may_come() -> None:
    (kind,) = learn_limits(counted(np.full(DAY_STEPS, 0.02)), Margin())
    assert min(kind.limit.amounts) > 0
    assert kind.limit.capacity >= 1


def test_a_burst_by_the_clock_is_not_cut() -> None:
    calls = np.zeros(14 * DAY_STEPS)
    calls[::6] = 12  # once an hour
    counts = Counts(MONDAY_NS, 600, calls, np.ones(len(calls), dtype=bool))
    (kind,) = learn_limits(counts, Margin())
    assert denied(counts, kind.limit) == 0
    assert kind.limit.capacity <= 36


def test_sampled_calls_make_limits_of_those_they_stand_for() -> None:
    whole = counted(np.full(DAY_STEPS, 20.0))
    met = np.random.default_rng(3).binomial(whole.calls.astype(int), 0.1) * 10.0
    (kind,) = learn_limits(Counts(MONDAY_NS, 600, met, whole.seen, 10.0), Margin())
    assert np.mean(kind.limit.amounts) == pytest.approx(20 * 6 * 1.4, rel=0.05)
    assert denied(whole, kind.limit) < 1e-3


def test_steps_that_may_not_teach_make_no_limit_wider() -> None:
    counts = counted(np.full(DAY_STEPS, 10.0))
    counts.calls[300:320] = 500
    counts.seen[300:320] = False
    (kind,) = learn_limits(counts, Margin())
    assert max(kind.limit.amounts) < 10 * 6 * 1.6
    assert kind.limit.capacity < 100
