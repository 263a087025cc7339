"""The part of the traffic that everybody shares: a flash crowd moves everything together.

The shared factor d multiplies what was expected of every unit. Most of the time it is close to 1;
sometimes (a sale, a holiday, an outage upstream) it is anything. Its posterior comes from the
OTHER units, so that a unit never explains itself, and without the one that stands out most, so
that an attack on one unit does not make the rest look quiet.

Axes: m cell, u unit, c component of the mixture (calm, event).
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from informer.core.types import Floats, Ints

EVENT_PRIOR = 0.1  # how readily we believe that something moves everything
SUREST = 0.98  # and how sure the steps before may make us
EVENT_SHAPE = 1.5  # then the factor is Gamma(1.5, 1.5): wide
EVENT_UNEVEN = 0.15  # and units follow it unevenly: variance of a unit's own part of the factor
STANDS_OUT = 3.0  # standard deviations


@dataclass(frozen=True, slots=True)
class Demand:
    """Posterior of the shared factor: a mixture of two Gamma distributions."""

    shape: Floats  # [m, c]
    rate: Floats  # [m, c]
    weight: Floats  # [m, c], sums to 1 over c

    @property
    def mean(self) -> Floats:
        """Posterior mean of the factor, [m]."""
        return np.asarray((self.weight * self.shape / self.rate).sum(axis=1))

    @property
    def variance(self) -> Floats:
        """Posterior variance of the factor, [m]."""
        square = self.shape * (self.shape + 1) / self.rate**2  # [m, c]
        square[:, 1] += EVENT_UNEVEN * (self.shape[:, 1] / self.rate[:, 1]) ** 2
        return np.asarray(np.maximum((self.weight * square).sum(axis=1) - self.mean**2, 0))

    @property
    def event(self) -> Floats:
        """Probability that something moves everything, [m]."""
        return np.asarray(self.weight[:, 1])


def demand_of_others(
    observed: Floats, expected: Floats, own: Ints, calm_shape: float, event_prior: Floats
) -> Demand:
    """Posterior of the factor from all units but the own one; [m, u], [m, u], [m].

    `calm_shape` is the Gamma shape of the factor on ordinary days, 1 / its variance;
    `event_prior` [m] is what the steps before say of an event that is going on.
    """
    rows = np.arange(len(own))
    rest = (
        observed.sum(axis=1) - observed[rows, own],
        expected.sum(axis=1) - expected[rows, own],
    )  # [m] each
    if observed.shape[1] > 2:
        standing_out = (observed - expected) / np.sqrt(expected + 1)  # [m, u]
        standing_out[rows, own] = -np.inf
        most = standing_out.argmax(axis=1)
        out = (standing_out[rows, most], observed[rows, most], expected[rows, most])
        rest = _without(*rest, *out)
    return _posterior(*rest, calm_shape, event_prior)


def demand_of_each(
    observed: Floats, expected: Floats, calm_shape: float, event_prior: Floats
) -> Demand:
    """Posteriors for every unit, as `demand_of_others` gives them; all [t, u], fields [t * u, c].

    The two units that stand out most are found once for a step, not once for each unit.
    """
    units = observed.shape[1]
    rest = (
        observed.sum(axis=1, keepdims=True) - observed,
        expected.sum(axis=1, keepdims=True) - expected,
    )  # [t, u] each
    if units > 2:
        rows = np.arange(len(observed))[:, None]
        standing_out = (observed - expected) / np.sqrt(expected + 1)
        first, second = np.argsort(-standing_out, axis=1, kind="stable")[:, :2].T[:, :, None]
        most = np.where(first == np.arange(units), second, first)  # [t, u]
        out = (standing_out[rows, most], observed[rows, most], expected[rows, most])
        rest = _without(*rest, *out)
    return _posterior(rest[0].ravel(), rest[1].ravel(), calm_shape, event_prior.ravel())


def _without(
    observed: Floats,
    expected: Floats,
    standing_out: Floats,
    its_observed: Floats,
    its_expected: Floats,
) -> tuple[Floats, Floats]:
    """Sums of the others without the one that stands out most, where it does; any shape."""
    total = (observed + 1) / (expected + 1)
    # A unit that merely follows the common rise does not stand out.
    own_rise = (its_observed + 1) / (its_expected + 1)
    out = (standing_out > STANDS_OUT) & (own_rise > 1.3 * total)
    # Differences of sums of floats: what is left of nothing may be a little below it.
    return (
        np.where(out, np.maximum(observed - its_observed, 0), observed),
        np.where(out, np.maximum(expected - its_expected, 0), expected),
    )


def _posterior(
    observed: Floats, expected: Floats, calm_shape: float, event_prior: Floats
) -> Demand:
    prior = np.array([calm_shape, EVENT_SHAPE])  # c
    shape = prior[None, :] + observed[:, None]
    rate = prior[None, :] + expected[:, None]
    # Marginal likelihood of the others' count under each component, up to a common factor.
    evidence = (
        special.gammaln(shape)
        - special.gammaln(prior)[None, :]
        + prior[None, :] * np.log(prior)[None, :]
        - shape * np.log(rate)
    )
    event_prior = np.clip(event_prior, EVENT_PRIOR, SUREST)
    evidence += np.log(np.stack([1 - event_prior, event_prior], axis=1))
    weight = np.exp(evidence - evidence.max(axis=1, keepdims=True))
    return Demand(shape, rate, weight / weight.sum(axis=1, keepdims=True))
