"""Does any stream of calls tell an accepted order of rules from the one they were written in?

usage: reorder_streams.py [STREAMS [NAME...]]

For every policy in rules/edges, orders that the proof accepts, until every pair of rules that may
pass each other has: the one that is turned around as far as it may be, and random ones; a pair that
passes in no order of the whole, because a rule between the two must stay, is first put side by
side, at the top. Each of these sees the same random streams of calls and replies, a million unless
said otherwise, against the reference interpreter on the order before: verdict, status, answer,
effects and memory must be the same. All other accepted orders share a tenth of the streams among
them. Reordered policies run compiled, which a property test holds equal to the reference. As a
check of the check, every pair next to each other that was refused is swapped too, and is to be told
apart.

Prints and writes results/reorder_streams.json, policy by policy; with names these alone, and what
is in the file about others stays.
"""

import gc
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, permutations
from pathlib import Path
from random import Random
from typing import Any

from informer.policies.calls import ALLOW, Call, Decision, Reply
from informer.policies.interpret import decide, on_reply
from informer.policies.lookup import PolicyLookup
from informer.policies.memory import Memory
from informer.policies.order.prove import may_swap
from informer.policies.parse import parse
from informer.policies.syntax import Action, Count, Log, Policy
from rules.streams import pools_of, stream

EDGES = Path(__file__).parent / "rules" / "edges"
RESULTS = Path(__file__).parent / "results" / "reorder_streams.json"
STREAMS, LONGEST, SEED = 1_000_000, 5, 8
SESSIONS, SESSION = 30_000, 8  # calls are made up by the session, and streams are parts of one
SHARED = 10  # one in so many streams is for the orders that share
Order = tuple[int, ...]


def accepted_pairs(policy: Policy) -> set[tuple[int, int]]:
    """Pairs of rules, by place, that may pass each other."""
    return {
        (i, j)
        for i, j in combinations(range(len(policy.rules)), 2)
        if may_swap(policy, policy.rules[i], policy.rules[j]).swap
    }


def orders_of(policy: Policy, pairs: set[tuple[int, int]]) -> list[Order]:
    """Orders in which only those have passed each other that may, until each pair did that can."""
    count, random = len(policy.rules), Random(SEED)
    found = [_drawn(count, pairs, None)]
    passed = _passed(found[0])
    for _ in range(100):
        order = _drawn(count, pairs, random)
        if _passed(order) - passed:
            found.append(order)
            passed |= _passed(order)
    return [order for order in found if _passed(order)]


def every_order(policy: Policy, pairs: set[tuple[int, int]]) -> list[Order]:
    """All orders in which only those have passed each other that may."""
    every = permutations(range(len(policy.rules)))
    return [order for order in every if _passed(order) and _passed(order) <= pairs]


def side_by_side(policy: Policy, pairs: Iterable[tuple[int, int]]) -> list["Written"]:
    """Policies in which pairs of rules stand side by side, and are swapped; few of them."""
    left, found = sorted(pairs), []
    while left:
        taken: list[tuple[int, int]] = []
        for pair in left:
            if not set(pair) & {rule for one in taken for rule in one}:
                taken.append(pair)
        left = [pair for pair in left if pair not in taken]
        first = [rule for pair in taken for rule in pair]
        moved = (*first, *(k for k in range(len(policy.rules)) if k not in first))
        after = tuple(n ^ 1 if n < len(first) else n for n in range(len(moved)))
        found.append(Written(reordered(policy, moved), [after]))
    return found


def swapped(policy: Policy, place: int) -> Order:
    """The order in which the rules at a place and below it have changed places."""
    every = list(range(len(policy.rules)))
    every[place : place + 2] = [place + 1, place]
    return tuple(every)


def _drawn(count: int, pairs: set[tuple[int, int]], random: Random | None) -> Order:
    """One rule after the other out of those that wait for none; the last of them without dice."""
    left, order = list(range(count)), []
    while left:
        free = [j for j in left if all(i >= j or (i, j) in pairs for i in left)]
        order.append(random.choice(free) if random else free[-1])
        left.remove(order[-1])
    return tuple(order)


def _passed(order: Order) -> set[tuple[int, int]]:
    return {(b, a) for a, b in combinations(order, 2) if b < a}


def reordered(policy: Policy, order: Order) -> Policy:
    return replace(policy, rules=tuple(policy.rules[i] for i in order))


@dataclass(frozen=True, slots=True)
class Written:
    """A policy as written, and orders of its rules that are held against it.

    Each of `orders` sees all streams; of `others` one, drawn anew, every tenth.
    """

    policy: Policy
    orders: Sequence[Order]
    others: Sequence[Order] = ()


