"""The profile of a season: how many calls each slot of a day (hour, week, ...) usually holds.

How smooth it is, is decided by evidence: every form is judged on cycles it was not learned from.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import numpy as np
import numpy.typing as npt
from scipy import special

from informer.core.types import Bools, Floats

JEFFREYS = 0.5  # calls added to all that was seen: nothing is ever impossible
FLAT_CYCLES = 0.05  # how many cycles of evidence the flat mean counts for
WIDEST_SHARE = 8  # the widest kernel is the period divided by this
SHARPNESS = (np.inf, 8.0, 2.0, 0.5, 0.1)  # cycles of evidence the smooth profile counts for
WEEKEND_WEIGHTS = (
    4.0,
    1.0,
    0.25,
)  # cycles of evidence that all days count for in a weekend's profile
FEWEST_SLOTS = 4  # of a season
LEAST_PEAK = 0.2  # autocorrelation of a period that is worth a look
SAME_PEAK = 0.9  # share of the highest peak from which another is as good
LEAST_GAIN = 2.0  # nats by which a weekend of its own must be likelier


@dataclass(frozen=True, slots=True)
class Folded:
    """Counts of one rpc by cycle and slot, [c, p] each; exposure is steps seen times factors."""

    counts: Floats
    exposure: Floats

    def total(self) -> "Folded":
        """The sum of all cycles, [1, p]."""
        return Folded(self.counts.sum(0, keepdims=True), self.exposure.sum(0, keepdims=True))

    def others(self) -> "Folded":
        """For every cycle the sum of all others, [c, p]."""
        total = self.total()
        rest = np.maximum(total.exposure - self.exposure, 0.0)
        return Folded(np.maximum(total.counts - self.counts, 0.0), rest)

    def only(self, cycles: Bools) -> "Folded":
        """Nothing but the cycles that are true in `cycles`, [c]."""
        return Folded(self.counts * cycles[:, None], self.exposure * cycles[:, None])


@dataclass(frozen=True, slots=True)
class Form:
    """How a profile is smoothed: kernel width in slots, and the weight of the smooth one."""

    width: float  # infinite = flat
    weight: float  # in cycles; infinite = smooth only


def forms(period_slots: int) -> Iterator[Form]:
    """Every form a profile of that many slots may take, flat first."""
    yield Form(np.inf, np.inf)
    if period_slots == 1:
        return
    widths = [np.inf]
    while 2.0 ** (len(widths) - 1) <= period_slots / WIDEST_SHARE:
        widths.append(2.0 ** (len(widths) - 1))
    for width in widths:
        yield from (
            Form(width, weight) for weight in SHARPNESS if (width, weight) != (np.inf, np.inf)
        )


def learn_profile(
    folded: Folded, acts: Floats, weekend: Bools | None
) -> tuple[Floats, Floats, float]:
    """Rates of Monday to Friday and of the weekend, [2, p]; those held out, [c, p]; likelihood.

    `acts` [c, p] is what acts on a step besides its slot, learned from other days. `weekend` [c]
    says which cycles are weekends, None where a cycle is not a day.
    """
    others = folded.others()
    likely, form, held = -np.inf, Form(np.inf, np.inf), folded.exposure
    for trial_form, trial in rates_by_form(others):
        gain = _log_poisson(folded.counts, trial * acts)
        if gain > likely:
            likely, form, held = gain, trial_form, trial
    common = rates(folded.total(), form)
    profile = np.concatenate([common, common])
    if weekend is None or not weekend.any() or weekend.all():
        return profile, held, likely
    limit = likely + LEAST_GAIN
    base = held
    for weight in WEEKEND_WEIGHTS:
        parts = [folded.only(mask) for mask in (~weekend, weekend)]
        trials = [_rates_near(part.others(), form, base, weight) for part in parts]
        trial = np.where(weekend[:, None], trials[1], trials[0])
        gain = _log_poisson(folded.counts, trial * acts)
        if gain > limit:
            limit, likely, held = gain, gain, trial
            profile = np.concatenate([_rates_near(p.total(), form, common, weight) for p in parts])
    return profile, held, likely


def rates(total: Folded, form: Form) -> Floats:
    """Calls per unit of exposure, [c, p], each c on its own."""
    ((_, found),) = _rates_in(total, [form])
    return found


def rates_by_form(total: Folded) -> Iterator[tuple[Form, Floats]]:
    """Every form, with the `rates` in it."""
    return _rates_in(total, forms(total.counts.shape[1]))


def _rates_in(total: Folded, offered: Iterable[Form]) -> Iterator[tuple[Form, Floats]]:
    counts, exposure = total.counts, total.exposure
    covered = np.maximum(exposure.sum(axis=1, keepdims=True), JEFFREYS)  # [c, 1]
    flat = FLAT_CYCLES * ((counts.sum(axis=1, keepdims=True) + JEFFREYS) / covered)
    least = JEFFREYS / covered
    for width, alike in groupby(offered, key=lambda form: form.width):
        smooth = (smooth_over(counts, width) + flat) / (smooth_over(exposure, width) + FLAT_CYCLES)
        for form in alike:
            found = smooth
            if not np.isinf(form.weight):
                found = (counts + form.weight * smooth) / (exposure + form.weight)
            yield form, np.asarray(np.maximum(found, least), np.float64)


def repeating_period_steps(calls: Floats, seen: Bools) -> int | None:
    """The highest peak of the autocorrelation of all calls [t, n], where one stands out."""
    total = np.sqrt(np.maximum(calls.sum(axis=1), 0.0))
    total = np.where(seen, total - (total[seen].mean() if seen.any() else 0.0), 0.0)
    longest = len(total) // 3
    if longest < 6 or not total.any():
        return None
    power = np.abs(np.fft.rfft(total, 2 * len(total))) ** 2
    acf = np.fft.irfft(power)[: longest + 2] / np.arange(len(total), 0, -1)[: longest + 2]
    inner = acf[1:-1] / acf[0]
    lags = 1 + np.flatnonzero((acf[1:-1] > acf[:-2]) & (acf[1:-1] >= acf[2:]))
    lags = lags[lags >= FEWEST_SLOTS]
    heights = inner[lags - 1]
    if not len(lags) or heights.max() < LEAST_PEAK:
        return None
    # Twice the period repeats as well as once: of about equal peaks the first one, at its top.
    first = lags[heights >= SAME_PEAK * heights.max()][0]
    near = (lags >= first) & (lags <= 1.1 * first)
    return int(lags[near][np.argmax(heights[near])])


def _rates_near(total: Folded, form: Form, common: Floats, weight: float) -> Floats:
    """Rates, [c, p], that lean on the common ones; a sharp profile is not smoothed on the way."""
    width = form.width if np.isinf(form.weight) else 0.0
    counts, exposure = smooth_over(total.counts, width), smooth_over(total.exposure, width)
    return np.asarray((counts + weight * common) / (exposure + weight), np.float64)


def _log_poisson(counts: Floats, expected: Floats) -> float:
    return float((special.xlogy(counts, np.maximum(expected, 1e-12)) - expected).sum())


def smooth_over(values: Floats, width: float) -> Floats:
    """Mean over neighbouring slots with a Gaussian kernel, [c, p], around the end of the cycle."""
    if width == 0.0:
        return values
    if np.isinf(width):
        return np.broadcast_to(values.mean(axis=1, keepdims=True), values.shape)
    period_slots = values.shape[1]
    turned = np.fft.rfft(values, axis=1) * _kernel(period_slots, width)
    return np.maximum(np.fft.irfft(turned, period_slots, axis=1), 0.0)


@lru_cache(maxsize=64)
def _kernel(period_slots: int, width: float) -> npt.NDArray[np.complex128]:
    """The Fourier transform of a Gaussian kernel around slot 0."""
    away = np.minimum(np.arange(period_slots), period_slots - np.arange(period_slots))
    kernel = np.exp(-0.5 * (away / width) ** 2)
    return np.fft.rfft(kernel / kernel.sum())
