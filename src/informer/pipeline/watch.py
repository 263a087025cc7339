"""Watching: traffic judged a few steps at a time, with the steps before them in view.

A window of half a day and the forecasters stand ready in memory; a look adds the newest steps, lets
the oldest go, and scores the newest against all of it. What is found irregular teaches nobody: the
forecasters go over the window again without it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from informer.core.types import NS_PER_S, Bools, Floats, Forecast, Grid, Model, PatternTraffic
from informer.detections.calibrate import SECONDS_A_DAY
from informer.detections.detect import Detected, Learned, Observed, detect
from informer.detections.novelty import Novel
from informer.forecasts.online import NextStep
from informer.pipeline.history import CONTEXT_DAYS, LONGEST_GAP_DAYS
from informer.pipeline.judge import Gathered, Judged
from informer.pipeline.strangers import most_met

MOST_VERSIONS = 100  # of a service in the window; who sends spans may name a million


@dataclass(slots=True)
class Followed:
    """One pattern: its forecaster before the window and now, and what it said in between."""

    base: NextStep  # about to expect the window's first step
    tip: NextStep  # about to expect the step after its last
    said: Forecast  # of every step of the window, [t, n]
    barred: Bools  # [t], steps that `tip` did not learn from

    def go_on(self, traffic: PatternTraffic, steps: int) -> None:
        """Expect and learn the last `steps` of the window; nothing is barred yet."""
        known = len(self.barred)
        said = [self.said, *(_step(self.tip, traffic, known + t, False) for t in range(steps))]
        self.said = Forecast.joined(said)
        self.barred = np.concatenate([self.barred, np.zeros(steps, bool)])

    def go_again(self, traffic: PatternTraffic, barred: Bools) -> None:
        """Over the whole window without the steps that are `barred`, [t]."""
        self.tip, self.barred = self.base.copy(), barred
        steps = range(traffic.series.steps)
        said = [_step(self.tip, traffic, t, bool(barred[t])) for t in steps]
        self.said = Forecast.joined([_nothing_said(traffic), *said])

    def let_go(self, traffic: PatternTraffic, steps: int) -> None:
        """The window begins so many steps later."""
        for t in range(steps):
            _step(self.base, traffic, t, bool(self.barred[t]))
        self.said, self.barred = self.said.slice(steps), self.barred[steps:]


class Watch:
    """The window before now; see `look`."""

    def __init__(
        self, gathered: Gathered, barred: Mapping[str, Bools], models: Mapping[str, Model]
    ) -> None:
        """`gathered` is a range of kept traffic with the days before it, in `past`, which have no
        step that must not teach; `barred`, [t] by pattern, are such steps of the range itself.
        """
        self._gathered = replace(gathered, past={})
        self._followed = {}
        for pattern_id, traffic in gathered.traffic.items():
            base = _warm(models[pattern_id], gathered.past.get(pattern_id), traffic)
            said = _nothing_said(traffic)
            one = Followed(base, base.copy(), said, np.zeros(0, bool))
            none = np.zeros(traffic.series.steps, bool)
            one.go_again(traffic, barred.get(pattern_id, none))
            self._followed[pattern_id] = one

    @property
    def grid(self) -> Grid:
        """The steps of the window."""
        return self._gathered.grid

    def look(self, newest: Gathered, learned: Learned) -> tuple[Gathered, Judged]:
        """Judge the steps right after the window, and the window with them.

        Gives all that the window holds, and what is said of it.
        """
        steps = len(newest.grid.seen)
        self._gathered = _after(self._gathered, newest)
        for pattern_id, one in self._followed.items():
            one.go_on(self._gathered.traffic[pattern_id], steps)
        found = self._judge(learned)
        if self._bar(found) and steps > 1:
            found = self._judge(learned)
            self._bar(found)
        seen = self._gathered
        found = replace(found, irregular={p: one.barred for p, one in self._followed.items()})
        judged = Judged(found, {p: one.said for p, one in self._followed.items()})
        self._let_go(learned.calibration.longest)
        return seen, judged

    def _judge(self, learned: Learned) -> Detected:
        said = {p: one.said for p, one in self._followed.items()}
        return detect(self._gathered.traffic, said, learned, self._gathered.observed)

    def _bar(self, found: Detected) -> bool:
        """Let nobody learn from what is irregular; whether that changes what was learned."""
        again = False
        for pattern_id, one in self._followed.items():
            # What an earlier look found stays found: its scores had more of the past in view.
            barred = one.barred | found.irregular[pattern_id]
            if (barred != one.barred).any():
                one.go_again(self._gathered.traffic[pattern_id], barred)
                again = True
        return again

    def _let_go(self, longest: int) -> None:
        steps = max(len(self.grid.seen) - longest, 0)
        if steps:
            for pattern_id, one in self._followed.items():
                one.let_go(self._gathered.traffic[pattern_id], steps)
            self._gathered = _since(self._gathered, steps)


def _warm(model: Model, past: PatternTraffic | None, traffic: PatternTraffic) -> NextStep:
    """The forecaster after the days before."""
    if past is None:
        return NextStep(model, traffic.series.start_ns)
    day = SECONDS_A_DAY // past.series.step_s
    past = past.slice(max(past.series.steps - CONTEXT_DAYS * day, 0), past.series.steps)
    series = past.series
    gap = (traffic.series.start_ns - series.start_ns) // (series.step_s * NS_PER_S) - series.steps
    if gap > LONGEST_GAP_DAYS * day:
        return NextStep(model, traffic.series.start_ns)
    # What came before it changed for good says nothing about the level of now.
    other = np.zeros(series.steps, bool)
    if series.level is not None:
        other = (series.level != 1.0).any(axis=1)
    warm = NextStep(model, series.start_ns)
    for t in range(series.steps):
        _step(warm, past, t, bool(other[t]))
    for _ in range(gap):
        warm.expect()
        warm.observe(None)
    return warm


def _step(forecaster: NextStep, traffic: PatternTraffic, t: int, barred: bool) -> Forecast:
    series = traffic.series
    said = forecaster.expect(None if series.level is None else series.level[t])
    forecaster.observe(series.calls[t] if series.seen[t] and not barred else None)
    return said


def _nothing_said(traffic: PatternTraffic) -> Forecast:
    none = np.zeros((0, traffic.series.calls.shape[1]))
    return Forecast(none, none, none)


def _after(before: Gathered, newest: Gathered) -> Gathered:
    """Two ranges, one after the other."""
    first, more = before.grid, newest.grid
    if more.start_ns != first.end_ns:
        raise ValueError(f"the newest steps start at {more.start_ns}, the window ends before")
    grid = Grid(first.start_ns, first.step_s, np.concatenate([first.seen, more.seen]))
    traffic = {p: _longer(t, newest.traffic[p]) for p, t in before.traffic.items()}
    seen, now = before.observed, newest.observed
    observed = Observed(
        grid,
        _news(seen.novel, now.novel, len(first.seen), len(more.seen)),
        _workloads(seen, now, len(first.seen), len(more.seen)),
        seen.rpc_of_service | now.rpc_of_service,
        seen.ends | now.ends,
        seen.since_ns,
    )
    return Gathered(grid, traffic, {}, observed)


def _longer(before: PatternTraffic, newest: PatternTraffic) -> PatternTraffic:
    first, more = before.series, newest.series
    level = None
    if first.level is not None or more.level is not None:
        both = [np.ones_like(s.calls) if s.level is None else s.level for s in (first, more)]
        level = np.concatenate(both)
    series = replace(
        first,
        calls=np.concatenate([first.calls, more.calls]),
        seen=np.concatenate([first.seen, more.seen]),
        level=level,
    )
    return PatternTraffic(
        series,
        np.concatenate([before.failures, newest.failures]),
        np.concatenate([before.refusals, newest.refusals]),
        np.concatenate([before.latency_ms, newest.latency_ms]),
    )


def _news(before: list[Novel], newest: list[Novel], known: int, steps: int) -> list[Novel]:
    found = {(n.what, n.name): n for n in before}
    now = {(n.what, n.name): n for n in most_met(newest)}
    joined = []
    for key in found | now:
        one = found.get(key) or now[key]
        parts = [found.get(key), now.get(key)]
        calls, met = (
            np.concatenate(
                [
                    np.zeros(length) if part is None else getattr(part, name)
                    for part, length in zip(parts, (known, steps), strict=True)
                ]
            )
            for name in ("calls", "met")
        )
        joined.append(replace(one, calls=calls, met=met))
    return most_met(joined)


def _workloads(
    before: Observed, newest: Observed, known: int, steps: int
) -> dict[str, dict[str, Floats]]:
    found: dict[str, dict[str, Floats]] = {}
    for service in before.workloads | newest.workloads:
        first, more = (o.workloads.get(service, {}) for o in (before, newest))
        versions = {
            version: np.concatenate(
                [first.get(version, np.zeros(known)), more.get(version, np.zeros(steps))]
            )
            for version in first | more
        }
        busiest = sorted(versions, key=lambda v: -float(versions[v].sum()))[:MOST_VERSIONS]
        found[service] = {v: calls for v, calls in versions.items() if v in busiest}
    return found


def _since(gathered: Gathered, steps: int) -> Gathered:
    """Without the first steps; of news, what was met stays counted."""
    grid = gathered.grid
    left = Grid(grid.start_ns + steps * grid.step_ns, grid.step_s, grid.seen[steps:])
    observed = gathered.observed
    novel = []
    for one in observed.novel:
        met, first_ns = one.met[steps:].copy(), one.first_ns
        if first_ns is None and one.met[:steps].any():
            first_ns = int(grid.starts_ns()[np.argmax(one.met > 0)])
        met[:1] += one.met[:steps].sum()
        novel.append(replace(one, calls=one.calls[steps:], met=met, first_ns=first_ns))
    workloads = {
        s: {v: calls[steps:] for v, calls in versions.items() if calls[steps:].any()}
        for s, versions in observed.workloads.items()
    }
    since_ns = {
        (s, v): observed.since_ns.get((s, v), int(grid.starts_ns()[np.argmax(calls > 0)]))
        for s, versions in observed.workloads.items()
        for v, calls in versions.items()
        if v in workloads[s] and ((s, v) in observed.since_ns or calls[:steps].any())
    }
    return Gathered(
        left,
        {p: t.slice(steps, t.series.steps) for p, t in gathered.traffic.items()},
        {},
        replace(observed, grid=left, novel=novel, workloads=workloads, since_ns=since_ns),
    )
