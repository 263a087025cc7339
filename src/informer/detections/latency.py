"""How long calls usually take, and by how much a step was slower than that.

Latency is no count, yet it is summed over windows like one: a call that took as long as usual
counts 1, and one that took x times as long counts 1 + ln x. So the observed sum over the expected
one, minus 1, is the mean logarithm of how many times slower the calls of a window were.

Axes: t step, n rpc, k step with calls, s stream.
"""

from dataclasses import dataclass, replace

import numpy as np

from informer.core.types import Bools, Floats, PatternTraffic

SIGNAL = "latency"
# A single step is no more surprising than this many standard deviations: now and then a few calls
# take a hundred times as long, on the calmest of days. What lasts is slow.
TAMED = 3.0
# The level drifts by a quarter for no reason that anybody would find: slow is what is surprising
# beyond that.
TOLERATED = 1 + float(np.log(1.25))  # of the expected sum
SLOWER = 1.5  # times the usual; nobody minds less
SLOWER_MS = 10.0  # and nobody waits for less
LEAST_CALLS = 5.0  # in a window, to be told of it
FEWEST_CALLS, FEWEST_STEPS = 50.0, 24  # to learn what is usual
MOST_STEPS = 2000  # to learn from, evenly spread: more would not be more exact
NOT_TIMED_MS = 0.002  # logs without durations: all their calls are in the shortest bucket
STEADIEST = 0.05  # standard deviation of a step's logarithm; a bucket of the histogram is 9 % wide
RATIOS = (0.0, 0.1, 1.0, 10.0)  # of the variance between steps to that within, tried in turn
ROUNDS = 12


@dataclass(frozen=True, slots=True)
class UsualLatency:
    """What the latency of an rpc was while learning, and how its logarithm scatters.

    The logarithm of a step's geometric mean has variance between + within / calls.
    """

    ms: float
    between: float  # from step to step, however many calls
    within: float  # from call to call


def learn_latency(traffic: PatternTraffic, regular: Bools) -> dict[str, UsualLatency]:
    """The usual latency of every rpc with calls enough in the regular steps, [t]."""
    found = {}
    for i, rpc_id in enumerate(traffic.series.graph.rpc_ids):
        calls, ms = traffic.series.calls[:, i], traffic.latency_ms[:, i]
        timed = regular & (calls > 0) & np.isfinite(ms)
        usual = usual_latency(calls[timed], ms[timed])
        if usual is not None:
            found[rpc_id] = usual
    return found


def usual_latency(calls: Floats, ms: Floats) -> UsualLatency | None:
    """Level and scatter of the latency of some steps, both [k]; None where they are too few.

    The variance is fitted in the form that leaves the least of it; what is far off counts as
    `TAMED` standard deviations, for the level as well.
    """
    if len(calls) < FEWEST_STEPS or calls.sum() < FEWEST_CALLS:
        return None
    every = -(-len(calls) // MOST_STEPS)
    calls, log_ms = calls[::every], np.log(ms[::every])
    best, found = np.inf, UsualLatency(0.0, 0.0, 0.0)
    for ratio in RATIOS:
        form = (ratio + 1 / calls) / (ratio + 1)  # [k], of the variance
        level, variance = _robust(calls, log_ms, form)
        left = np.log(variance) + float(np.log(form).mean())
        if left < best:
            between, within = variance * ratio / (ratio + 1), variance / (ratio + 1)
            found = UsualLatency(float(np.exp(level)), max(between, STEADIEST**2), within)
            best = left
    return found if found.ms >= NOT_TIMED_MS else None


def _robust(calls: Floats, log_ms: Floats, form: Floats) -> tuple[float, float]:
    """Level weighted by calls, and the factor of the variance's form; Huber's proposal 2."""
    level = float(np.median(log_ms))
    variance = float(np.median(np.abs(log_ms - level)) ** 2 / np.median(form)) + STEADIEST**2
    for _ in range(ROUNDS):
        most = TAMED * np.sqrt(variance * form)
        level += float(np.average(np.clip(log_ms - level, -most, most), weights=calls))
        square = np.minimum((log_ms - level) ** 2 / form, TAMED**2 * variance)
        variance = max(float(square.mean()), STEADIEST**2)
    return level, variance


def at_level_of(usual: UsualLatency, calls: Floats, ms: Floats) -> UsualLatency:
    """The same scatter around the level of other steps, [t]; as it was where none has calls."""
    timed = (calls > 0) & np.isfinite(ms)
    if not timed.any():
        return usual
    variance = usual.between + usual.within / calls[timed]
    level, _ = _robust(calls[timed], np.log(ms[timed]), variance)
    return replace(usual, ms=float(np.exp(level)))


def slowness(calls: Floats, ms: Floats, usual: UsualLatency) -> tuple[Floats, Floats, Floats]:
    """Observed, expected and variance of every step, [t] each; all 0 in a step without calls."""
    timed = np.isfinite(ms) & (calls > 0)
    expected = np.where(timed, calls, 0.0)
    slower = np.log(np.where(timed, ms, usual.ms) / usual.ms)
    variance = expected**2 * usual.between + expected * usual.within
    return expected * (1 + slower), expected, variance


def tamed(observed: Floats, expected: Floats, variance: Floats) -> Floats:
    """Observed with no step further off than `TAMED` standard deviations; any shape.

    Upwards they begin where what is tolerated ends.
    """
    most = TAMED * np.sqrt(variance)
    return np.asarray(np.clip(observed, expected - most, expected * TOLERATED + most))


def excused(observed: Floats, expected: Floats, load: Floats) -> Floats:
    """Observed, but as usual where a crowd explains it; [t, s].

    `load` [t] is how many times the expected traffic a crowd brings, 1 where there is none: calls
    may be so much slower, and as much beyond it as on any other day.
    """
    slower = times_slower(observed, expected)
    explained = (load > 1)[:, None] & (slower > 1) & (slower <= SLOWER * load[:, None])
    return np.where(explained, expected, observed)


def times_slower(observed: Floats, expected: Floats) -> Floats:
    """How many times the usual latency, geometric mean over the calls; 1 without calls."""
    some = expected > 0
    return np.asarray(np.exp(np.where(some, observed / np.where(some, expected, 1.0) - 1, 0.0)))


def slow_enough(observed: Floats, expected: Floats, usual_ms: Floats) -> Bools:
    """Whether a person would mind: enough calls, slower by half and by some milliseconds."""
    times = times_slower(observed, expected)
    return np.asarray(
        (expected >= LEAST_CALLS) & (times >= SLOWER) & ((times - 1) * usual_ms >= SLOWER_MS)
    )
