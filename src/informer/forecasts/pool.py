"""What the patterns of a workspace share: how their traffic goes through the week.

A pattern that was seen for an hour knows its level and nothing of the night. The others do: most
patterns follow one of a few kinds of day. Their shapes are lent to it, each as far as what it did
itself speaks for that shape.

Axes: s shape, w weekday (Monday first), q slot of the day (no shorter than `SLOT_S`), c a way to
leave days out, k daytype (Monday to Friday, weekend), b block of about an hour.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from informer.core.types import Floats, Ints, Json, Series
from informer.forecasts.calendar import (
    DAY_S,
    DAYS,
    HOUR_S,
    SATURDAY,
    WEEK_S,
    slot_count,
    slots,
    starts_s,
    weekdays,
)
from informer.forecasts.counts import fit_spread, log_likelihood
from informer.forecasts.model import since_first_seen
from informer.forecasts.season import Season, learn_season

SLOT_S = 900  # shapes are no finer
MOST_SHAPES = 32  # of the busiest patterns
FEWEST_CALLS = 100.0  # fewer have no shape to lend
LEAST_DAYS = 2  # of history to lend a shape
FLOOR = 0.03  # of every shape is flat: nothing is ever impossible
SPIKIEST = 10.0  # times the mean; jobs by the clock are no example for others
LEAST_SCATTER = 1.0  # deviation of log levels: the next pattern may be of any size
ALIKE = (3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0)
BLOCKS = 48  # an hour of a working day or of a weekend
FLAT_CALLS = 1e9  # nobody had to learn the flat shape
FEWEST_LENDERS = 3  # until then nobody knows how alike patterns are
DAYTYPE = (np.arange(DAYS) >= SATURDAY).astype(np.int64)  # [w]
OF_TYPE = np.stack([DAYTYPE == 0, DAYTYPE == 1])  # [k, w]


@dataclass(frozen=True, slots=True)
class Pool:
    """Shapes of patterns that know theirs, made once for all patterns that learn together."""

    pattern_ids: tuple[str, ...]  # s; the first is '', the flat shape
    shapes: Floats  # [s, w, q], mean 1
    block_calls: Floats  # s, calls that each was learned from, for a block; a thin one says less
    alike: float  # calls that a shape counts for at most, beside own calls of about an hour
    log_level: tuple[float, float]  # of calls a step: mean and deviation
    spread: float  # the usual one
    step_s: int

    @property
    def slot_s(self) -> int:
        """Length of a slot of the shapes."""
        return max(SLOT_S, self.step_s)

    def without(self, pattern_id: str) -> "Pool | None":
        """What is lent to this pattern; None where nobody else has anything to lend."""
        kept = np.array([other != pattern_id for other in self.pattern_ids])
        if kept.sum() < 2:
            return None
        ids = tuple(other for other in self.pattern_ids if other != pattern_id)
        return replace(
            self, pattern_ids=ids, shapes=self.shapes[kept], block_calls=self.block_calls[kept]
        )

    def worth(self, alike: float) -> Floats:
        """Calls that each shape counts for, [s], where patterns are so much alike."""
        return np.asarray(1.0 / (1.0 / alike + 1.0 / self.block_calls), np.float64)

    def to_json(self) -> Json:
        """As a JSON object."""
        return {
            "pattern_ids": list(self.pattern_ids),
            "shapes": np.round(self.shapes, 4).tolist(),
            "block_calls": self.block_calls.tolist(),
            "alike": self.alike,
            "log_level": list(self.log_level),
            "spread": self.spread,
            "step_s": self.step_s,
        }

    @classmethod
    def from_json(cls, value: Json) -> "Pool | None":
        """Back from the JSON object; None from an empty one."""
        if not value:
            return None
        return cls(
            tuple(value["pattern_ids"]),
            np.array(value["shapes"]),
            np.array(value["block_calls"]),
            float(value["alike"]),
            (float(value["log_level"][0]), float(value["log_level"][1])),
            float(value["spread"]),
            int(value["step_s"]),
        )


def pool_of(series: Sequence[Series]) -> Pool | None:
    """What these patterns have in common; None where too few of them know a day."""
    series = [since_first_seen(s) for s in series if s.seen.any()]
    busiest = sorted(series, key=lambda s: (-s.calls[:, 0].sum(), s.graph.pattern_id))
    ids: list[str] = [""]
    shapes: list[Floats] = []
    lenders: list[Series] = []
    spreads: list[float] = []
    for one in (_entry(s) for s in busiest):
        if len(lenders) == MOST_SHAPES or not _may_lend(one):
            continue
        found = learn_season(one)
        shape = _shape(found.season, one.step_s)
        if shape is None:
            continue
        ids.append(one.graph.pattern_id)
        shapes.append(shape)
        lenders.append(one)
        spreads.append(float(fit_spread(found.counts, found.expected, one.seen)[0]))
    if len(lenders) < FEWEST_LENDERS:
        return None
    logs = [np.log((s.calls[:, 0].sum() + 0.5) / s.seen.sum()) for s in series]
    pool = Pool(
        tuple(ids),
        np.stack([np.ones_like(shapes[0]), *shapes]),
        np.array([FLAT_CALLS, *(s.calls[s.seen].sum() / BLOCKS for s in lenders)]),
        ALIKE[0],
        (float(np.mean(logs)), max(float(np.std(logs)), LEAST_SCATTER)),
        float(np.median(spreads)),
        lenders[0].step_s,
    )
    return replace(pool, alike=float(np.median([_alike(pool, s) for s in lenders])))


@dataclass(frozen=True, slots=True)
class Pools:
    """What is lent to models, and what is lent to those that are judged on held-out steps."""

    models: Pool | None = None
    backtests: Pool | None = None


def pools_of(series: Sequence[Series], held_share: float) -> Pools:
    """Both, from the same series; the second knows nothing of the steps that are held out."""
    early = [s.slice(0, int(s.steps * (1.0 - held_share))) for s in series]
    return Pools(pool_of(series), pool_of(early))


@dataclass(frozen=True, slots=True)
class Week:
    """Counts of one rpc by day and slot, beside what acts on them: steps seen times factors."""

    counts: Floats  # [d, q]
    exposure: Floats  # [d, q]
    weekday: Ints  # [d]

    @classmethod
    def of(cls, counts: Floats, exposure: Floats, starts: Ints, slot_s: int) -> "Week":
        """From steps, [t] each."""
        day = starts // DAY_S - starts[0] // DAY_S
        slot = slots(starts, DAY_S, slot_s)
        folded = np.zeros((2, int(day[-1]) + 1, slot_count(DAY_S, slot_s)))
        np.add.at(folded[0], (day, slot), counts)
        np.add.at(folded[1], (day, slot), exposure)
        first = starts[0] // DAY_S
        return cls(folded[0], folded[1], weekdays((first + np.arange(folded.shape[1])) * DAY_S))


def likely_shapes(
    counts: Floats, expected: Floats, pool: Pool, alike: float
) -> tuple[Floats, Floats]:
    """How likely each shape is and the level it implies, [s, c], from [c, k, b] and [s, c, k, b].

    A shape is taken as right up to a gamma factor for every block, worth at most so many calls
    (`alike`), so that no count of calls makes a small likeness a certainty.
    """
    usual = np.exp(pool.log_level[0])
    level = (counts.sum(axis=(-1, -2)) + 0.5) / (expected.sum(axis=(-1, -2)) + 0.5 / usual)
    mean = level[..., None, None] * expected
    told = log_likelihood(
        counts, np.maximum(mean, 1e-9), 1.0 / pool.worth(alike)[:, None, None, None]
    )
    likely = np.where(expected > 0, told, 0.0).sum(axis=(-1, -2))
    likely -= 0.5 * ((np.log(level) - pool.log_level[0]) / pool.log_level[1]) ** 2
    return likely, level


def by_block(values: Floats, slot_s: int) -> Floats:
    """Sums over blocks of about an hour, [..., b] from [..., q]."""
    first = np.arange(0, values.shape[-1], max(1, HOUR_S // slot_s))
    return np.asarray(np.add.reduceat(values, first, axis=-1), np.float64)


def by_daytype(values: Floats, weekday: Ints) -> Floats:
    """Sums over days of one type, [..., k, b] from [..., d, b]."""
    summed = np.einsum("kd,...db->...kb", OF_TYPE[:, weekday].astype(np.float64), values)
    return np.asarray(summed, np.float64)


def _may_lend(one: Series) -> bool:
    long_enough = one.steps * one.step_s >= LEAST_DAYS * DAY_S
    return bool(long_enough and one.calls[one.seen].sum() >= FEWEST_CALLS)


def _entry(series: Series) -> Series:
    """The entry alone: its calls are those of the chains."""
    level = None if series.level is None else series.level[:, :1]
    graph = replace(series.graph, rpc_ids=series.graph.rpc_ids[:1])
    return replace(series, graph=graph, calls=series.calls[:, :1], level=level)


def _shape(season: Season, step_s: int) -> Floats | None:
    """A season through the week, [w, q], mean 1; None where there is none to be lent."""
    if season.period_s not in (HOUR_S, DAY_S, WEEK_S):
        return None
    monday = 4 * DAY_S  # 1970-01-05
    starts = monday + np.arange(DAYS)[:, None] * DAY_S + np.arange(0, DAY_S, step_s)  # [w, p]
    calls = season.expected(starts.ravel(), step_s)[:, 0]
    slot_s = max(SLOT_S, step_s)
    slot = slots(starts.ravel(), DAY_S, slot_s)
    total, steps = np.zeros((2, DAYS, slot_count(DAY_S, slot_s)))
    np.add.at(total, (weekdays(starts.ravel()), slot), calls)
    np.add.at(steps, (weekdays(starts.ravel()), slot), 1.0)
    shape = total / steps
    shape = shape / shape.mean()
    return None if shape.max() > SPIKIEST else (1.0 - FLOOR) * shape + FLOOR


def _alike(pool: Pool, one: Series) -> float:
    """How many calls the shapes of others should have counted for with this pattern."""
    others = pool.without(one.graph.pattern_id)
    assert others is not None
    week = Week.of(
        one.calls[:, 0] * one.seen, one.seen.astype(np.float64), starts_s(one), pool.slot_s
    )
    counts = by_daytype(by_block(week.counts, pool.slot_s), week.weekday)[None]
    acts = by_block(week.exposure * others.shapes[:, week.weekday], pool.slot_s)
    expected = by_daytype(acts, week.weekday)[:, None]
    likely = [special.logsumexp(likely_shapes(counts, expected, others, a)[0]) for a in ALIKE]
    return ALIKE[int(np.argmax(likely))]
