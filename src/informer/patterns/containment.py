"""Matches broken chains to the patterns that they are a part of."""

import numpy as np

from informer.core.types import OUTSIDE, Floats, Ints
from informer.patterns.forms import Forms
from informer.patterns.usage import USED

# Less of it known in a pattern, and it is no part of that one.
_CONTAINED = 0.5


def match_broken(
    forms: Forms, rows: Ints, share: Floats, entries: Ints, chains: Floats
) -> tuple[Ints, Floats]:
    """The pattern that contains each broken shape, -1 = none, and how much of it is missing there.

    `share` [m, p] is what the patterns do, `entries` [m] how they begin, `chains` [m] how many
    they have. A call counts the more, the fewer patterns make it. A shape that still has an
    entry of some pattern belongs to one with that entry; of equals, to the one that makes its
    calls most often, then to the one with the most chains.
    """
    pattern, missing = np.full(len(rows), -1), np.ones(len(rows))
    if len(entries) == 0:
        return pattern, missing
    share = _with_lost_callers(forms, share)
    rarity = np.log1p(len(share) / np.maximum(share.sum(axis=0), 1.0))
    place, i = forms.calls_of(rows)
    first = np.searchsorted(place, np.arange(len(rows) + 1))
    for k, row in enumerate(rows):
        entry = int(forms.entry[row])
        same_entry = entries == entry
        if not same_entry.any() and forms.rpcs.plain[entry][0] == OUTSIDE:
            continue
        calls = np.union1d(forms.call_plain[i[first[k] : first[k + 1]]], [entry])
        worth = rarity[calls]
        contained = (share[:, calls] >= USED) @ worth / worth.sum()
        likely = share[:, calls] @ worth
        if same_entry.any():
            contained = np.where(same_entry, contained, 0.0)
        best = np.lexsort((chains, likely, contained.round(9)))[-1]
        if contained[best] >= _CONTAINED:
            pattern[k], missing[k] = best, 1.0 - contained[best]
    return pattern, missing


def _with_lost_callers(forms: Forms, share: Floats) -> Floats:
    """A call whose caller was lost is as usual in a pattern as the same call by any caller."""
    share = share.copy()
    for plain in range(len(forms.rpcs.plain)):
        callers = forms.rpcs.answering(plain)
        if callers[0] != plain or len(callers) > 1:
            share[:, plain] = share[:, callers].max(axis=1)
    return share
