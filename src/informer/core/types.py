"""Values that pass between stages as arrays: series, graphs and forecasts.

Axes: t step, n rpc, e edge, f signal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Json: TypeAlias = dict[str, Any]

NS_PER_S = 1_000_000_000
NOISE = "-1"
LEAST_CHAINS = 10  # that are alike: of fewer nobody can say what is usual in them
OUTSIDE = "outside"
UNKNOWN = "unknown"
EVER = 2**62  # later than any time in ns
LEGITIMATE = ("change", "demand")  # kinds of incidents that are probably no misuse


@dataclass(frozen=True, slots=True)
class PatternGraph:
    """RPCs of one chain pattern and how often one leads to the next."""

    pattern_id: str
    rpc_ids: tuple[str, ...]  # n; the entry first
    edges: Ints  # [2, e]: row 0 from node, row 1 to node
    weight: Floats  # [e], share of chains that use the edge, 0..1


@dataclass(frozen=True, slots=True)
class Series:
    """Traffic of one pattern on its graph, every step from the first to the last.

    A step that was not seen holds zeros and says so in `seen`: it neither trains nor alerts.
    """

    graph: PatternGraph
    start_ns: int
    step_s: int
    calls: Floats  # [t, n], weighted counts / `stands_for`: as many as were met, so they scatter so
    seen: Bools  # [t]
    level: Floats | None = None  # [t, n], known to be so many times that of now; None = as now
    stands_for: float = 1.0  # calls that each one counted here stands for; more in sampled traffic

    @property
    def steps(self) -> int:
        """How many steps, t."""
        return int(self.calls.shape[0])

    def step_starts_ns(self) -> Ints:
        """Start of every step, [t]."""
        return self.start_ns + np.arange(self.steps, dtype=np.int64) * self.step_s * NS_PER_S

    def slice(self, first: int, last: int) -> "Series":
        """Steps first..last-1 as a series of their own."""
        return Series(
            self.graph,
            self.start_ns + first * self.step_s * NS_PER_S,
            self.step_s,
            self.calls[first:last],
            self.seen[first:last],
            None if self.level is None else self.level[first:last],
            self.stands_for,
        )


@dataclass(frozen=True, slots=True)
class Forecast:
    """What was expected of every rpc at every step, made from earlier steps alone.

    A count is negative binomial around `expected`: variance = expected + spread * expected ** 2.
    """

    expected: Floats  # [t, n], > 0
    spread: Floats  # [t, n], >= 0
    doubt: Floats | None = None  # [t, n], the part of the spread that lasts; None = nothing lasts

    def slice(self, first: int, last: int | None = None) -> "Forecast":
        """Steps first..last-1, or to the end."""
        doubt = None if self.doubt is None else self.doubt[first:last]
        return Forecast(self.expected[first:last], self.spread[first:last], doubt)

    @classmethod
    def joined(cls, parts: Sequence["Forecast"]) -> "Forecast":
        """One after the other."""
        doubt = None
        if any(part.doubt is not None for part in parts):
            doubt = np.concatenate(
                [np.zeros_like(p.spread) if p.doubt is None else p.doubt for p in parts]
            )
        return cls(
            np.concatenate([part.expected for part in parts]),
            np.concatenate([part.spread for part in parts]),
            doubt,
        )


@dataclass(frozen=True, slots=True)
class Model:
    """A trained forecaster of one pattern as plain data, whatever trained it."""

    forecaster: str
    arrays: dict[str, npt.NDArray[Any]]
    settings: Json


@dataclass(frozen=True, slots=True)
class Grid:
    """The steps of a time range, and which of them were covered."""

    start_ns: int
    step_s: int
    seen: Bools  # [t]

    @property
    def step_ns(self) -> int:
        """Length of a step."""
        return self.step_s * NS_PER_S

    @property
    def end_ns(self) -> int:
        """End of the last step."""
        return self.start_ns + len(self.seen) * self.step_ns

    def starts_ns(self) -> Ints:
        """Start of every step, [t]."""
        return self.start_ns + np.arange(len(self.seen), dtype=np.int64) * self.step_ns

    def step_of(self, time_ns: int) -> int:
        """The step that a time lies in, counted on beyond both ends of the range."""
        return (time_ns - self.start_ns) // self.step_ns


@dataclass(frozen=True, slots=True)
class PatternTraffic:
    """Calls, failures, refusals and latency of one pattern, every step of a grid."""

    series: Series
    failures: Floats  # [t, n], counted as the calls are
    refusals: Floats  # [t, n], likewise
    latency_ms: Floats  # [t, n], geometric mean of the step's calls; NaN where there were none

    def slice(self, first: int, last: int) -> "PatternTraffic":
        """Steps first..last-1."""
        return PatternTraffic(
            self.series.slice(first, last),
            self.failures[first:last],
            self.refusals[first:last],
            self.latency_ms[first:last],
        )


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told of an incident: it is open, its severity changed, or it is over."""

    notice_id: str  # the same however often it is sent
    incident_id: str
    sequence: int  # 1, 2, ... of the incident
    state: str  # firing or resolved
    severity: str
    former: str | None  # the severity told before, where it changed
    made_ns: int
    document: Json  # the incident, as `detect --json` prints it
