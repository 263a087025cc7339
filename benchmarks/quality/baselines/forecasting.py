"""What all baselines share that forecast calls and are surprised by more.

They learn from the first part of the past; the rest of it shows how far their forecasts are off
where they have not learned, and so the spread of what they call surprising. Columns with too few
calls to learn from are expected at their mean.

Axes: t step, c column.
"""

import numpy as np

from informer.core.types import Bools, Floats, Ints
from quality.baselines.count_tail import spread_of, surprise
from quality.baselines.timeline import Timeline

LEARNED = 0.8  # share of the past
FEWEST_CALLS = 200  # in all that is learned


def learned_steps(line: Timeline) -> Bools:
    """The steps of the past to learn from, [t]."""
    return line.past & (np.arange(len(line.seen)) < int(LEARNED * line.now))


def busy_columns(line: Timeline) -> Ints:
    """Columns with enough calls to learn from."""
    return np.flatnonzero(line.counts[learned_steps(line)].sum(axis=0) >= FEWEST_CALLS)


def filled(line: Timeline) -> Floats:
    """Counts [t, c]; a step that was not seen repeats the last one that was."""
    steps = np.arange(len(line.seen))
    last = np.maximum.accumulate(np.where(line.seen, steps, 0))
    return line.counts[last]


def scored(line: Timeline, columns: Ints, expected: Floats) -> dict[str, Floats]:
    """Surprise at the counts of now by pattern, from what some columns, [t, k], were to have."""
    learned = learned_steps(line)
    mean = (line.counts[learned].sum(axis=0) + 0.5) / max(int(learned.sum()), 1)
    whole = np.repeat(mean[None], len(line.seen), axis=0)
    whole[:, columns] = expected
    held = line.past & ~learned
    spread = spread_of(line.counts[held], whole[held])
    return line.by_pattern(surprise(line.counts[line.now :], whole[line.now :], spread))
