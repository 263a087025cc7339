"""Which rpc of a pattern stands out: the one whose traffic the event changes most."""

from dataclasses import dataclass

import numpy as np

from informer.core.types import Floats, Forecast, PatternTraffic
from informer.detections.tails import log_tail

USUAL_SPREAD = 0.02  # enough to keep busy rpcs from winning by their sheer number of calls
AS_GUILTY = 0.9  # of the highest score; among those, the nearest to the entry is named
SUSPECT = 0.5  # of the guilty one's score; less is what merely follows from it
MOST_SUSPECTS = 3


@dataclass(frozen=True, slots=True)
class Suspect:
    """An rpc that stands out in an event, with its calls over all patterns."""

    rpc_id: str
    observed: float
    expected: float


class Guilt:
    """Traffic of every rpc over all patterns, to see where an event stands out.

    An rpc that other patterns use as well is diluted by them: in a system with one gateway the
    entry is everybody's, and the call behind it is what tells an attack on the login.
    """

    def __init__(self, traffic: dict[str, PatternTraffic], forecasts: dict[str, Forecast]) -> None:
        self._nodes = {p: t.series.graph.rpc_ids for p, t in traffic.items()}
        self._counts: dict[str, Floats] = {}  # observed and expected, then what both stand for
        for pattern_id, pattern in traffic.items():
            for i, rpc_id in enumerate(pattern.series.graph.rpc_ids):
                calls, expected = pattern.series.calls[:, i], forecasts[pattern_id].expected[:, i]
                own = np.stack([calls, expected])  # [2, t]
                own = np.concatenate([own, own * pattern.series.stands_for])  # [4, t]
                self._counts[rpc_id] = self._counts.get(rpc_id, np.zeros_like(own)) + own

    def of(
        self, pattern_ids: tuple[str, ...], first: int, last: int, high: bool
    ) -> tuple[Suspect, ...]:
        """The rpcs on the chains of these patterns that stand out most over steps first..last."""
        span = slice(first, last + 1)
        candidates = list(dict.fromkeys(r for p in pattern_ids for r in self._nodes[p]))
        counts = np.array([self._counts[r][:, span].sum(axis=1) for r in candidates])
        observed, expected, *told = counts.T
        variance = expected + USUAL_SPREAD * expected**2
        scores = log_tail(observed, expected, variance, high=high)
        # Nodes come in order of depth, so the first that is as guilty is the nearest to the entry.
        guilty = int(np.argmax(scores >= AS_GUILTY * scores.max()))
        others = [i for i in np.argsort(-scores, kind="stable") if i != guilty]
        named = [guilty, *(i for i in others if scores[i] >= SUSPECT * scores[guilty])]
        return tuple(
            Suspect(candidates[i], float(told[0][i]), float(told[1][i]))
            for i in named[:MOST_SUSPECTS]
        )
