"""Keeps the ids of patterns stable from one learning run to the next."""

import hashlib
from collections.abc import Sequence

from scipy.optimize import linear_sum_assignment

from informer.core.types import Floats, Ints
from informer.patterns.forms import Forms

# Less of an old pattern's chains found together, and none of the new ones is the old one.
_KEPT = 0.5


def name_clusters(forms: Forms, medoids: Ints, old_ids: Sequence[str], moved: Floats) -> list[str]:
    """An id for every cluster, [m]: an old one where the pattern goes on, else a new one.

    `moved` [old, m] counts the chains of each old pattern by the cluster that its shapes belong
    to now, with one more column for those that belong to none.
    """
    kept = _kept(moved)
    taken = set(old_ids)
    ids = []
    for m, medoid in enumerate(medoids):
        ids.append(old_ids[kept[m]] if m in kept else new_id(forms.shape_ids[medoid], taken))
        taken.add(ids[-1])
    return ids


def new_id(medoid_shape_id: str, taken: set[str]) -> str:
    """A short id that two machines derive alike from the most central shape.

    >>> new_id("5fe8db3c01aa", taken=set())
    'p1c8cf8'
    """
    digest = hashlib.blake2b(medoid_shape_id.encode()).hexdigest()
    names = (f"p{digest[:length]}" for length in range(6, len(digest)))
    return next(name for name in names if name not in taken)


def _kept(moved: Floats) -> dict[int, int]:
    """Which cluster carries on which old pattern: one to one, with as many chains as possible."""
    stayed = moved[:, :-1] * (moved[:, :-1] >= _KEPT * moved.sum(axis=1, keepdims=True))
    old, new = linear_sum_assignment(stayed, maximize=True)
    return {int(n): int(o) for o, n in zip(old, new, strict=True) if stayed[o, n] > 0}
