"""Which share of a pattern's chains makes which call."""

import numpy as np

from informer.core.types import Floats, Ints
from informer.patterns.forms import Forms

# A call that fewer of its chains make is no part of a pattern: neither of its graph nor of what
# a broken chain may be a part of.
USED = 0.01


def sums(place: Ints, values: Floats, places: int) -> Floats:
    """Values added up by place; [places]."""
    return np.bincount(place, weights=values, minlength=places).astype(np.float64)


def shares(forms: Forms, label: Ints, patterns: int) -> Floats:
    """Share of the whole chains of each pattern that make each call; [m, p], 0..1.

    `label` is the pattern of every shape, -1 = none. Broken chains tell nothing about what a
    pattern does.
    """
    label = np.where(forms.broken, -1, label)
    plain = len(forms.rpcs.plain)
    chains = sums(label[label >= 0], forms.chains[label >= 0], patterns)
    caller = label[forms.call_shape]
    known = caller >= 0
    cell = caller[known] * plain + forms.call_plain[known]
    made = sums(cell, forms.chains[forms.call_shape[known]], patterns * plain)
    made = made.reshape(patterns, plain)
    return np.divide(made, chains[:, None], out=np.zeros_like(made), where=chains[:, None] > 0)
