"""Density-based clustering of the forms with one entry, by their distances and their chains."""

import numpy as np

from informer.core.types import Floats, Ints
from informer.patterns.distance import Space

# Forms so near are variants of one another.
NEAR = 0.15

# What is too rare to be a pattern of its own, or was never learned, may join from farther: there
# is too little of it to know how it varies.
FAR = 2 * NEAR

# A valley between two peaks of density parts them when it is less than half as high as the
# lower one. So a rare form between two pages does not join them, and chance does not part what
# is one.
_VALLEY = 0.5

# So many forms are compared with each other at once; the rest joins the nearest of them.
_EXACT = 4000

NONE = -1


def cluster(space: Space, order: Ints, density: Floats, chains: Floats, least: float) -> Ints:
    """The cluster of every form, [n], numbered by size; -1 = near nothing that is frequent.

    `order` is from dense to sparse, ties broken by the caller. `density` is how many chains make
    the same calls, however often; `chains` how many have the form itself; a cluster holds at
    least `least` of them.

    Persistence-based clustering (Chazal, Guibas, Oudot and Skraba 2013) on weighted points: every
    form joins the nearest denser one within `NEAR`. So there are DBSCAN's core, border and noise,
    but forms are linked uphill only. The most frequent thousands are clustered exactly; what is
    left and near none of them is clustered next.
    """
    label = np.full(len(chains), NONE)
    found, rest = 0, order
    while len(rest):
        batch, rest = rest[:_EXACT], rest[_EXACT:]
        peak = _climb(space, batch, density)
        sizes = np.bincount(peak, weights=chains[batch], minlength=len(batch))
        strong = sizes[peak] >= least
        label[batch[strong]] = found + peak[strong]
        found += len(batch)
        if strong.any():
            rest = np.concatenate([batch[~strong], rest])
            label[rest] = nearest(space, rest, batch[strong], label, within=NEAR)
            rest = rest[label[rest] == NONE]
    known = order[label[order] != NONE]
    stray = order[label[order] == NONE]
    label[stray] = nearest(space, stray, known, label, within=FAR)
    return label


def nearest(space: Space, rows: Ints, known: Ints, label: Ints, *, within: float) -> Ints:
    """The label of the nearest known form; -1 = none is near enough.

    `known` is from dense to sparse; only the densest thousands are asked.
    """
    found = np.full(len(rows), NONE)
    known = known[:_EXACT]
    if len(known) == 0:
        return found
    done = 0
    for block, distance in space.blocks(rows, known):
        best = distance.argmin(axis=1)
        near = distance[np.arange(len(block)), best] <= within
        found[done : done + len(block)] = np.where(near, label[known[best]], NONE)
        done += len(block)
    return found


def _climb(space: Space, order: Ints, density: Floats) -> Ints:
    """The peak of every form in `order`, from dense to sparse, as its place in `order`."""
    height = density[order]
    peak = np.arange(len(order))
    here = 0
    for _, block in space.blocks(order, order):
        for distance in block:
            near = np.flatnonzero(distance[:here] <= NEAR)
            if len(near):
                peak[here] = peak[near[distance[near].argmin()]]
                peaks = peak[near]
                for other in np.unique(peaks[peaks != peak[here]]):
                    high, low = sorted((int(other), int(peak[here])))
                    if height[here] >= _VALLEY * height[low]:
                        peak[: here + 1][peak[: here + 1] == low] = high
            here += 1
    return peak
