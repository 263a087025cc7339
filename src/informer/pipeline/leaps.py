"""Whether traffic changed for good: what an accepted incident says of the days before it.

Axes: t step, n rpc, c cell.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from informer.core.types import Bools, Floats, Json, Model, PatternTraffic
from informer.detections.streams import Rates
from informer.forecasts.select import forecast_with
from informer.pipeline.accepts import Leap
from informer.pipeline.teaching import unseen

LEAST_GAIN = 3.0  # nats by which a change must be likelier than none
NEVER_BEFORE = 1e6  # times the calls before, of an rpc that there was not


@dataclass(frozen=True, slots=True)
class Leaps:
    """When traffic changed for good, and since when rpcs answer or call each other otherwise."""

    leaps: tuple[Leap, ...]
    other_rates_ns: int | None  # None: shares are what they were


def find_leaps(
    traffic: PatternTraffic, model: Model, rates: Rates, incidents: Sequence[Json]
) -> Leaps:
    """How the traffic of a pattern changed for good with incidents that were accepted.

    `model` and `rates` are those from before them, `traffic` holds all that was kept. An incident
    that is still open lasts. One that was resolved (nights are quiet, and hide what is small)
    lasts when the steps after it look like it rather than like the time before.
    """
    ordered = sorted(incidents, key=lambda i: (i["opened_ns"], i["incident_id"]))
    found: list[Leap] = []
    other_rates_ns = None
    if ordered:
        first = traffic.series.step_starts_ns() >= ordered[0]["opened_ns"]
        expected = forecast_with(model, unseen(traffic, first).series).expected
        observed_shares, expected_shares = _shares(traffic, rates)
    for incident in ordered:
        since_ns = int(incident["opened_ns"])
        steps = _Steps.of(traffic, since_ns, incident["resolved_ns"])
        if steps is None:
            continue
        volume = steps.times(traffic.series.calls, expected)  # [n]
        shares = steps.times(observed_shares, expected_shares)  # [c]
        expected = np.where(steps.since[:, None], expected * volume, expected)
        expected_shares = np.where(steps.since[:, None], expected_shares * shares, expected_shares)
        rpc_ids = traffic.series.graph.rpc_ids
        times = {rpc_ids[i]: float(volume[i]) for i in np.flatnonzero(volume != 1.0)}
        other = bool((shares != 1.0).any())
        other_rates_ns = since_ns if other else other_rates_ns
        found += [Leap(since_ns, times)] if times or other else []
    return Leaps(tuple(found), other_rates_ns)


@dataclass(frozen=True, slots=True)
class _Steps:
    """Which steps say what of a change, [t] each."""

    since: Bools
    inside: Bools  # the incident itself
    after: Bools  # none while it is open
    later: Bools  # what comes with a deploy comes bit by bit: the later half says where it led

    @classmethod
    def of(cls, traffic: PatternTraffic, since_ns: int, resolved_ns: int | None) -> "_Steps | None":
        """Of an incident; None when nothing was seen since."""
        starts, seen = traffic.series.step_starts_ns(), traffic.series.seen
        since = starts >= since_ns
        if not (seen & since).any():
            return None
        over = np.zeros_like(since) if resolved_ns is None else starts >= resolved_ns
        return cls(since, seen & since & ~over, seen & over, _later_half(seen & since))

    def times(self, observed: Floats, expected: Floats) -> Floats:
        """How many times the expected there is now, [c]; 1 where nothing changed for good."""
        factor = _factor(observed, expected, self.inside)
        lasts = _gain(observed, expected, self.inside, factor) > LEAST_GAIN
        if self.after.any():
            lasts &= _gain(observed, expected, self.after, factor) > 0
        return np.where(lasts, _factor(observed, expected, self.later), 1.0)


def later_half(traffic: PatternTraffic, since_ns: int) -> PatternTraffic:
    """Only the later half of the seen steps since then: what a change led to."""
    since = traffic.series.seen & (traffic.series.step_starts_ns() >= since_ns)
    return unseen(traffic, ~_later_half(since))


def _later_half(steps: Bools) -> Bools:
    return np.asarray(steps & (np.cumsum(steps) * 2 > steps.sum()))


def _factor(observed: Floats, expected: Floats, steps: Bools) -> Floats:
    return np.asarray((observed[steps].sum(axis=0) + 1.0) / (expected[steps].sum(axis=0) + 1.0))


def _gain(observed: Floats, expected: Floats, steps: Bools, factor: Floats) -> Floats:
    """By how many nats so many times the expected explains some steps better; [c]."""
    had, due = observed[steps].sum(axis=0), expected[steps].sum(axis=0)
    return np.asarray(had * np.log(factor) - due * (factor - 1.0))


def _shares(traffic: PatternTraffic, rates: Rates) -> tuple[Floats, Floats]:
    """Calls, failures and refusals, and what the calls that there were imply of them; [t, c]."""
    series = traffic.series
    pattern_id, inner = series.graph.pattern_id, series.graph.rpc_ids[1:]
    observed, expected = [], []
    for i, rpc_id in enumerate(inner, start=1):
        observed.append(series.calls[:, i])
        expected.append(rates.implied(series, rpc_id))
    for signal, hits in (("failures", traffic.failures), ("refusals", traffic.refusals)):
        for i, rpc_id in enumerate(series.graph.rpc_ids):
            observed.append(hits[:, i])
            expected.append(series.calls[:, i] * rates.share(signal, pattern_id, rpc_id)[0])
    return np.stack(observed, axis=1), np.stack(expected, axis=1)
