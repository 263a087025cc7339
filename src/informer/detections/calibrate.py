"""What clean traffic scores, on steps that no forecaster was trained on.

Axes: t step, s stream, u unit, w window.
"""

from dataclasses import dataclass, replace

import numpy as np

from informer.core.types import Bools, Floats, Ints, Json
from informer.detections.budget import KINDS, SHARES_OF_BUDGET, kinds_of
from informer.detections.scan import CALM_SHAPE, WINDOWS, Scan
from informer.detections.streams import Watched
from informer.detections.tail import Tail, fit_tail, guessed_tail

SECONDS_A_DAY = 86_400
LEAST_CALLS = 4.0  # fewer calls than this are no volume
LEAST_HITS = 3.0  # fewer failures or refusals than this are no rise
LARGEST_SQUARE = 16.0  # of a standardised residual: what is irregular must not widen the tails
LONGEST_S, LEAST_LONGEST = 12 * 3600, 48  # what adds up for longer is for the level to tell
FEWEST_WINDOWS = 8  # of a length that clean traffic must hold before windows of it are scored
FEWEST_OF_FEW = 4  # the same of less than `LEAST_DAYS`, where minutes are all there is to add up
# A service that answers from another source for a while calls nobody then: shares leap.
LARGEST_SQUARE_OF_SHARES = 100.0
SHARES = ("share", "failures", "refusals", "latency")  # signals that no forecast makes
PRIOR_WINDOWS = 10.0  # of pooled evidence that every stream's inflation starts from
LEAST_SCORE = 3.0  # what chance does once in a thousand times is news to nobody
MERGE_STEPS, MERGE_S = 12, 3600  # closer exceedances would have been told as one incident
LEAST_DAYS = 0.25  # of clean traffic; from less, nothing is to be learned about rare scores


@dataclass(frozen=True, slots=True)
class Calibration:
    """What clean traffic looked like to the detector."""

    tails: dict[str, Tail]  # by kind: how many incidents of it a clean day brings at which score
    days: float  # of clean traffic it rests on
    longest: int  # window in steps that there was clean traffic enough to calibrate
    calm_shape: tuple[float, ...]  # [w]
    inflation: dict[str, tuple[float, ...]]  # stream key, or signal for streams not known: [w]

    def inflation_of(self, watched: Watched) -> Floats:
        """Variance inflation of every stream, [s, w]."""
        flat = tuple([1.0] * len(WINDOWS))
        rows = [
            self.inflation.get(x.key) or self.inflation.get(x.signal) or flat
            for x in watched.streams
        ]
        return np.array(rows).reshape(-1, len(WINDOWS))

    def thresholds(self, budget_per_day: float) -> dict[str, float]:
        """The score that clean traffic passes as often as each kind's share of a budget allows."""
        return {
            kind: max(self.tails[kind].level(share * budget_per_day), LEAST_SCORE)
            for kind, share in SHARES_OF_BUDGET.items()
        }

    def to_json(self) -> Json:
        """As a JSON object."""
        return {
            "tails": {kind: tail.to_json() for kind, tail in self.tails.items()},
            "days": self.days,
            "longest": self.longest,
            "calm_shape": list(self.calm_shape),
            "inflation": {k: list(v) for k, v in self.inflation.items()},
        }

    @classmethod
    def from_json(cls, value: Json) -> "Calibration":
        """Back from the JSON object."""
        return cls(
            {kind: Tail.from_json(tail) for kind, tail in value["tails"].items()},
            float(value["days"]),
            int(value["longest"]),
            tuple(value["calm_shape"]),
            {k: tuple(v) for k, v in value["inflation"].items()},
        )


