"""What a policy stopped of attacks, and what it cut of regular calls.

Axes: c call.
"""

from dataclasses import dataclass

import numpy as np

from informer.core.types import Json
from informer.pipeline.known_events import ATTACK, Event
from informer.pipeline.policy_replay import Replayed

TIMES = 3.0  # times the usual: what is above that is abuse that a limit must stop
LATERAL = "lateral_movement"


@dataclass(frozen=True, slots=True)
class Stopped:
    """Calls of an attack's guilty rpcs, and how many of them were denied."""

    event: Event
    calls: int
    denied: int
    times: float  # all calls of the guilty rpcs in its window / those that are harmless
    above: float  # calls beyond TIMES the usual
    above_denied: float

    @property
    def lateral(self) -> bool:
        """Over an edge never seen; all others are regular calls, too many of them."""
        return self.event.kind.startswith(LATERAL)


def stopped(found: Replayed) -> list[Stopped]:
    """Every attack that reached the telemetry."""
    attacks = [e for e in found.truth.events if e.flag == ATTACK]
    return [s for e in attacks if (s := _stopped(found, e)).calls]


def _stopped(found: Replayed, event: Event) -> Stopped:
    """The usual of an rpc is what harmless calls make of it while the attack lasts."""
    malicious = found.truth.calls[event.event_id]
    times_ns, codes = found.stream.time_ns, found.stream.rpc.codes
    window = (times_ns >= event.start_ns) & (times_ns < event.end_ns)
    usual_of = np.bincount(codes[window & found.truth.harmless], minlength=codes.max() + 1)
    above = above_denied = 0.0
    # Limits are one for each rpc: so is what is above.
    rpcs = np.unique(codes[malicious])
    for rpc in rpcs:
        of_rpc = malicious & (codes == rpc)
        over = max(float(of_rpc.sum() - (TIMES - 1) * usual_of[rpc]), 0.0)
        above += over
        above_denied += min(over, float((of_rpc & found.decided.denied).sum()))
    usual = int(usual_of[rpcs].sum())
    calls = int(malicious.sum())
    return Stopped(
        event,
        calls,
        int((malicious & found.decided.denied).sum()),
        1 + calls / usual if usual else np.inf,
        above,
        above_denied,
    )


def sums(parts: list[Stopped]) -> Json:
    """Shares over all calls of some attacks."""
    calls, denied = sum(s.calls for s in parts), sum(s.denied for s in parts)
    return {
        "attacks": len(parts),
        "calls": calls,
        "denied": denied,
        "share": round(denied / calls, 4) if calls else None,
    }
