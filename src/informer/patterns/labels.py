"""Names patterns for people: how a pattern begins, and what sets it apart from its siblings."""

import re
from collections.abc import Sequence

import numpy as np

from informer.core.types import OUTSIDE, Bools, Floats, Ints
from informer.patterns.forms import Plain

# Made by most of a pattern's chains, a call is typical of it.
_TYPICAL = 0.5

# A label is read at a glance: it names no more calls than these.
_MADE, _MISSED = 3, 1

_GRPC_METHOD = re.compile(r"^/?[\w.]+\.\w+/([^/{}]+)$")


def name_patterns(
    plain: Sequence[Plain], entries: Ints, share: Floats, weight: Sequence[Floats]
) -> list[str]:
    """A label for every pattern, [m]; it is for the caller to part two of the same label.

    `entries` [m] is how they begin, `share` [m, p] what each does, `weight` [m] of [p] how much a
    call tells about a chain with that entry.
    """
    typical = share >= _TYPICAL
    typical[np.arange(len(entries)), entries] = False
    labels = []
    for m, entry in enumerate(entries):
        siblings = np.flatnonzero((entries == entry) & (np.arange(len(entries)) != m))
        label = _named(plain[entry])
        if plain[entry][0] != OUTSIDE:
            label = f"{plain[entry][0]}>{label}"
        if len(siblings):
            label += _apart(plain, typical[m], typical[siblings], weight[m])
        labels.append(label)
    return labels


def _apart(plain: Sequence[Plain], own: Bools, others: Bools, weight: Floats) -> str:
    """What one pattern does, [p], and its siblings, [k, p], do not; or the other way round."""
    if not own.any():
        return " alone"
    made, alike = _telling(own, ~others, weight, _MADE)
    missed, _ = _telling(~own, others[alike], weight, _MISSED)
    names = [f" → {_named(plain[call])}" for call, _ in made[:1]]
    names += [f" + {_short(plain, call, others[parted])}" for call, parted in made[1:]]
    names += [f" without {_short(plain, call, own)}" for call, _ in missed]
    return "".join(names)


def _telling(
    usable: Bools, parts: Bools, weight: Floats, at_most: int
) -> tuple[list[tuple[int, Ints]], Ints]:
    """Calls that part a pattern from its siblings, and the siblings still alike.

    `parts` [k, p] says which call parts it from which sibling. Of the calls that part it from any,
    the one that tells most; of equals the one that parts it from the most.
    """
    alike = np.arange(len(parts))
    chosen: list[tuple[int, Ints]] = []
    while len(alike) and len(chosen) < at_most:
        parted = parts[alike].sum(axis=0) * usable
        tells = np.where(parted > 0, weight.round(6), -1.0)
        best = int(np.lexsort((-np.arange(len(usable)), parted, tells))[-1])
        if parted[best] == 0:
            break
        chosen.append((best, alike[parts[alike, best]]))
        alike = alike[~parts[alike, best]]
    return chosen, alike


def _short(plain: Sequence[Plain], call: int, rivals: Bools) -> str:
    """The service alone where the rivals, [..., p], typically call nothing else of it."""
    callee = plain[call][1]
    same = [p for p, (_, other, _, _) in enumerate(plain) if other == callee]
    return _named(plain[call]) if rivals[..., same].any() else callee


def _named(plain: Plain) -> str:
    _, callee, method, _ = plain
    grpc = _GRPC_METHOD.match(method)
    return f"{callee} {grpc[1] if grpc else method}"
