"""How much a call tells about what its chain does: the nearer its entry, the more."""

import numpy as np

from informer.core.types import Bools, Floats, Ints
from informer.patterns.forms import Forms
from informer.patterns.matrix import dense, matrix
from informer.patterns.usage import sums

# What a call passes on to the calls it makes, shared among them. So all that lies below a call
# tells about a sixth of what the call itself tells.
PASSED_ON = 0.15

# Two calls exclude each other when they meet in less than a tenth of the chains in which
# chance would have them meet; below five such chains (the usual limit of a chi-square test)
# nobody can tell.
_MEET_AT_MOST = 0.1
_EXPECTED_AT_LEAST = 5.0
_SHARE_AT_LEAST = 0.01

# What so many chains do, all of them do: the others are accidents.
_NEARLY_ALL = 0.95


def call_weights(forms: Forms, entry: int, shapes: Ints) -> Floats:
    """What each plain rpc tells about a chain with this entry; [p], 0 = nothing.

    A walk starts at the entry, and at every call goes on to one of the calls that it usually
    makes, with `PASSED_ON` chance. Where the entry only hands its chains to one of several
    services (a gateway), what it is called tells nothing: the walk starts below it.
    """
    place, at = forms.edges_of(shapes)
    edges = _Edges(place, forms.edge_from[at], forms.edge_to[at], forms.chains[shapes])
    start = np.zeros(len(forms.rpcs.plain))
    path = _way_to_fork(edges, entry, forms.rpcs.to_service)
    if path:
        for relay in path[:-1]:
            start[edges.below(relay)] = PASSED_ON
        start[edges.below(path[-1])] = 1.0
    _, i = forms.calls_of(shapes)
    uncaused = np.setdiff1d(forms.call_plain[i], edges.to)
    start[uncaused] = 1.0
    start[path] = 0.0
    return _walk(start, edges, path)


def _walk(start: Floats, edges: "_Edges", silent: list[int]) -> Floats:
    weight = start
    above, below = edges.distinct()
    made = edges.usual_calls(len(start))
    while True:
        further = weight.copy()
        np.maximum.at(further, below, PASSED_ON * weight[above] / made[above])
        further[silent] = 0.0
        if np.array_equal(further, weight):
            return weight
        weight = further


class _Edges:
    """The edges of some shapes: of which shape, from and to which plain rpc; [e] each."""

    def __init__(self, shape: Ints, above: Ints, to: Ints, chains: Floats) -> None:
        self.shape, self.above, self.to = shape, above, to
        self.chains = chains  # [s]

    def below(self, caller: int) -> Ints:
        """The calls that one call makes."""
        return np.unique(self.to[self.above == caller])

    def distinct(self) -> tuple[Ints, Ints]:
        """Every edge once: from, to."""
        pairs = np.unique(np.stack([self.above, self.to]), axis=1)
        return pairs[0], pairs[1]

    def usual_calls(self, plain: int) -> Floats:
        """How many distinct calls each call makes where it makes any, the mean over chains."""
        code, count = np.unique(self.shape * plain + self.above, return_counts=True)
        shape, above = code // plain, code % plain
        chains = sums(above, self.chains[shape], plain)
        made = sums(above, self.chains[shape] * count, plain)
        return np.divide(made, chains, out=np.ones(plain), where=chains > 0)


def _way_to_fork(edges: _Edges, entry: int, to_service: Bools) -> list[int]:
    """The calls from the entry down to the one that chooses what follows; empty = none.

    Which database answers is no choice.
    """
    path = [entry]
    while True:
        made = edges.above == path[-1]
        below = np.unique(edges.to[made])
        if _chooses(edges, made & to_service[edges.to]):
            return path
        onward = np.isin(edges.above, below)
        through = _only_caller(edges, onward) if onward.any() else None
        if through is None or through in path:
            return []
        path.append(through)


def _only_caller(edges: _Edges, onward: Bools) -> int | None:
    plain = int(edges.above.max()) + 1
    code = np.unique(edges.shape[onward] * plain + edges.above[onward])
    shape, above = code // plain, code % plain
    alone = np.isin(shape, shape[np.flatnonzero(np.diff(shape) == 0)], invert=True)
    chains = edges.chains[np.unique(shape)].sum()
    by_caller = sums(above[alone], edges.chains[shape[alone]], plain)
    caller = int(by_caller.argmax())
    return caller if by_caller[caller] >= _NEARLY_ALL * chains else None


def _chooses(edges: _Edges, made: Bools) -> bool:
    """Whether a call chooses between those it makes: they exclude each other."""
    shape, row = np.unique(edges.shape[made], return_inverse=True)
    call, column = np.unique(edges.to[made], return_inverse=True)
    if len(call) < 2:
        return False
    chains = edges.chains[shape]
    share = sums(column, chains[row], len(call)) / chains.sum()
    return _one_of_many(row, share[column], chains) or _two_apart(row, column, share, chains)


def _one_of_many(row: Ints, share: Floats, chains: Floats) -> bool:
    """Nearly every chain makes exactly one call, beside those that all of them make."""
    chosen = row[share < _NEARLY_ALL]
    count = np.bincount(chosen, minlength=len(chains))
    return bool(chains[count == 1].sum() >= _NEARLY_ALL * chains.sum())


def _two_apart(row: Ints, column: Ints, share: Floats, chains: Floats) -> bool:
    """Two of the calls that are no rarity meet far less often than chance would have them meet."""
    often = np.flatnonzero(share >= _SHARE_AT_LEAST)
    kept = np.isin(column, often)
    row, column = row[kept], np.searchsorted(often, column[kept])
    size = (len(chains), len(often))
    has = matrix(np.ones(len(row)), row, column, size)
    weighted = matrix(chains[row], row, column, size)
    together = dense(weighted.T @ has)  # [c, c], chains that make both
    expected = np.outer(share[often], share[often]) * chains.sum()
    apart = (expected >= _EXPECTED_AT_LEAST) & (together < _MEET_AT_MOST * expected)
    return bool(apart.any())
