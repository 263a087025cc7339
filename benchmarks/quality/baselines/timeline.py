"""Past and now of all patterns on one axis of time, as one matrix of counts.

Axes: t step, c column (one signal of one rpc of one pattern), n rpc.
"""

from dataclasses import dataclass

import numpy as np

from informer.core.types import NS_PER_S, Bools, Floats, Ints, PatternTraffic

SIGNALS = ("calls", "failures", "refusals")
DAY_S, WEEK_S = 86_400, 7 * 86_400
LONGEST_GAP_S = 2 * WEEK_S  # between past and now; of a longer one whole weeks are left out


@dataclass(frozen=True, slots=True)
class Timeline:
    """Counts of every step from the first of the past to the last of now.

    Every detector may see all that ours sees: failures and refusals are columns beside the calls,
    unless there was never one.
    """

    start_ns: int
    step_s: int
    counts: Floats  # [t, c]; zeros where not seen
    seen: Bools  # [t]
    now: int  # the first step of now; those before it may be learned from
    cell: Ints  # [c], which rpc of which pattern, counted over all patterns
    signal: Ints  # [c], place in SIGNALS
    rpcs_of: dict[str, int]  # pattern id: n, in the order of the cells

    @property
    def past(self) -> Bools:
        """The steps that may be learned from, [t]."""
        return self.seen & (np.arange(len(self.seen)) < self.now)

    def steps_in(self, seconds: int) -> int:
        """How many steps a time takes, at least one."""
        return max(round(seconds / self.step_s), 1)

    def seconds(self) -> Ints:
        """Start of every step since 1970, [t]."""
        return self.start_ns // NS_PER_S + np.arange(len(self.seen), dtype=np.int64) * self.step_s

    def columns_of(self, pattern_id: str) -> Ints:
        """The columns of a pattern, calls first."""
        first = 0
        for other, rpcs in self.rpcs_of.items():
            if other == pattern_id:
                return np.flatnonzero((self.cell >= first) & (self.cell < first + rpcs))
            first += rpcs
        raise KeyError(pattern_id)

    def by_pattern(self, scores: Floats) -> dict[str, Floats]:
        """Scores of columns, [t of now, c], as the highest of every rpc of every pattern, [t, n].

        Nothing is irregular about a step that was not seen: it gets 0, and so does what is lower.
        """
        cells = np.zeros((len(scores), sum(self.rpcs_of.values())))
        for signal in range(len(SIGNALS)):
            of = self.signal == signal
            cells[:, self.cell[of]] = np.maximum(cells[:, self.cell[of]], scores[:, of])
        cells[~self.seen[self.now :]] = 0.0
        ends = np.cumsum(list(self.rpcs_of.values()))
        return dict(zip(self.rpcs_of, np.split(cells, ends[:-1], axis=1), strict=True))


def timeline(past: dict[str, PatternTraffic], now: dict[str, PatternTraffic]) -> Timeline:
    """Both ranges of the same patterns; what lies between them was not seen.

    Raises ValueError where now begins before the past ends, off its steps, or with other rpcs.
    """
    order = sorted(past)
    if order != sorted(now):
        raise ValueError(f"now must have the patterns of the past, {order}, got {sorted(now)}")
    for pattern_id in order:
        before, after = (x[pattern_id].series.graph.rpc_ids for x in (past, now))
        if before != after:
            raise ValueError(f"rpcs of {pattern_id} must stay {before}, got {after}")
    early, late = past[order[0]].series, now[order[0]].series
    end_ns, step_ns = (
        early.start_ns + early.steps * early.step_s * NS_PER_S,
        early.step_s * NS_PER_S,
    )
    gap, rest = divmod(late.start_ns - end_ns, step_ns)
    if gap < 0 or rest or late.step_s != early.step_s:
        raise ValueError(
            f"now must go on after {end_ns} in steps of {early.step_s} s, "
            f"got {late.start_ns} in steps of {late.step_s} s"
        )
    if gap * early.step_s > LONGEST_GAP_S:
        gap %= WEEK_S // early.step_s
    between = early.steps + gap
    blocks = [
        _with_gap(_signal(past, order, s), gap, _signal(now, order, s)) for s in SIGNALS
    ]  # [t, cells] each
    counts = np.concatenate(blocks, axis=1)
    cells = blocks[0].shape[1]
    kept = (np.arange(counts.shape[1]) < cells) | counts.any(axis=0)
    seen = np.concatenate([early.seen, np.zeros(gap, dtype=bool), late.seen])
    return Timeline(
        late.start_ns - between * step_ns,
        early.step_s,
        counts[:, kept] * seen[:, None],
        seen,
        between,
        np.tile(np.arange(cells), len(SIGNALS))[kept],
        np.repeat(np.arange(len(SIGNALS)), cells)[kept],
        {p: len(past[p].series.graph.rpc_ids) for p in order},
    )


def _signal(traffic: dict[str, PatternTraffic], order: list[str], signal: str) -> Floats:
    """One signal of all patterns side by side, [t, cells]."""
    if signal == "calls":
        return np.concatenate([traffic[p].series.calls for p in order], axis=1)
    return np.concatenate([getattr(traffic[p], signal) for p in order], axis=1)


def _with_gap(before: Floats, gap: int, after: Floats) -> Floats:
    return np.concatenate([before, np.zeros((gap, before.shape[1])), after])
