"""What a request of each pattern does on average: calls of an rpc, and spans."""

import numpy as np

from informer.core.types import Bools, Floats
from informer.simulate.chain import Slot
from informer.simulate.requests import Change, calls_made
from informer.simulate.scenario import Event, Scenario

TRIED = 4_000  # requests that a mean is taken over
EVER = 2**62


class Traits:
    """Means over simulated requests, each found once."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self._patterns = [p.slots for p in scenario.patterns]
        self._seed = seed
        self._calls = [self._tried(p, []) for p in range(len(self._patterns))]  # [p][s]

    def calls_of(self, rpc: tuple[str, str, str]) -> Floats:
        """Mean calls of an rpc in a request of each pattern, [p]."""
        each = zip(self._patterns, self._calls, strict=True)
        return np.array([calls[_places(slots, rpc)].sum() for slots, calls in each])

    def spans(self) -> Floats:
        """Mean spans of a request of each pattern, [p]."""
        return np.array([calls.sum() for calls in self._calls])

    def malicious_calls(self, event: Event, pattern: int, rpc: tuple[str, str, str]) -> float:
        """Mean calls of an rpc in a request of an attack."""
        change = change_of(self._patterns[pattern], event, rpc, 0, EVER)
        slots = _places(self._patterns[pattern], rpc)
        return float(self._tried(pattern, [change])[slots].sum())

    def _tried(self, pattern: int, changes: list[Change]) -> Floats:
        rng = np.random.default_rng([self._seed, 8, pattern])
        starts = np.zeros(TRIED, dtype=np.int64)
        made, _ = calls_made(self._patterns[pattern], starts, changes, rng)
        return np.asarray(made.mean(axis=1))


def change_of(
    slots: tuple[Slot, ...], event: Event, rpc: tuple[str, str, str], from_ns: int, until_ns: int
) -> Change:
    """What an attack makes of the calls of one rpc."""
    makes = bool(event.below)
    return Change(_places(slots, rpc), from_ns, until_ns, event.fail, event.refuse, makes=makes)


def _places(slots: tuple[Slot, ...], rpc: tuple[str, str, str]) -> Bools:
    """Slots that are calls of the rpc, [s]; a message counts once, where it is consumed."""
    return np.array([s.call.rpc == rpc and s.kind != "producer" for s in slots])
