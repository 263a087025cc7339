"""What is watched: streams of counts, and of latency, with what was expected of them.

Axes: t step, s stream, u unit of demand, w window.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from informer.core.types import Bools, Floats, Forecast, Ints, PatternTraffic, Series
from informer.detections import latency
from informer.detections.latency import UsualLatency

# A family is judged as a whole only while enough other traffic remains to judge it by.
LARGEST_FAMILY = 0.6
SHARE_DOUBT = 0.05**2  # no service calls another as often tomorrow as today to better than 5 %
PRIOR_HITS, PRIOR_CALLS = 0.5, 50.0  # a rare event needs a prior
NEVER = (0.0, 0.0)  # calls in steps, where nothing was learned of them
# Below so many units there is nothing to tell what is shared from what is not.
FEWEST_UNITS = 3


@dataclass(frozen=True, slots=True)
class Stream:
    """One count that is watched, named by the cell it speaks for."""

    signal: str  # calls, family, share, failures, refusals or latency
    pattern_ids: tuple[str, ...]  # the largest first
    rpc_id: str

    @property
    def key(self) -> str:
        """The stream's name in a saved calibration."""
        return f"{self.signal}|{self.pattern_ids[0]}|{self.rpc_id}"


@dataclass(frozen=True, slots=True)
class Watched:
    """Every stream of a time range, and the units whose shared part is demand."""

    streams: tuple[Stream, ...]  # s
    observed: Floats  # [t, s]
    expected: Floats  # [t, s]
    variance: Floats  # [t, s], of one step, from the forecast alone
    doubt: Floats  # [s], relative variance of the expectation itself: it lasts over a window
    unit: Ints  # [s], the demand unit the stream belongs to; -1 = demand says nothing about it
    two_sided: Bools  # [s], too little is irregular as well
    usual_ms: Floats  # [s], of streams of latency; NaN for streams of counts
    together: Floats  # [s], calls that one chain makes at once, >= 1: they are evidence of one
    unit_observed: Floats  # [t, u]
    unit_expected: Floats  # [t, u]
    unit_patterns: tuple[tuple[str, ...], ...]  # u
    unsure: Floats  # [t], relative variance of what is expected of volume on days never learned

    @property
    def steps(self) -> int:
        """How many steps, t."""
        return int(self.observed.shape[0])

    def part(self, which: Bools) -> "Watched":
        """Some of the streams, [s]; the units stay as they are."""
        streams = tuple(x for x, kept in zip(self.streams, which, strict=True) if kept)
        by_step = {k: getattr(self, k)[:, which] for k in ("observed", "expected", "variance")}
        names = ("doubt", "unit", "two_sided", "usual_ms", "together")
        one_each = {k: getattr(self, k)[which] for k in names}
        return replace(self, streams=streams, **by_step, **one_each)

    @property
    def timed(self) -> Bools:
        """Whether each stream is one of latency and no count, [s]."""
        return np.isfinite(self.usual_ms)


@dataclass(frozen=True, slots=True)
class Rates:
    """How many calls of each rpc of each pattern there were, how they ended and how long they took.

    `calls`, `latency` and `headless` are keyed by (pattern_id, rpc_id), `hits` by (signal,
    pattern_id, rpc_id). Headless are calls in steps in which no chain of the pattern began, with
    the number of these steps: their chains lost the span that began them.
    """

    calls: dict[tuple[str, str], float]
    hits: dict[tuple[str, str, str], float]
    latency: dict[tuple[str, str], UsualLatency] = field(default_factory=dict)
    headless: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)

    def share(self, signal: str, pattern_id: str, rpc_id: str) -> tuple[float, float]:
        """Expected share of hits, and its relative variance: a Gamma posterior, never zero."""
        hits = self.hits.get((signal, pattern_id, rpc_id), 0.0) + PRIOR_HITS
        return hits / (self.calls.get((pattern_id, rpc_id), 0.0) + PRIOR_CALLS), 1 / hits

    def per_chain(self, pattern_id: str, entry_rpc_id: str, rpc_id: str) -> float:
        """Calls of an rpc for each call of the entry; 0 for a pattern without traffic."""
        chains = self.calls.get((pattern_id, entry_rpc_id), 0.0)
        headless, _ = self.headless.get((pattern_id, rpc_id), NEVER)
        own = self.calls.get((pattern_id, rpc_id), 0.0) - headless
        return own / chains if chains else 0.0

    def implied(self, series: Series, rpc_id: str) -> Floats:
        """Calls of an rpc that those of the entry imply, [t]; never zero where none began."""
        pattern_id, entry = series.graph.pattern_id, series.graph.rpc_ids[0]
        headless, steps = self.headless.get((pattern_id, rpc_id), NEVER)
        began = series.calls[:, 0]
        idle = (headless + PRIOR_HITS) / (steps + PRIOR_CALLS)
        implied = began * self.per_chain(pattern_id, entry, rpc_id)
        return np.where(series.seen & (began == 0), idle, implied)


