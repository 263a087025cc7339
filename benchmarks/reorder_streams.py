"""Does any stream of calls tell an accepted order of rules from the one they were written in?

usage: reorder_streams.py [STREAMS [NAME...]]

For every policy in rules/edges, orders that the proof accepts, until every pair of rules that may
pass each other has: the one that is turned around as far as it may be, and random ones. Each order
sees the same random streams of calls and replies, a million unless said otherwise, against the
reference interpreter on the order as written: verdict, status, answer, effects and memory must be
the same. Reordered policies run compiled, which a property test holds equal to the reference. As a
check of the check, every pair next to each other that was refused is swapped too, and is to be told
apart. Two processes; prints and writes results/reorder_streams.json, policy by policy.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

from informer.policies.calls import ALLOW, Decision
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


def told_apart(
    policy: Policy, orders: Sequence[Order], streams: int, seed: int
) -> tuple[list[int], Counter[str]]:
    """For each order the streams that end otherwise; and how the calls as written ended."""
    random, pools = Random(seed), pools_of(policy)
    lookups = [PolicyLookup(reordered(policy, order)) for order in orders]
    differ, verdicts = [0] * len(orders), Counter[str]()
    sessions = [list(stream(pools, random, SESSION)) for _ in range(min(SESSIONS, streams))]
    for _ in range(streams):
        picked = sorted(random.sample(range(SESSION), random.randint(1, LONGEST)))
        session = sessions[random.randrange(len(sessions))]
        calls = [session[i] for i in picked]
        memory = Memory(policy)
        truth = []
        for call, reply in calls:
            decision = decide(policy, memory, call)
            verdicts["limit" if decision.limited else decision.verdict] += 1
            allowed = decision.verdict == ALLOW
            after = on_reply(policy, memory, call, reply) if allowed else ()
            truth.append((seen(decision), traces(after)))
        remembered = contents(memory)
        for i, lookup in enumerate(lookups):
            forget(lookup.memory)
            for (call, reply), expected in zip(calls, truth, strict=True):
                decision = lookup.decide(call)
                after = lookup.on_reply(call, reply) if decision.verdict == ALLOW else ()
                if (seen(decision), traces(after)) != expected:
                    differ[i] += 1
                    break
            else:
                differ[i] += contents(lookup.memory) != remembered
    return differ, verdicts


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
    start = time.perf_counter()
    policy = parse((EDGES / f"{name}.rules").read_text(), name)
    pairs = accepted_pairs(policy)
    orders = orders_of(policy, pairs)
    every = tuple(range(len(policy.rules)))
    refused = [
        (*every[:i], i + 1, i, *every[i + 2 :]) for i in every[:-1] if (i, i + 1) not in pairs
    ]
    differ, verdicts = told_apart(policy, orders, streams, SEED)
    caught, _ = told_apart(policy, refused, min(streams, 20_000), SEED)
    return {
        "rules": len(policy.rules),
        "pairs": len(every) * (len(every) - 1) // 2,
        "accepted_pairs": len(pairs),
        "orders": len(orders),
        "passed_pairs": len(set().union(*map(_passed, orders))),
        "streams": streams,
        "calls": verdicts,
        "streams_told_apart": sum(differ),
        "refused_neighbours": len(refused),
        "refused_and_told_apart": sum(one > 0 for one in caught),
        "minutes": round((time.perf_counter() - start) / 60, 1),
    }


def main() -> None:
    streams = int(sys.argv[1]) if len(sys.argv) > 1 else STREAMS
    names = sys.argv[2:] or sorted(path.stem for path in EDGES.glob("*.rules"))
    kept = json.loads(RESULTS.read_text())["results"] if sys.argv[2:] and RESULTS.exists() else {}
    with ProcessPoolExecutor(2) as pool:
        for future in as_completed({pool.submit(_named, name, streams): name for name in names}):
            name, found = future.result()
            kept[name] = found
            print(name, found, flush=True)
            results = dict(sorted(kept.items()))
            RESULTS.write_text(json.dumps({"seed": SEED, "results": results}, indent=2) + "\n")


def _named(name: str, streams: int) -> tuple[str, dict[str, Any]]:
    return name, judged(name, streams)


if __name__ == "__main__":
    main()