def calibrate(
    watched: Watched,
    seen: Bools,
    *,
    step_s: int,
    trained: tuple[Watched, Bools] | None = None,
) -> Calibration:
    """Fit inflation, calm demand and the tail of scores on clean out-of-sample traffic.

    What is expected of shares and latency follows from the calls there were and from no forecast,
    so their scatter may be learned from all that was `trained` on (streams and seen steps), where
    given.

    With little or no clean traffic the tail comes from the number of cells alone.

    Where some steps are of a kind of day that was known, others count for nothing: limits were wide
    on them, and so few scores were high.
    """
    sure = seen & (watched.unsure == 0)
    if float(sure.sum()) * step_s >= LEAST_DAYS * SECONDS_A_DAY:
        seen = sure
    calm_shape = _calm_shape(watched, seen)
    longest = _longest(int(seen.sum()), step_s)
    flat = np.ones((len(watched.streams), len(WINDOWS)))
    inflation, pooled = _inflation(watched, seen, Scan(watched, flat, calm_shape, longest))
    timed, timed_seen = trained or (watched, seen)
    if trained is not None:
        # Nothing forecast that range, so nothing can tell of a crowd in it.
        timed = replace(timed, unit_expected=timed.unit_observed)
        _take_over_shares(inflation, pooled, watched, timed, timed_seen, longest)
    named = {
        x.key: tuple(map(float, row)) for x, row in zip(watched.streams, inflation, strict=True)
    }
    days = float(seen.sum()) * step_s / SECONDS_A_DAY
    shape = tuple(map(float, calm_shape))
    fitted = Calibration({}, days, longest, shape, named | pooled)
    tails = _tails(fitted, watched.part(~watched.timed), seen, step_s)
    tails["latency"] = _tails(fitted, timed.part(timed.timed), timed_seen, step_s)["latency"]
    return replace(fitted, tails=tails)


