"""How far two forms of chain lie apart: a weighted Jaccard distance that forgives omissions."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from informer.core.types import Floats, Ints
from informer.patterns.forms import Forms
from informer.patterns.matrix import Matrix, dense, matrix

Block = npt.NDArray[np.float32]

# Calling twice as often adds so much of a call: an rpc repeated 64 times is still nearer to
# one call than to another rpc.
_DOUBLING = 1 / 16

# Rows of a block of distances, so that memory does not grow with their number squared.
_BLOCK = 512

# The other side of the product is dense up to so many values (128 MiB): four times as fast.
_DENSE = 2**25


@dataclass(frozen=True, slots=True)
class Space:
    """Forms with one entry as points: n rows, f features.

    A feature is a call made at least 2^k times, so that what two forms share is one product.
    """

    weighted: Matrix  # [n, f]
    made: Matrix  # [n, f], 0 or 1
    mass: Block  # [n]

    @classmethod
    def of(cls, forms: Forms, weight: Floats, shapes: Ints) -> "Space":
        """The points of `shapes`, weighted by what calls tell of chains with their entry; [p]."""
        place, i = forms.calls_of(shapes)
        tells = weight[forms.call_plain[i]] > 0
        place, i = place[tells], i[tells]
        times = forms.call_doublings[i] + 1
        row = np.repeat(place, times)
        call = np.repeat(forms.call_plain[i], times)
        doubling = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
        code, column = np.unique(call * 64 + doubling, return_inverse=True)
        value = weight[call] * np.where(doubling == 0, 1.0, _DOUBLING)
        size = (len(shapes), len(code))
        weighted = matrix(value.astype(np.float32), row, column, size)
        made = matrix(np.ones(len(row), np.float32), row, column, size)
        return cls(weighted, made, np.asarray(weighted.sum(axis=1), dtype=np.float32).ravel())

    def blocks(self, rows: Ints, columns: Ints) -> Iterator[tuple[Ints, Block]]:
        """Distances from some points to others, a block of rows at a time: rows, [r, c]."""
        other = self.made[columns].T
        other = dense(other) if np.prod(other.shape) <= _DENSE else other
        mass = self.mass[columns]
        for first in range(0, len(rows), _BLOCK):
            block = rows[first : first + _BLOCK]
            shared = dense(self.weighted[block] @ other)
            yield block, _distance(shared, self.mass[block, None], mass[None, :])

    def to_one(self, rows: Ints, column: int) -> Floats:
        """Distances from some points to one, [r]."""
        blocks = [block[:, 0] for _, block in self.blocks(rows, np.array([column]))]
        return np.concatenate(blocks).astype(np.float64)


def _distance(shared: Block, mass: Block, other: Block) -> Block:
    """0 = the same, 1 = nothing in common.

    The symmetrised Tversky index (Jimenez, Becerra and Gelbukh 2013) with alpha 3/4 and beta 2:
    a call made instead of another counts as in the Jaccard distance, a call left out half as
    much. A chain that ends early or skips a step is a variant; one that does something else
    instead is another kind.
    """
    only, only_other = np.maximum(mass - shared, 0), np.maximum(other - shared, 0)
    apart = 1.5 * np.minimum(only, only_other) + 0.5 * np.maximum(only, only_other)
    whole = shared + apart
    far: Block = np.divide(apart, whole, out=np.zeros_like(apart), where=whole > 1e-6)
    return far
