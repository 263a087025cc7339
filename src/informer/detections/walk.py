"""Walks each stream through time: where irregular traffic begins, and where it is calm again.

A window that reaches back into an attack would keep the alarm up long after it and hide the next
one. So when a stream is calm again, its windows start afresh from there.
"""

from dataclasses import dataclass

import numpy as np

from informer.core.types import Bools, Floats, Ints
from informer.detections.calibrate import worth_telling
from informer.detections.scan import Scan
from informer.detections.streams import Watched

CALM_STEPS = (6, 24)  # so long must a stream look ordinary before an event ends
SURELY_SHOWN = 4.6  # calls to expect of an event, for it to show in 99 of 100 cases
CALM_SCORE = 1.3  # ordinary: chance alone would do it one time in twenty
LOOK_AHEAD = 128  # steps to look at once for the end of an event
IN_A_CROWD = 2.0  # added to the threshold of volume and latency: units follow a crowd unevenly


@dataclass(frozen=True, slots=True)
class Event:
    """A stretch of irregular steps of one stream."""

    stream: int
    first: int  # step
    last: int  # step, inclusive
    high: bool
    score: float  # the highest


@dataclass(frozen=True, slots=True)
class Walked:
    """Scores of every cell after all restarts, and the events found."""

    score: Floats  # [t, s]
    threshold: Floats  # [t, s]
    window: Ints  # [t, s], steps of the cell's most telling window
    observed: Floats  # [t, s], over that window
    expected: Floats  # [t, s], likewise, shared demand included
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class _Cells:
    """What is rewritten when a stream starts afresh, all [t, s]."""

    score: Floats
    told: Floats  # the score where the evidence is enough to tell a person, else 0
    high: Bools
    window: Ints
    observed: Floats
    expected: Floats


def walk(scan: Scan, watched: Watched, seen: Bools, threshold: Floats) -> Walked:
    """Find the events of every stream; `seen` [t] masks what was not covered.

    `threshold` [2, s] is that of too much, and that of too little.
    """
    steps, streams = watched.observed.shape
    scored = scan.score_all()
    worth = worth_telling(watched, np.arange(streams), scored.observed, scored.high)
    score = np.where(seen[:, None], scored.score, 0.0)
    told = np.where(worth, score, 0.0)
    crowd = _in_a_crowd(scan, watched)
    limit = np.where(scored.high, threshold[0], threshold[1]) + crowd
    cells = _Cells(score, told, scored.high, scored.window, scored.observed, scored.expected)
    events: list[Event] = []
    for s in np.flatnonzero((told >= limit).any(axis=0)):
        since = 0
        while True:
            over = np.flatnonzero(told[since:, s] >= limit[since:, s])
            if len(over) == 0:
                break
            first = since + int(over[0])
            calm = _calm_from(scan, cells, int(s), first, since)
            peak = float(told[first:calm, s].max())
            events.append(Event(int(s), first, calm - 1, bool(cells.high[first, s]), peak))
            since = calm
            if since >= steps:
                break
            _rescore(scan, watched, int(s), since, cells, seen)
            again = slice(since, since + scan.longest)
            side = np.where(cells.high[again, s], threshold[0, s], threshold[1, s])
            limit[again, s] = side + crowd[again, s]
    return Walked(score, limit, cells.window, cells.observed, cells.expected, tuple(events))


def _in_a_crowd(scan: Scan, watched: Watched) -> Floats:
    """What is added to the threshold of every cell while a crowd moves everything, [t, s]."""
    added = np.zeros(watched.observed.shape)
    judged = watched.unit >= 0
    added[:, judged] += IN_A_CROWD * scan.event[:, watched.unit[judged]]
    added[:, watched.timed] += IN_A_CROWD * scan.event.min(axis=1, keepdims=True)
    return added


def _calm_from(scan: Scan, cells: _Cells, s: int, first: int, since: int) -> int:
    """The first step after `first` from which the stream looks ordinary again.

    Calm must last until the event, had it gone on at the pace of its most telling window, would
    almost certainly have shown: an abuse of a call in ten steps is not over after five quiet ones.
    """
    steps = len(cells.score)
    highest = np.maximum.accumulate(cells.told[first:, s])
    peak = np.maximum.accumulate(
        np.where(cells.told[first:, s] >= highest, np.arange(len(highest)), 0)
    )
    for begins in range(first + 1, steps, LOOK_AHEAD):
        step = np.arange(begins, min(begins + LOOK_AHEAD, steps), dtype=np.int64)
        at = first + peak[step - first]
        excess = np.abs(cells.observed[at, s] - cells.expected[at, s])
        patience = np.ceil(SURELY_SHOWN * cells.window[at, s] / np.maximum(excess, 1e-9))
        # Nor is what only half a day of steps could tell over after a few of them.
        most = np.maximum(CALM_STEPS[1], cells.window[at, s] // 2)
        calm = np.clip(patience, CALM_STEPS[0], most).astype(np.int64)
        since_calm = np.maximum(step + 1 - calm, since)
        recent = scan.score(step, np.full(len(step), s), since_calm)
        ordinary = (recent.score < CALM_SCORE) | (recent.high != cells.high[first, s])
        found = np.flatnonzero(ordinary)
        if len(found):
            return int(step[found[0]])
    return steps


def _rescore(
    scan: Scan,
    watched: Watched,
    s: int,
    since: int,
    cells: _Cells,
    seen: Bools,
) -> None:
    """Score the steps of a stream whose windows reached before `since` with shorter ones."""
    step: Ints = np.arange(since, min(since + scan.longest, len(seen)), dtype=np.int64)
    stream = np.full(len(step), s, dtype=np.int64)
    again = scan.score(step, stream, np.full(len(step), since, dtype=np.int64))
    worth = worth_telling(watched, stream, again.observed, again.high)
    cells.score[step, s] = np.where(seen[step], again.score, 0.0)
    cells.told[step, s] = np.where(worth, cells.score[step, s], 0.0)
    cells.high[step, s] = again.high
    cells.window[step, s] = again.window
    cells.observed[step, s] = again.observed
    cells.expected[step, s] = again.expected