def told_apart(
    written: Sequence[Written], streams: int, seed: int
) -> tuple[list[int], Counter[str]]:
    """For each order of each policy the streams that end otherwise; and how the calls of the first
    ended. The policies have the same rules: they get the same streams."""
    random, pools = Random(seed), pools_of(written[0].policy)
    tried = [
        (one, [PolicyLookup(reordered(one.policy, o)) for o in (*one.orders, *one.others)])
        for one in written
    ]
    differ = [[0] * len(lookups) for _, lookups in tried]
    verdicts = Counter[str]()
    sessions = [list(stream(pools, random, SESSION)) for _ in range(min(SESSIONS, streams))]
    for n in range(streams):
        picked = sorted(random.sample(range(SESSION), random.randint(1, LONGEST)))
        session = random.choice(sessions)
        calls = [session[i] for i in picked]
        for at, (one, lookups) in enumerate(tried):
            truth, remembered = _truth(one.policy, calls)
            if at == 0:
                verdicts.update(_told(told[0]) for told in truth)
            of = list(range(len(one.orders)))
            if one.others and n % SHARED == 0:
                of.append(random.randrange(len(of), len(lookups)))
            for i in of:
                differ[at][i] += not _ends_alike(lookups[i], calls, truth, remembered)
    return [found for of_one in differ for found in of_one], verdicts


def _truth(
    policy: Policy, calls: Sequence[tuple[Call, Reply]]
) -> tuple[list[tuple[Any, ...]], tuple[Any, ...]]:
    """What the reference makes of every call, and what it remembers then."""
    memory, truth = Memory(policy), []
    for call, reply in calls:
        decision = decide(policy, memory, call)
        after = on_reply(policy, memory, call, reply) if decision.verdict == ALLOW else ()
        truth.append((seen(decision), traces(after)))
    return truth, contents(memory)


def _told(of: tuple[Any, ...]) -> str:
    verdict, _status, _answer, limited, _effects = of
    return "limit" if limited else str(verdict)


def _ends_alike(
    lookup: PolicyLookup,
    calls: Sequence[tuple[Call, Reply]],
    truth: Sequence[Any],
    remembered: tuple[Any, ...],
) -> bool:
    forget(lookup.memory)
    for (call, reply), expected in zip(calls, truth, strict=True):
        decision = lookup.decide(call)
        after = lookup.on_reply(call, reply) if decision.verdict == ALLOW else ()
        if (seen(decision), traces(after)) != expected:
            return False
    return contents(lookup.memory) == remembered


def seen(decision: Decision) -> tuple[Any, ...]:
    """What can be told of a decision from outside: all but the name of the rule."""
    return (
        decision.verdict,
        decision.status,
        decision.answer,
        decision.limited,
        traces(decision.effects),
    )


def traces(effects: tuple[Action, ...]) -> tuple[Any, ...]:
    """Effects, as far as their order can be seen."""
    if not effects:
        return ()
    logs = [e for e in effects if isinstance(e, Log)]
    counts = sorted(e.metric for e in effects if isinstance(e, Count))
    return (logs, counts, [e for e in effects if not isinstance(e, Log | Count)])


def contents(memory: Memory) -> tuple[Any, ...]:
    """All that is remembered, and in which order it would be forgotten."""
    # A policy's states and limits come in the order of its rules, which is not the same for all.
    kept = {**{(n,): h for n, h in memory.states.items()}, **memory.limits}
    return tuple(
        list(part.items()) if isinstance(part, dict) else part
        for one in sorted(kept, key=str)
        for part in (getattr(kept[one], name) for name in kept[one].__slots__)
    )


def forget(memory: Memory) -> None:
    """Begin anew; what is compiled holds on to the very same states and limits."""
    for held in memory.states.values():
        held.values.clear()
    for limited in memory.limits.values():
        fresh = type(limited)(limited.limit)
        for name in limited.__slots__:
            setattr(limited, name, getattr(fresh, name))


def judged(name: str, streams: int) -> dict[str, Any]:
    """One policy: its orders, the pairs they cover, and what the streams found."""
    start = time.process_time()
    policy = parse((EDGES / f"{name}.rules").read_text(), name)
    pairs = accepted_pairs(policy)
    orders, every = orders_of(policy, pairs), every_order(policy, pairs)
    others = sorted(set(every) - set(orders))
    passed = set().union(*map(_passed, orders))
    written = [Written(policy, orders, others), *side_by_side(policy, pairs - passed)]
    differ, verdicts = told_apart(written, streams, SEED)
    count = len(policy.rules)
    refused = [swapped(policy, i) for i in range(count - 1) if (i, i + 1) not in pairs]
    caught, _ = told_apart([Written(policy, refused)], min(streams, 20_000), SEED)
    return {
        "rules": count,
        "pairs": count * (count - 1) // 2,
        "accepted_pairs": len(pairs),
        "pairs_passed_in_orders": len(passed),
        "pairs_passed_side_by_side": len(pairs - passed),
        "orders": len(orders),
        "other_orders": len(others),
        "streams": streams,
        "calls": verdicts,
        "streams_told_apart": sum(differ),
        "refused_neighbours": len(refused),
        "refused_and_told_apart": sum(one > 0 for one in caught),
        "cpu_minutes": round((time.process_time() - start) / 60, 1),
    }


def main() -> None:
    streams = int(sys.argv[1]) if len(sys.argv) > 1 else STREAMS
    names = sys.argv[2:] or sorted(path.stem for path in EDGES.glob("*.rules"))
    kept = json.loads(RESULTS.read_text())["results"] if sys.argv[2:] and RESULTS.exists() else {}
    gc.disable()  # nothing here holds on to itself, and looking for it costs a tenth
    for name in names:
        kept[name] = judged(name, streams)
        print(name, kept[name], flush=True)
        results = dict(sorted(kept.items()))
        RESULTS.write_text(json.dumps({"seed": SEED, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
