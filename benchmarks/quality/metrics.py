"""The figures of one detector on one data set, with intervals: a row of the table.

Axes: t step, n rpc, f figure.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from informer.core.types import Floats, Json
from quality.intervals import interval
from quality.judge import EventFigures
from quality.vus import vus_pr
from quality.world import World

BUDGETS = (1, 5, 20)  # incidents a day
AT_BUDGET_1 = (
    *("precision", "recall", "recall_z8", "recall_z5_8", "recall_novel", "false_per_day"),
    *("delay_steps", "delay_steps_found", "guilty_1", "guilty_3"),
)
DIGITS = 3


def vus_by_pattern(scores: dict[str, Floats], world: World) -> dict[str, float]:
    """VUS-PR of every pattern with malicious steps; its score is that of its highest rpc.

    A detector that says nothing of such a pattern gets 0 for it.
    """
    found = {}
    for pattern_id, malicious in sorted(world.malicious.items()):
        series = world.test[pattern_id].series
        if not malicious[series.seen].any() or malicious[series.seen].all():
            continue
        own = scores.get(pattern_id, np.zeros_like(series.calls))
        found[pattern_id] = vus_pr(malicious, own.max(axis=1), series.seen)
    return found


def summary_row(
    detector: str, vus: Sequence[float], at: Mapping[int, EventFigures], *, seed: int
) -> Json:
    """Figures as [value, low, high], null where there was nothing to count or no end to it.

    `vus` holds VUS-PR of the patterns of all worlds, `at` the events at budgets of 1, 5 and 20
    incidents a day. Intervals are over patterns for VUS-PR, over campaigns and days for the rest.
    """
    row: Json = {"detector": detector, "vus_pr": _mean(np.asarray(vus), seed)}
    for budget in BUDGETS:
        figures = _figures(at[budget], ("f1", "false_per_day"), seed)
        row |= {f"{name}_{budget}": figure for name, figure in figures.items()}
    return row | _figures(at[1], AT_BUDGET_1, seed)


def _mean(values: Floats, seed: int) -> list[float | None]:
    if len(values) == 0:
        return [None, None, None]
    low, high = interval(lambda rng: rng.choice(values, len(values)).mean(keepdims=True), seed=seed)
    return [_told(x) for x in (float(values.mean()), float(low[0]), float(high[0]))]


def _figures(
    figures: EventFigures, names: Sequence[str], seed: int
) -> dict[str, list[float | None]]:
    """Figures by name; every draw takes as many campaigns and as many days as there were."""
    campaigns, days = len(figures.campaigns), len(figures.false_by_day)
    no_one = np.zeros(0, dtype=np.int64)

    def drawn(rng: np.random.Generator) -> Floats:
        of = figures.statistics(
            rng.integers(0, campaigns, campaigns) if campaigns else no_one,
            rng.integers(0, days, days),
        )
        return np.array([of[name] for name in names])

    low, high = interval(drawn, seed=seed)
    value = figures.statistics()
    return {
        name: [_told(x) for x in (value[name], float(low[f]), float(high[f]))]
        for f, name in enumerate(names)
    }


def _told(value: float) -> float | None:
    return round(value, DIGITS) if np.isfinite(value) else None
