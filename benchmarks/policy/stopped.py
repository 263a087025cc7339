"""What a policy stopped of attacks, and what it cut of regular calls.

Axes: c call, b block of time.
"""

from dataclasses import dataclass

import numpy as np

from informer.core.types import NS_PER_S, Bools, Ints, Json
from informer.pipeline.policy_labels import ATTACK, Event
from informer.pipeline.policy_replay import Replayed

HOUR_NS = 3_600 * NS_PER_S
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


def stopped(found: Replayed, step_s: int) -> list[Stopped]:
    """Every attack that reached the telemetry."""
    attacks = [e for e in found.truth.events if e.flag == ATTACK]
    return [s for e in attacks if (s := _stopped(found, e, step_s)).calls]


def _stopped(found: Replayed, event: Event, step_s: int) -> Stopped:
    """The usual of a step is what harmless calls of the same rpcs make of it, over its hour."""
    malicious = found.truth.calls[event.event_id]
    rpcs = np.unique(found.stream.rpc.codes[malicious])
    same = np.isin(found.stream.rpc.codes, rpcs)
    times_ns = found.stream.time_ns
    window = (times_ns >= event.start_ns) & (times_ns < event.end_ns)
    harmless = same & found.truth.harmless
    above = above_denied = 0.0
    first = int(times_ns[0]) // HOUR_NS * HOUR_NS
    step_ns = step_s * NS_PER_S
    # Limits are one for each rpc: so is what is above.
    for rpc in rpcs:
        of_rpc = found.stream.rpc.codes == rpc
        bad = _per(times_ns, malicious & of_rpc, first, step_ns)
        cut = _per(times_ns, malicious & of_rpc & found.decided.denied, first, step_ns)
        an_hour = _per(times_ns, harmless & of_rpc, first, HOUR_NS)
        n = min(len(bad), len(an_hour) * (HOUR_NS // step_ns))
        usual = np.repeat(an_hour, HOUR_NS // step_ns)[:n] * step_ns / HOUR_NS
        over = np.minimum(np.maximum(bad[:n] + usual - TIMES * usual, 0), bad[:n])
        above += float(over.sum())
        above_denied += float(np.minimum(over, cut[:n]).sum())
    regular = int((harmless & window).sum())
    return Stopped(
        event,
        int(malicious.sum()),
        int((malicious & found.decided.denied).sum()),
        1 + int((malicious & window).sum()) / regular if regular else np.inf,
        above,
        above_denied,
    )


def _per(times_ns: Ints, which: Bools, first_ns: int, block_ns: int) -> Ints:
    """[b]: calls in each block of time."""
    blocks = (times_ns - first_ns) // block_ns
    return np.bincount(blocks[which], minlength=int(blocks[-1]) + 1)


def sums(parts: list[Stopped]) -> Json:
    """Shares over all calls of some attacks."""
    calls, denied = sum(s.calls for s in parts), sum(s.denied for s in parts)
    return {
        "attacks": len(parts),
        "calls": calls,
        "denied": denied,
        "share": round(denied / calls, 4) if calls else None,
    }
