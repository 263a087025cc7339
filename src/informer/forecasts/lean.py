"""A season that leans on the shapes of other patterns, as far as its own calls leave it open.

Axes as in `pool.py`; c runs over the days that are left out one by one, and none of them at last.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import special

from informer.core.types import Floats, Ints, Series
from informer.forecasts.calendar import DAY_S, DAYS, HOUR_S, slots, starts_s, weekdays
from informer.forecasts.pool import (
    DAYTYPE,
    OF_TYPE,
    SPIKIEST,
    Pool,
    Week,
    by_block,
    by_daytype,
    likely_shapes,
)
from informer.forecasts.profile import smooth_over
from informer.forecasts.season import FEWEST_DAYS, Found, Season, log_poisson

WIDTHS_H = (0.5, 1.0, 2.0)  # over which own calls are gathered
USUAL_WIDTH_H = 1.0
TIMES_ALIKE = (0.1, 1.0, 10.0)  # how much more or less than usual a pattern may lean
NATS_BETWEEN = 10.0  # as between forms of a profile: nats are no odds
MOST_NAMED = 3
LEAST_NAMED = 0.1  # share of a shape
LEAST_GAIN = 10.0  # nats per rpc by which a young one must be likelier without a day
SURE_DAYS = 7.0  # of history; then the spread and its calibration know what is left to doubt
MOST_DOUBT = 3.0


@dataclass(frozen=True, slots=True)
class Leaned:
    """A season, and how sure it is."""

    season: Season
    held: Floats  # [t, n], as in `Found`
    doubt: Floats  # [2, p, n], relative variance of the rates themselves
    young: bool  # too short a history for a day of its own
    on: tuple[str, ...] = ()  # the patterns that a young one leans on most


def lean(found: Found, series: Series, pool: Pool | None) -> Leaned:
    """What a series tells of its season, completed by what others do; as found without a pool."""
    own = Leaned(found.season, found.held, np.zeros_like(found.season.rates), young=False)
    days = series.steps * series.step_s / DAY_S
    if pool is None or pool.step_s != series.step_s:
        return own
    young = days < FEWEST_DAYS
    starts = starts_s(series)
    each = [
        _lean_rpc(found.counts[:, i], found.acts[:, i], starts, pool, hold_out=not young)
        for i in range(found.counts.shape[1])
    ]
    slot = _slots_of(pool, series.step_s)  # [p]
    rates = np.stack([one.rates[:, slot] for one in each], axis=-1)  # [w, p, n]
    held = np.stack([one.held for one in each], axis=-1)  # [t, n]
    level = 1.0 if series.level is None else series.level
    gain = log_poisson(found.counts, held * found.acts)  # [n]
    gain -= log_poisson(found.counts, found.expected)
    if found.season.period_s != DAY_S:
        if gain.sum() < (-LEAST_GAIN * len(gain) if young else 0.0):
            return own
        share = np.ones_like(gain)
    else:
        share = special.expit(gain / NATS_BETWEEN)
        rates = share * rates + (1.0 - share) * _completed(found, starts, rates)
    doubt = np.stack([one.doubt[:, slot] for one in each], axis=-1) * share * (days < SURE_DAYS)
    return Leaned(
        _season_of(rates),
        held * level * share + found.held * (1.0 - share),
        np.minimum(doubt, MOST_DOUBT),
        young,
        _named(pool, each[0].share) if young else (),
    )


@dataclass(frozen=True, slots=True)
class _Rpc:
    """One rpc that leans."""

    rates: Floats  # [w, q]
    doubt: Floats  # [k, q]
    held: Floats  # [t]
    share: Floats  # [s], how far it leans on each shape


def _lean_rpc(counts: Floats, acts: Floats, starts: Ints, pool: Pool, *, hold_out: bool) -> _Rpc:
    """The mean of all shapes by how likely they are, bent to what the rpc did itself."""
    week = Week.of(counts, acts, starts, pool.slot_s)
    base, between, worth, share = _base(week, pool, hold_out=hold_out)  # [c, w, q] twice, [c]
    widths = WIDTHS_H if hold_out else (USUAL_WIDTH_H,)
    weights = TIMES_ALIKE if hold_out else (1.0,)
    best: tuple[float, Floats, Floats] | None = None
    for width_h, times in product(widths, weights):
        bent, within = _bend(week, base, width_h * HOUR_S / pool.slot_s, worth * times)
        likely = float(log_poisson(week.counts, _of_days(bent, week) * week.exposure).sum())
        if best is None or likely > best[0]:
            best = likely, bent, within
    assert best is not None
    _, bent, within = best
    by_type = np.stack([between[-1][OF_TYPE[k]].mean(axis=0) for k in (0, 1)])
    day = starts // DAY_S - starts[0] // DAY_S
    held = _of_days(bent, week)[day, slots(starts, DAY_S, pool.slot_s)]
    return _Rpc(bent[-1], by_type + within[-1], held, share)


def _named(pool: Pool, share: Floats) -> tuple[str, ...]:
    """The patterns whose shapes have most of the share, [s]; the flat shape is nobody's."""
    most = np.argsort(-share, kind="stable")[:MOST_NAMED]
    return tuple(pool.pattern_ids[s] for s in most if share[s] >= LEAST_NAMED and s > 0)


