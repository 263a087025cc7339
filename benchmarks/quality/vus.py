"""VUS-PR: the volume under the surface of precision, recall and tolerance in time.

Paparrizos, Boniol, Palpanas, Tsay, Elmore, Franklin 2022, "Volume Under the Surface: A New Accuracy
Evaluation Measure for Time-Series Anomaly Detection". Labels grow slopes at both ends, a range
that is not found at all costs recall, and the area under precision and recall is averaged over
the lengths of the slopes.

The definition is that of `aeon` (`range_pr_vus_score`), and the tests hold it against numbers from
there. The code is not: aeon 1.6 needs numba, which held numpy below 2.4 for everybody, and it takes
250 thresholds evenly from all steps. Of ten thousand steps these are every fortieth, so that a
perfect score of an attack of thirty steps does not get 1. Here every distinct score is a threshold.

Axes: t step, k threshold.
"""

import numpy as np

from informer.core.types import Bools, Floats, Ints
from quality.world import SLACK_STEPS

BUFFER = 2 * SLACK_STEPS  # a score may be as early or late as an incident may


def vus_pr(malicious: Bools, scores: Floats, seen: Bools, *, buffer: int = BUFFER) -> float:
    """Between 0 and 1, from truth and scores [t] of the steps that were `seen` [t].

    `buffer` is the longest tolerance in steps, half of it before and half behind (aeon's
    `max_buffer_size`). NaN where nothing malicious was seen, or nothing else.
    """
    truth, found = malicious[seen], scores[seen]
    if not truth.any() or truth.all():
        return float("nan")
    if (found == found[0]).all():
        return 0.0  # no surface; aeon's answer
    order = np.argsort(-found, kind="stable")
    # A threshold takes all steps of one score at once: the place of the last of them.
    (last,) = np.nonzero(np.append(np.diff(found[order]) != 0, True))
    return float(np.mean([_area(truth, order, last, length) for length in range(buffer + 1)]))


def _area(truth: Bools, order: Ints, last: Ints, buffer: int) -> float:
    """Area under precision and recall for one length of slopes."""
    weight = _with_slopes(truth, buffer)
    starts, ends = _ranges(weight > 0)
    positive = (truth.sum() + weight.sum()) / 2
    gained = np.cumsum(weight[order])[last]  # [k]
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    # A range is found from the threshold on that takes its highest step.
    first_of = [place[s:e].min() for s, e in zip(starts, ends, strict=True)]
    existence = np.searchsorted(np.sort(first_of), last, side="right") / len(starts)  # [k]
    recall = np.minimum(gained / positive, 1.0) * existence
    precision = gained / (last + 1)
    before = np.concatenate([[1.0], precision[:-1]])
    return float(np.sum(np.diff(recall, prepend=0.0) * (precision + before) / 2))


def _with_slopes(truth: Bools, buffer: int) -> Floats:
    """1 where malicious, falling on both sides to sqrt(1/2) and then to 0; [t]."""
    weight = truth.astype(np.float64)
    if buffer <= 1:
        return weight
    slope, steps = buffer // 2, len(truth)
    for start, end in zip(*_ranges(truth), strict=True):
        behind = np.arange(end - 1, min(end - 1 + slope, steps))
        weight[behind] += np.sqrt(1 - (behind - (end - 1)) / buffer)
        ahead = np.arange(max(start - slope, 0), start)
        weight[ahead] += np.sqrt(1 - (start - ahead) / buffer)
    return np.minimum(weight, 1.0)


def _ranges(inside: Bools) -> tuple[Ints, Ints]:
    """First steps, and those after the last ones, of the stretches that are true."""
    edges = np.diff(inside.astype(np.int8), prepend=0, append=0)
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
