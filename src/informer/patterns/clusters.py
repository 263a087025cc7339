"""Clusters whole shapes entry by entry, and joins what was not clustered to what was."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from informer.core.types import LEAST_CHAINS, Bools, Floats, Ints
from informer.patterns.containment import match_broken
from informer.patterns.density import FAR, NONE, cluster, nearest
from informer.patterns.distance import Space
from informer.patterns.forms import Forms
from informer.patterns.usage import shares, sums
from informer.patterns.weights import call_weights

_LEAST_SHARE = 1e-4  # where there are many, one chain in ten thousand is worth no pattern

# The most central shape is sought among so many of the most frequent ones.
_CENTRAL = 1000


@dataclass(frozen=True, slots=True)
class Clusters:
    """Which shapes belong together: s shape, m cluster."""

    label: Ints  # [s], -1 = noise
    distance: Floats  # [s], to the medoid; 1 for noise
    medoid: Ints  # [m], the most central shape


def find_clusters(forms: Forms) -> tuple[Clusters, dict[int, Floats]]:
    """Clusters of the whole shapes; broken ones join the cluster that they are a part of.

    Gives too, by the entry of clusters, what each plain rpc tells about a chain; [p].
    Shapes are taken to be in an order that does not change from run to run: it breaks ties.
    """
    label, distance = np.full(len(forms.chains), NONE), np.ones(len(forms.chains))
    medoids: list[int] = []
    weights: dict[int, Floats] = {}
    worth_one = max(float(LEAST_CHAINS), _LEAST_SHARE * forms.chains.sum())
    came = np.bincount(forms.entry, forms.chains)  # by entry, broken ones too
    density = _density(forms)
    for entry, rows in _by_entry(forms, ~forms.broken):
        chains = forms.chains[rows]
        whole = float(chains.sum())
        if came[entry] < worth_one or whole < LEAST_CHAINS:
            continue
        # Long chains are seldom whole where spans are lost: few whole ones stand for all.
        least = worth_one if whole >= worth_one else worth_one * whole / came[entry]
        least = max(float(LEAST_CHAINS), least)
        weights[entry] = call_weights(forms, entry, rows)
        space = Space.of(forms, weights[entry], rows)
        order = np.lexsort((np.arange(len(rows)), -chains, -density[rows]))
        found = cluster(space, order, density[rows], chains, least)
        for number in np.unique(found[found != NONE]):
            inside = order[found[order] == number]
            medoid = _medoid(space, inside, chains)
            label[rows[inside]] = len(medoids)
            distance[rows[inside]] = space.to_one(inside, medoid)
            medoids.append(int(rows[medoid]))
    clusters = Clusters(label, distance, np.array(medoids, dtype=np.int64))
    return join(forms, ~forms.broken, clusters), weights


def join(forms: Forms, learned: Bools, known: Clusters) -> Clusters:
    """The same clusters with every shape that was not `learned` [s] in one of them, or noise.

    A whole shape joins the nearest learned one of its entry, a broken one what it is a part of.
    """
    label, distance = known.label.copy(), known.distance.copy()
    density = _density(forms)
    for entry, rows in _by_entry(forms, ~forms.broken):
        new, old = rows[~learned[rows]], rows[learned[rows]]
        old_inside = old[known.label[old] != NONE]
        if len(new) == 0 or len(old_inside) == 0:
            continue
        space = Space.of(forms, call_weights(forms, entry, old), rows)
        place = np.full(len(forms.chains), NONE)
        place[rows] = np.arange(len(rows))
        densest = place[old_inside[np.argsort(-density[old_inside], kind="stable")]]
        found = nearest(space, place[new], densest, known.label[rows], within=FAR)
        label[new] = found
        for number in np.unique(found[found != NONE]):
            inside = new[found == number]
            distance[inside] = space.to_one(place[inside], place[known.medoid[number]])
    broken = np.flatnonzero(forms.broken & ~learned)
    share = shares(forms, np.where(learned, known.label, NONE), len(known.medoid))
    chains = sizes(forms, np.where(learned, known.label, NONE), len(known.medoid))
    entries = forms.entry[known.medoid]
    label[broken], distance[broken] = match_broken(forms, broken, share, entries, chains)
    return Clusters(label, distance, known.medoid)


def sizes(forms: Forms, label: Ints, clusters: int) -> Floats:
    """Chains of every cluster, [m]."""
    inside = label != NONE
    return sums(label[inside], forms.chains[inside], clusters)


def _by_entry(forms: Forms, which: Bools) -> list[tuple[int, Ints]]:
    rows = np.flatnonzero(which)
    rows = rows[np.argsort(forms.entry[rows], kind="stable")]
    entries, first = np.unique(forms.entry[rows], return_index=True)
    last = [*first[1:].tolist(), len(rows)]
    spans = zip(entries.tolist(), first.tolist(), last[: len(first)], strict=True)
    return [(entry, rows[a:b]) for entry, a, b in spans]


def _density(forms: Forms) -> Floats:
    """How many whole chains with the same entry make the same calls, however often; [s]."""
    ends = np.searchsorted(forms.call_shape, np.arange(len(forms.chains) + 1))
    calls = [forms.call_plain[a:b].tobytes() for a, b in pairwise(ends)]
    number: dict[tuple[int, bytes], int] = {}
    keys = zip(forms.entry.tolist(), calls, strict=True)
    same = np.array([number.setdefault(key, len(number)) for key in keys], dtype=np.int64)
    return sums(same, np.where(forms.broken, 0.0, forms.chains), len(number))[same]


def _medoid(space: Space, inside: Ints, chains: Floats) -> int:
    """The form nearest to the cluster's chains; `inside` is from dense to sparse."""
    frequent = inside[:_CENTRAL]
    far = [block @ chains[frequent] for _, block in space.blocks(frequent, frequent)]
    return int(frequent[np.concatenate(far).argmin()])
