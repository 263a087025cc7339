"""From traffic and forecasts to detections: scores every cell and names what passed."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import pyarrow as pa

from informer.core.types import Bools, Floats, Forecast, Grid, Json, PatternTraffic
from informer.detections.budget import KINDS, kinds_of
from informer.detections.calibrate import Calibration
from informer.detections.changes import Change, find_changes
from informer.detections.days import unsure
from informer.detections.explain import AROUND_A_CHANGE, NEWS_OF_A_CHANGE_S, came_with, kind_of
from informer.detections.guilt import Guilt, Suspect
from informer.detections.latency import times_slower
from informer.detections.novelty import News, Novel, novel_steps
from informer.detections.rows import Rows
from informer.detections.scan import Scan
from informer.detections.streams import Rates, Watched, watch
from informer.detections.walk import Event, Walked, walk

VOLUME = ("calls", "family")  # signals that speak of a whole pattern
STAYING = 0.5  # of its threshold is enough for a cell once its event has begun
CERTAIN_CROWD = 0.95
CROWD_FACTORS = (0.7, 1.3)  # what is between them nobody calls a crowd


@dataclass(frozen=True, slots=True)
class Learned:
    """What detection needs from learning, besides the forecasts."""

    calibration: Calibration
    rates: Rates
    novelty: dict[str, News]
    version_shares: dict[str, dict[str, float]]
    services_of: dict[str, frozenset[str]]  # services on the chains of each pattern
    budget_per_day: float  # of misuse incidents on clean days, novelty included
    kinds_of_day: tuple[bool, bool] = (True, True)  # learned: working days, weekends

    @property
    def thresholds(self) -> dict[str, float]:
        """The score that an incident of each kind takes."""
        return self.calibration.thresholds(self.budget_per_day)


@dataclass(frozen=True, slots=True)
class Observed:
    """What detection needs from the range it looks at, besides the traffic."""

    grid: Grid
    novel: list[Novel]
    workloads: dict[str, dict[str, Floats]]  # service, version: calls at every step, [t]
    rpc_of_service: dict[str, tuple[str, str]]  # its busiest pattern and rpc
    ends: dict[str, tuple[str, str]]  # caller and callee of each rpc
    # Start of the step with the first call of a service's version, where that is none of the range.
    since_ns: dict[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Detected:
    """Detections, the scores they stand out from, and the changes of versions near them."""

    detections: pa.Table  # DETECTIONS
    scores: pa.Table  # every scored cell
    changes: list[Change]
    irregular: dict[str, Bools]  # by pattern, [t]: steps whose volume must teach nobody
    suspects: list[Json]  # rpcs that stood out in an event of volume, beside the one it names


def detect(
    traffic: dict[str, PatternTraffic],
    forecasts: dict[str, Forecast],
    learned: Learned,
    observed: Observed,
) -> Detected:
    """Score every cell of the range and name what passed its threshold."""
    unlearned = unsure(observed.grid, learned.kinds_of_day)
    watched = watch(traffic, forecasts, learned.rates, unlearned)
    calibration = learned.calibration
    inflation = calibration.inflation_of(watched)
    scan = Scan(watched, inflation, np.array(calibration.calm_shape), calibration.longest)
    thresholds = np.array([learned.thresholds[kind] for kind in KINDS])
    walked = walk(scan, watched, observed.grid.seen, thresholds[kinds_of(watched)])
    stands_for = _stands_for(watched, traffic)
    told = _as_told(watched, walked.observed, walked.expected, stands_for)
    walked = replace(walked, observed=told[0], expected=told[1])
    changes = find_changes(observed.workloads, learned.version_shares)
    guilt = Guilt(traffic, forecasts)
    rows = Rows(observed.grid)
    suspects: list[Json] = []
    for event in walked.events:
        kind = kind_of(event, walked.events, watched, learned.services_of, observed.ends, changes)
        stream = watched.streams[event.stream]
        named = [stream.rpc_id]
        if stream.signal in VOLUME:
            found = guilt.of(stream.pattern_ids, event.first, event.last, event.high)
            named = [x.rpc_id for x in found]
            suspects.append(_suspected(stream.pattern_ids[0], found, event, observed.grid))
        _add_event(rows, event, kind, watched, walked, named[0])
    _add_crowds(
        rows, scan, watched, observed.grid, learned.thresholds["volume"], _mean(traffic, traffic)
    )
    _add_changes(rows, changes, observed, learned)
    _add_novel(rows, observed, learned, changes)
    scores = _scores(watched, walked, observed.grid, stands_for)
    irregular = _irregular(watched, walked, scan)
    return Detected(rows.table(), scores, changes, irregular, suspects)


def _suspected(pattern_id: str, found: tuple[Suspect, ...], event: Event, grid: Grid) -> Json:
    guilty, *others = found
    return {
        "pattern_id": pattern_id,
        "rpc_id": guilty.rpc_id,
        "first_ns": grid.start_ns + event.first * grid.step_ns,
        "last_ns": grid.start_ns + event.last * grid.step_ns,
        "others": [asdict(x) for x in others],
    }


def _as_told(
    watched: Watched, observed: Floats, expected: Floats, stands_for: Floats
) -> tuple[Floats, Floats]:
    """The same in calls that those met stand for, and latency in milliseconds; [t, s] each."""
    timed = watched.timed
    observed, expected = observed.copy(), expected.copy()
    observed[:, ~timed] *= stands_for[~timed]
    expected[:, ~timed] *= stands_for[~timed]
    times = times_slower(observed[:, timed], expected[:, timed])
    observed[:, timed] = watched.usual_ms[timed] * times
    expected[:, timed] = watched.usual_ms[timed]
    return observed, expected


def _stands_for(watched: Watched, traffic: dict[str, PatternTraffic]) -> Floats:
    """What one count of each stream stands for, [s]."""
    return np.array([_mean(traffic, stream.pattern_ids) for stream in watched.streams])


def _mean(traffic: dict[str, PatternTraffic], pattern_ids: Iterable[str]) -> float:
    """What one chain of some patterns stands for, all their chains together."""
    series = [traffic[p].series for p in pattern_ids]
    chains = np.array([float(s.calls[:, 0].sum()) for s in series])
    each = np.array([s.stands_for for s in series])
    return float((each * chains).sum() / chains.sum()) if chains.any() else float(each.max())


def _add_event(
    rows: Rows, event: Event, kind: str, watched: Watched, walked: Walked, rpc_id: str
) -> None:
    stream = watched.streams[event.stream]
    signal = "calls" if stream.signal in VOLUME else stream.signal
    for step in range(event.first, event.last + 1):
        score = float(walked.score[step, event.stream])
        limit = float(walked.threshold[step, event.stream])
        limit *= 1.0 if step == event.first else STAYING
        if score < limit:
            continue
        values = (
            float(walked.observed[step, event.stream]),
            float(walked.expected[step, event.stream]),
            score,
            limit,
        )
        window = int(walked.window[step, event.stream])
        rows.add((stream.pattern_ids[0], rpc_id, signal), step, window, values, kind)


def _add_crowds(
    rows: Rows, scan: Scan, watched: Watched, grid: Grid, threshold: float, stands_for: float
) -> None:
    """What moves everything together: certain whichever unit is left out."""
    certain = scan.event.min(axis=1)  # [t]
    observed = stands_for * watched.unit_observed.sum(axis=1)
    expected = stands_for * watched.unit_expected.sum(axis=1)
    largest = watched.streams[0]  # the busiest pattern speaks for all
    for step in np.flatnonzero((certain >= CERTAIN_CROWD) & grid.seen):
        factor = float(observed[step] / max(expected[step], 1e-9))
        if CROWD_FACTORS[0] < factor < CROWD_FACTORS[1]:
            continue
        score = threshold - np.log10(max(1 - certain[step], 1e-12))
        values = (float(observed[step]), float(expected[step]), float(score), threshold)
        cell = (largest.pattern_ids[0], largest.rpc_id, "demand")
        rows.add(cell, int(step), 1, values, "demand")


def _add_changes(rows: Rows, changes: list[Change], observed: Observed, learned: Learned) -> None:
    """Calls of a version since it changed, against those it would have had by its share."""
    threshold = learned.thresholds["volume"]
    for change in changes:
        if change.service not in observed.rpc_of_service:
            continue
        pattern_id, rpc_id = observed.rpc_of_service[change.service]
        versions = observed.workloads[change.service]
        total = np.sum(list(versions.values()), axis=0)  # [t]
        calls = versions.get(change.version, np.zeros_like(total))
        share = learned.version_shares[change.service].get(change.version, 0.0)
        # A version that went is missed until it is back; one that came is news for a while.
        until = change.last if change.what == "gone" else change.first + AROUND_A_CHANGE
        for step in range(change.first, min(until, change.last) + 1):
            since = slice(change.since, step + 1)
            now, usual = float(calls[since].sum()), share * float(total[since].sum())
            values = (now, usual, threshold, threshold)
            window = step + 1 - change.since
            rows.add((pattern_id, rpc_id, "version"), step, window, values, "change")


def _add_novel(
    rows: Rows,
    observed: Observed,
    learned: Learned,
    changes: list[Change],
) -> None:
    grid = observed.grid
    rules = {what: news.rule(learned.budget_per_day) for what, news in learned.novelty.items()}
    since = {version: grid.step_of(ns) for version, ns in observed.since_ns.items()}
    for novel in observed.novel:
        rule = rules[novel.what]
        ends = observed.ends.get(novel.rpc_id, ())
        explained = came_with(
            novel.what,
            _first_met(novel, grid),
            ends,
            learned.services_of.get(novel.pattern_id, frozenset(ends)),
            changes,
            since,
            NEWS_OF_A_CHANGE_S // grid.step_s,
        )
        score = rule.score(grid.step_s)
        for step in novel_steps(novel, rule):
            values = (float(novel.calls[step]), 0.0, score, score)
            cell = (novel.pattern_id, novel.rpc_id, "novelty")
            rows.add(cell, int(step), 1, values, "change" if explained else "novel")


def _first_met(novel: Novel, grid: Grid) -> int:
    """The step that met a thing first, negative where it lies before the range."""
    if novel.first_ns is not None:
        return grid.step_of(novel.first_ns)
    return int(np.argmax(novel.met > 0))


def _irregular(watched: Watched, walked: Walked, scan: Scan) -> dict[str, Bools]:
    """Steps of events of volume, and of crowds, for every pattern they touch; [t] each."""
    crowd = scan.event.min(axis=1) >= CERTAIN_CROWD
    steps = {p: crowd.copy() for x in watched.streams for p in x.pattern_ids}
    for event in walked.events:
        stream = watched.streams[event.stream]
        if stream.signal in VOLUME:
            for pattern_id in stream.pattern_ids:
                steps[pattern_id][event.first : event.last + 1] = True
    return steps


def _scores(watched: Watched, walked: Walked, grid: Grid, stands_for: Floats) -> pa.Table:
    """Every scored cell of every pattern; a family's score counts for each of its patterns."""
    score = walked.score.copy()
    column = {(x.signal, x.pattern_ids[0]): i for i, x in enumerate(watched.streams)}
    for i, stream in enumerate(watched.streams):
        if stream.signal == "family":
            for pattern_id in stream.pattern_ids:
                own = column["calls", pattern_id]
                score[:, own] = np.maximum(score[:, own], walked.score[:, i])
    kept = [i for i, x in enumerate(watched.streams) if x.signal != "family"]
    steps = len(grid.seen)
    counted = ~watched.timed[kept]  # of latency it is the variance of the logarithm
    each = np.where(counted, stands_for[kept], 1.0)
    variance, expected = watched.variance[:, kept] * each**2, watched.expected[:, kept] * each
    spread = np.maximum(variance - counted * expected, 0) / np.maximum(expected, 1e-9) ** 2
    scored = grid.seen[:, None] & (counted | (expected > 0))  # what nobody called took no time
    told = _as_told(watched, watched.observed, watched.expected, stands_for)
    observed, expected = (x[:, kept] for x in told)

    def column_of(values: list[str]) -> pa.Array:
        return pa.array(np.tile(np.array(values, dtype=object), steps), pa.string())

    return pa.table(
        {
            "step_start_ns": np.repeat(grid.starts_ns(), len(kept)),
            "pattern_id": column_of([watched.streams[i].pattern_ids[0] for i in kept]),
            "rpc_id": column_of([watched.streams[i].rpc_id for i in kept]),
            "signal": column_of([watched.streams[i].signal for i in kept]),
            "observed": observed.ravel(),
            "expected": expected.ravel(),
            "spread": spread.ravel(),
            "score": score[:, kept].ravel(),
            "threshold": walked.threshold[:, kept].ravel(),
        }
    ).filter(pa.array(scored.ravel()))