def _tails(fitted: Calibration, watched: Watched, seen: Bools, step_s: int) -> dict[str, Tail]:
    """How many incidents of each kind these streams bring a clean day at which score."""
    days = float(seen.sum()) * step_s / SECONDS_A_DAY
    kinds = kinds_of(watched)  # [2, s]
    if days < LEAST_DAYS:
        a_day = SECONDS_A_DAY / step_s
        surprising = np.stack([np.ones_like(watched.two_sided), watched.two_sided])  # [2, s]
        sides = [float(((kinds == k) & surprising).sum()) for k in range(len(KINDS))]
        return {
            kind: guessed_tail(max(n, 1.0) * a_day * 2)
            for kind, n in zip(KINDS, sides, strict=True)
        }
    inflation, shape = fitted.inflation_of(watched), np.array(fitted.calm_shape)
    scan = Scan(watched, inflation, shape, fitted.longest)
    scores, high = exceedances(scan, watched)
    told_as = np.where(high, kinds[0], kinds[1])  # [t, s]
    merge_steps = max(MERGE_STEPS, MERGE_S // step_s)
    return {
        kind: fit_tail(
            _by_unit(scores * (seen[:, None] & (told_as == k)), watched), days, merge_steps
        )
        for k, kind in enumerate(KINDS)
    }


def exceedances(scan: Scan, watched: Watched) -> tuple[Floats, Bools]:
    """Scores of all cells, 0 where the evidence is too thin, and whether it is too much; [t, s]."""
    scored = scan.score_all()
    stream = np.arange(len(watched.streams))
    worth = worth_telling(watched, stream, scored.observed, scored.high)
    return np.where(worth, scored.score, 0.0), scored.high


def worth_telling(watched: Watched, stream: Ints, observed: Floats, high: Bools) -> Bools:
    """Whether there is enough to show a person: three refusals, four calls of as many chains.

    `observed` and `high` are [m] or [t, m], `stream` [m].
    """
    rates = np.array([x.signal in ("failures", "refusals") for x in watched.streams])
    least = np.where(rates[stream], LEAST_HITS, LEAST_CALLS)
    return np.asarray(~high | (observed >= least * watched.together[stream]))


def _longest(steps: int, step_s: int) -> int:
    """The longest window that so many clean steps can calibrate, in steps."""
    most = max(LEAST_LONGEST, LONGEST_S // step_s)
    few = steps * step_s < LEAST_DAYS * SECONDS_A_DAY
    fewest = FEWEST_OF_FEW if few else FEWEST_WINDOWS
    fitting = [w for w in WINDOWS if w * fewest <= steps and w <= most]
    return max(fitting, default=WINDOWS[0])


def _calm_shape(watched: Watched, seen: Bools) -> Floats:
    """Gamma shape of the shared factor on ordinary days, for every window; [w]."""
    shapes = []
    observed, expected = watched.unit_observed.sum(axis=1), watched.unit_expected.sum(axis=1)
    for window in WINDOWS:
        o, e = _tumble(observed[seen], window), _tumble(expected[seen], window)
        if len(o) < 8 or e.sum() <= 0:
            shapes.append(CALM_SHAPE)
            continue
        square = np.minimum((o - e) ** 2 / np.maximum(e, 1e-9), LARGEST_SQUARE)
        beyond_chance = max(float(np.average(square - 1, weights=e)), 0.0) / float(e.mean())
        shapes.append(float(np.clip(1 / max(beyond_chance, 1e-9), 20.0, 2000.0)))
    return np.array(shapes)


def _tumble(values: Floats, window: int) -> Floats:
    whole = len(values) // window * window
    return np.asarray(values[:whole].reshape(-1, window).sum(axis=1))


def _inflation(
    watched: Watched, seen: Bools, scan: Scan
) -> tuple[Floats, dict[str, tuple[float, ...]]]:
    """How much wider windows scatter than the model says; [s, w], and pooled per signal."""
    streams = watched.streams
    inflation = np.ones((len(streams), len(WINDOWS)))
    pooled: dict[str, list[float]] = {}
    for w, window in enumerate(WINDOWS):
        if window > scan.longest:
            continue
        observed, expected, variance = (x[seen] for x in scan.residuals(w))  # [t, s]
        square = (observed - expected) ** 2 / np.maximum(variance, 1e-9)
        weight = np.minimum(expected, 1.0) / window  # a window counts once, a thin one less
        total = weight.sum(axis=0)
        shares = np.array([x.signal in SHARES for x in streams])
        largest = np.where(shares, LARGEST_SQUARE_OF_SHARES, LARGEST_SQUARE)  # [s]
        mean = (np.minimum(square, largest) * weight).sum(axis=0)  # [s]
        for signal in sorted({x.signal for x in streams}):
            of = np.array([x.signal == signal for x in streams])
            prior = float((mean[of].sum() + PRIOR_WINDOWS) / (total[of].sum() + PRIOR_WINDOWS))
            one = (mean[of] + PRIOR_WINDOWS * prior) / (total[of] + PRIOR_WINDOWS)
            inflation[of, w] = np.maximum(one, 1.0)
            pooled.setdefault(signal, [1.0] * len(WINDOWS))[w] = max(prior, 1.0)
    return inflation, {k: tuple(v) for k, v in pooled.items()}


def _take_over_shares(
    inflation: Floats,
    pooled: dict[str, tuple[float, ...]],
    watched: Watched,
    trained: Watched,
    seen: Bools,
    longest: int,
) -> None:
    """Replace the inflation of streams without a forecast by that of the whole training range."""
    flat = np.ones((len(trained.streams), len(WINDOWS)))
    scan = Scan(trained, flat, np.full(len(WINDOWS), CALM_SHAPE), longest)
    whole, whole_pooled = _inflation(trained, seen, scan)
    row = {x.key: i for i, x in enumerate(trained.streams)}
    for i, stream in enumerate(watched.streams):
        if stream.signal in SHARES and stream.key in row:
            inflation[i] = whole[row[stream.key]]
    pooled |= {k: v for k, v in whole_pooled.items() if k in SHARES}


def _by_unit(scores: Floats, watched: Watched) -> Floats:
    """The highest score among the streams of each unit: they would be one incident; [t, u]."""
    unit_of = {p: u for u, patterns in enumerate(watched.unit_patterns) for p in patterns}
    unit = np.array([unit_of[x.pattern_ids[0]] for x in watched.streams], dtype=np.int64)
    units = len(watched.unit_patterns)
    highest = [scores[:, unit == u].max(axis=1, initial=0.0) for u in range(units)]
    return np.stack(highest, axis=1)