def _base(week: Week, pool: Pool, *, hold_out: bool) -> tuple[Floats, Floats, Floats, Floats]:
    """Calls by the shapes of others, and the relative variance between them; [c, w, q] each.

    The third is how many calls they count for, [c], the fourth how far each is leaned on when no
    day is left out, [s].
    """
    acts = by_block(week.exposure * pool.shapes[:, week.weekday], pool.slot_s)  # [s, d, b]
    counts = by_block(week.counts, pool.slot_s)  # [d, b]
    all_counts = by_daytype(counts, week.weekday)[None]  # [c, k, b]
    all_acts = by_daytype(acts, week.weekday)[:, None]  # [s, c, k, b]
    if hold_out:
        one = np.stack([DAYTYPE[week.weekday] == k for k in (0, 1)], axis=1)[
            :, :, None
        ]  # [d, k, 1]
        less_counts = np.maximum(all_counts - one * counts[:, None], 0.0)
        less_acts = np.maximum(all_acts - one * acts[:, :, None], 0.0)
        all_counts = np.concatenate([less_counts, all_counts])
        all_acts = np.concatenate([less_acts, all_acts], axis=1)
    likely, level = likely_shapes(all_counts, all_acts, pool, pool.alike)
    share = special.softmax(likely, axis=0)  # [s, c]
    base = np.einsum("sc,swq->cwq", share * level, pool.shapes)
    square = np.einsum("sc,swq->cwq", share * level**2, pool.shapes**2)
    worth = np.einsum("sc,s->c", share, pool.worth(pool.alike))
    return base, np.maximum(square / base**2 - 1.0, 0.0), worth, share[:, -1]


def _bend(week: Week, base: Floats, width: float, worth: Floats) -> tuple[Floats, Floats]:
    """Rates that own calls bend away from the base; [c, w, q], and their variance, [c, k, q].

    A gamma-Poisson shrinkage of the ratio of both, over a few slots: first of all days together,
    then of Monday to Friday and of the weekend beside that. The base counts for `worth` calls, [c].
    """
    slots_at_once = max(width * np.sqrt(2.0 * np.pi), 1.0)
    held_out = len(base) > 1

    def gathered(counts: Floats, expected: Floats) -> Floats:
        had, due = (smooth_over(x, width) * slots_at_once for x in (counts, expected))
        return np.asarray((had + worth[:, None]) / (due + worth[:, None]), np.float64)

    def parts(days: Ints) -> tuple[Floats, Floats]:
        """Counts and what was expected of some days, without the one left out; [c, q]."""
        exposure = np.zeros((DAYS, week.counts.shape[1]))
        np.add.at(exposure, week.weekday[days], week.exposure[days])
        counts = np.repeat(week.counts[days].sum(axis=0)[None], len(base), axis=0)
        expected = np.einsum("wq,cwq->cq", exposure, base)
        if held_out:
            counts[days] -= week.counts[days]
            expected[days] -= week.exposure[days] * base[days, week.weekday[days]]
        return np.maximum(counts, 0.0), np.maximum(expected, 0.0)

    days = np.arange(len(week.counts))
    counts, expected = parts(days)
    common = gathered(counts, expected)
    bent = base * common[:, None]
    types = DAYTYPE[week.weekday]
    for k in np.unique(types) if len(np.unique(types)) > 1 else []:
        counts, of_type = parts(days[types == k])
        bent[:, OF_TYPE[k]] *= gathered(counts, of_type * common)[:, None]
    within = 1.0 / (worth[:, None] + smooth_over(expected, width) * slots_at_once)
    return bent, np.repeat(within[:, None], 2, axis=1)


def _of_days(rates: Floats, week: Week) -> Floats:
    """The rate of every slot of every day, learned without it where that was done; [d, q]."""
    if len(rates) == 1:
        return np.asarray(rates[0, week.weekday])
    return np.asarray(rates[np.arange(len(week.weekday)), week.weekday])


def _slots_of(pool: Pool, step_s: int) -> Ints:
    """The slot of the pool in which each step of a day lies, [p]."""
    return np.asarray(np.arange(0, DAY_S, step_s) // pool.slot_s, np.int64)


def _completed(found: Found, starts: Ints, leaned: Floats) -> Floats:
    """Its own rates through the week, [w, p, n]; a weekend never met differs as that of others."""
    own = np.asarray(found.season.rates[DAYTYPE] * found.season.weekday[:, None])
    met = set(DAYTYPE[weekdays(starts[(found.acts > 0).any(axis=1)])].tolist())
    if len(met) == 1:
        (known,) = met
        day = leaned.mean(axis=1)  # [w, n]
        times = day[OF_TYPE[1 - known]] / day[OF_TYPE[known]].mean(axis=0)
        # A job by the clock has no weekend.
        spiky = own.max(axis=(0, 1)) > SPIKIEST * own.mean(axis=(0, 1))  # [n]
        own[OF_TYPE[1 - known]] *= np.where(spiky, 1.0, times)[:, None]
    return own


def _season_of(rates: Floats) -> Season:
    """Rates through the week, [w, p, n], as profiles and factors of weekdays."""
    profiles = np.stack([rates[OF_TYPE[k]].mean(axis=0) for k in (0, 1)])
    weekday = rates.sum(axis=1) / profiles[DAYTYPE].sum(axis=1)
    return Season(DAY_S, profiles, weekday)