def learn_rates(traffic: dict[str, PatternTraffic], regular: Bools) -> Rates:
    """Count and time the steps that were regular, [t]."""
    calls: dict[tuple[str, str], float] = {}
    hits: dict[tuple[str, str, str], float] = {}
    usual: dict[tuple[str, str], UsualLatency] = {}
    headless: dict[tuple[str, str], tuple[float, float]] = {}
    for pattern_id, pattern in traffic.items():
        total = pattern.series.calls[regular].sum(axis=0)  # [n]
        failed = pattern.failures[regular].sum(axis=0)  # [n]
        refused = pattern.refusals[regular].sum(axis=0)  # [n]
        idle = regular & pattern.series.seen & (pattern.series.calls[:, 0] == 0)
        left = pattern.series.calls[idle].sum(axis=0)  # [n]
        for i, rpc_id in enumerate(pattern.series.graph.rpc_ids):
            calls[pattern_id, rpc_id] = float(total[i])
            headless[pattern_id, rpc_id] = (float(left[i]), float(idle.sum()))
            hits["failures", pattern_id, rpc_id] = float(failed[i])
            hits["refusals", pattern_id, rpc_id] = float(refused[i])
        found = latency.learn_latency(pattern, regular)
        usual |= {(pattern_id, rpc_id): x for rpc_id, x in found.items()}
    return Rates(calls, hits, usual, headless)


def watch(
    traffic: dict[str, PatternTraffic],
    forecasts: dict[str, Forecast],
    rates: Rates,
    unsure: Floats | None = None,
) -> Watched:
    """Streams of all patterns over one grid of steps; `unsure` [t] as in `days.unsure`.

    Volume: the entry's calls of every pattern, and of every family of patterns with one entry,
    against the forecast. Share: an inner rpc's calls against what the pattern's chains imply.
    Failures and refusals: against the learned share of the calls that there were. Latency: against
    the usual one of every rpc that was called often enough to have one.
    """
    order = sorted(traffic, key=lambda p: (-traffic[p].series.calls[:, 0].sum(), p))
    families = _families(order, traffic)
    units = families if len(families) >= FEWEST_UNITS else [[p] for p in order]
    unit_of = {p: i for i, unit in enumerate(units) for p in unit}
    built = _Builder()
    for pattern_id in order:
        pattern = traffic[pattern_id]
        _watch_volume(built, [pattern_id], traffic, forecasts, unit_of[pattern_id], "calls")
        _watch_shares(built, pattern_id, pattern, rates)
        _watch_rates(built, pattern_id, pattern, rates)
        _watch_latency(built, pattern_id, pattern, rates)
    everything = sum(traffic[p].series.calls[:, 0].sum() for p in order)
    for family in families:
        size = sum(traffic[p].series.calls[:, 0].sum() for p in family)
        if len(family) > 1 and size <= LARGEST_FAMILY * everything:
            _watch_volume(built, family, traffic, forecasts, unit_of[family[0]], "family")
    # In a step that was not seen nobody is expected: units must not look as if they were silent.
    seen = {p: traffic[p].series.seen for p in order}
    entry_calls = {p: traffic[p].series.calls[:, 0] * seen[p] for p in order}
    entry_expected = {p: forecasts[p].expected[:, 0] * seen[p] for p in order}
    return built.watched(
        np.stack([np.sum([entry_calls[p] for p in u], axis=0) for u in units], axis=1),
        np.stack([np.sum([entry_expected[p] for p in u], axis=0) for u in units], axis=1),
        tuple(tuple(u) for u in units),
        unsure,
    )


def _families(order: list[str], traffic: dict[str, PatternTraffic]) -> list[list[str]]:
    """Patterns that share an entry rpc, the largest first."""
    by_entry: dict[str, list[str]] = {}
    for pattern_id in order:
        by_entry.setdefault(traffic[pattern_id].series.graph.rpc_ids[0], []).append(pattern_id)
    return list(by_entry.values())


