"""What does a learned policy stop, and what does it cut of regular calls?

usage: policy_replay.py [--develop]

Learns policies from days of training and replays them on days that were kept back: a seed of
every simulated scenario that nothing was chosen on, and the real mesh below INFORMER_DATA (whose
segment A is development data). With --develop: a seed below 100 of each, and nothing is written.
Prints one table and writes results/policy_replay.json.

False denies: harmless calls that are denied, on clean days and on days with legitimate events.
Lateral: calls of attackers over edges never seen. Rate: all other attacks. "Above 3x" are the calls
that come on top of three times the usual of their rpc (its harmless calls while the attack lasts).
"At most" is what a limit on all callers can deny of strong attacks: at m times the usual it lets
headroom / m of all calls through, malicious or not.
"""

import json
import sys
import time
from pathlib import Path

from informer.core.types import Json
from informer.policies.amounts import Margin
from policy.stopped import Stopped, stopped, sums
from policy.worlds import CLEAN, ORDINARY, WHOLE, Mesh, Simulated, World

RESULTS = Path(__file__).parent / "results" / "policy_replay.json"
SHAPES = {  # base: days, days of training, volume
    "bank": (19, 14, 0.2),
    "shop": (11, 7, 0.1),
    "social": (18, 14, 0.1),
}
HELD_OUT = (201,)
DEVELOP = (1,)
STRONG = 3.0  # times the usual


def main() -> None:
    """Learn, replay, print and write."""
    develop = "--develop" in sys.argv[1:]
    seeds = DEVELOP if develop else HELD_OUT
    sources: list[Simulated | Mesh] = [Mesh()]
    sources += [Simulated(base, s, *shape) for base, shape in SHAPES.items() for s in seeds]
    margin = Margin()
    rows: list[Json] = []
    attacks: list[Stopped] = []
    for source in sources:
        began = time.perf_counter()
        with source.world(margin) as world:
            found = stopped(world.parts[WHOLE])
            attacks += found
            rows.append(_row(world, found, margin))
        print(json.dumps(rows[-1]), f"{time.perf_counter() - began:.0f} s", flush=True)
        results = {
            "margin": {"quantile": margin.quantile, "headroom": margin.headroom},
            "seeds": list(seeds),
            "worlds": rows,
            "all": _attacks(attacks, margin),
            "kinds": {
                kind: sums([s for s in attacks if s.event.kind == kind])
                for kind in sorted({s.event.kind for s in attacks})
            },
        }
        if not develop:  # a run that is stopped keeps what it has
            RESULTS.write_text(json.dumps({"results": results}, indent=2) + "\n", encoding="utf-8")
    print(json.dumps({k: results[k] for k in ("all", "kinds")}, indent=2))


def _row(world: World, found: list[Stopped], margin: Margin) -> Json:
    row: Json = {"world": world.name, "rules": len(world.policy.rules)}
    for version in (CLEAN, ORDINARY):
        if version in world.parts:
            part = world.parts[version]
            calls, denied = len(part.stream), int(part.false_denied.sum())
            row[version] = {"calls": calls, "false": denied, "share": denied / calls}
    return row | _attacks(found, margin)


def _attacks(found: list[Stopped], margin: Margin) -> Json:
    rate = [s for s in found if not s.lateral]
    strong = [s for s in rate if s.times > STRONG]
    calls = sum(s.calls for s in strong)
    deniable = sum(s.calls * (1 - margin.headroom / s.times) for s in strong)
    above = sum(s.above for s in rate)
    return {
        "lateral": sums([s for s in found if s.lateral]),
        "rate": sums(rate),
        "rate_strong": sums(strong) | {"at_most": round(deniable / calls, 4) if calls else None},
        "above_3x": {
            "calls": round(above),
            "share": round(sum(s.above_denied for s in rate) / above, 4) if above else None,
        },
    }


if __name__ == "__main__":
    main()