class _Builder:
    """Collects columns, because the number of streams is known only at the end."""

    def __init__(self) -> None:
        self.streams: list[Stream] = []
        self.columns: list[tuple[Floats, Floats, Floats]] = []
        self.doubt: list[float] = []
        self.unit: list[int] = []
        self.two_sided: list[bool] = []
        self.usual_ms: list[float] = []
        self.together: list[float] = []

    def add(
        self,
        stream: Stream,
        observed: Floats,
        expected: Floats,
        variance: Floats,
        *,
        unit: int = -1,
        two_sided: bool = False,
        doubt: float = 0.0,
        usual_ms: float = np.nan,
        together: float = 1.0,
    ) -> None:
        self.streams.append(stream)
        self.columns.append((observed, expected, variance))
        self.doubt.append(doubt)
        self.unit.append(unit)
        self.two_sided.append(two_sided)
        self.usual_ms.append(usual_ms)
        self.together.append(together)

    def watched(
        self,
        unit_observed: Floats,
        unit_expected: Floats,
        patterns: tuple[tuple[str, ...], ...],
        unsure: Floats | None,
    ) -> Watched:
        observed, expected, variance = (
            np.stack([c[k] for c in self.columns], axis=1) for k in range(3)
        )  # [t, s] each
        return Watched(
            tuple(self.streams),
            observed,
            expected,
            variance,
            np.array(self.doubt),
            np.array(self.unit, dtype=np.int64),
            np.array(self.two_sided, dtype=bool),
            np.array(self.usual_ms, dtype=np.float64),
            np.array(self.together, dtype=np.float64),
            unit_observed,
            unit_expected,
            patterns,
            np.zeros(len(observed)) if unsure is None else unsure,
        )


def _watch_volume(
    built: _Builder,
    pattern_ids: list[str],
    traffic: dict[str, PatternTraffic],
    forecasts: dict[str, Forecast],
    unit: int,
    signal: str,
) -> None:
    columns = []
    for pattern_id in pattern_ids:
        series, made = traffic[pattern_id].series, forecasts[pattern_id]
        expected = made.expected[:, 0] * series.seen
        lasting = np.zeros_like(expected) if made.doubt is None else made.doubt[:, 0]
        passing = np.maximum(made.spread[:, 0] - lasting, 0.0)
        columns.append(
            (
                series.calls[:, 0] * series.seen,
                expected,
                expected + passing * expected**2,
                lasting * expected**2,
            )
        )
    observed, expected, variance, lasting = np.sum(columns, axis=0)
    entry = traffic[pattern_ids[0]].series.graph.rpc_ids[0]
    stream = Stream(signal, tuple(pattern_ids), entry)
    doubt = float(lasting.sum() / max(float((expected**2).sum()), 1e-9))
    values = (observed, expected, variance)
    built.add(stream, *values, unit=unit, two_sided=True, doubt=doubt)


def _watch_shares(built: _Builder, pattern_id: str, pattern: PatternTraffic, rates: Rates) -> None:
    entry, *inner = pattern.series.graph.rpc_ids
    for i, rpc_id in enumerate(inner, start=1):
        expected = rates.implied(pattern.series, rpc_id)
        stream = Stream("share", (pattern_id,), rpc_id)
        values = (pattern.series.calls[:, i], expected, expected)
        together = max(rates.per_chain(pattern_id, entry, rpc_id), 1.0)
        built.add(stream, *values, two_sided=True, doubt=SHARE_DOUBT, together=together)


def _watch_rates(built: _Builder, pattern_id: str, pattern: PatternTraffic, rates: Rates) -> None:
    for signal, counts in (("failures", pattern.failures), ("refusals", pattern.refusals)):
        for i, rpc_id in enumerate(pattern.series.graph.rpc_ids):
            share, doubt = rates.share(signal, pattern_id, rpc_id)
            expected = pattern.series.calls[:, i] * share
            stream = Stream(signal, (pattern_id,), rpc_id)
            built.add(stream, counts[:, i], expected, expected, doubt=doubt)


def _watch_latency(built: _Builder, pattern_id: str, pattern: PatternTraffic, rates: Rates) -> None:
    for i, rpc_id in enumerate(pattern.series.graph.rpc_ids):
        usual = rates.latency.get((pattern_id, rpc_id))
        if usual is not None:
            stream = Stream(latency.SIGNAL, (pattern_id,), rpc_id)
            values = latency.slowness(pattern.series.calls[:, i], pattern.latency_ms[:, i], usual)
            built.add(stream, *values, usual_ms=usual.ms)
