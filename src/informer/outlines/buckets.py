"""Buckets of latency: eight a doubling from a microsecond on, exactly as the SQL has them."""

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from informer.core.compiled import compiled
from informer.core.types import Floats

Buckets: TypeAlias = npt.NDArray[np.int16]
# Of the cells of a double: the first there is; [c] the bucket of each, and where the next begins.
Edges: TypeAlias = tuple[int, Buckets, Floats]

EIGHTHS = 8
BUCKETS = 512  # more than there are
LEAST_NS = 1000
FINE = 45  # bits of a double that are cut off: a cell of what is left is narrower than a bucket


@compiled
def bucket_in(duration_ns: int, edges: Edges) -> np.int16:
    """The bucket of a duration, by EDGES."""
    first, low, following = edges
    told = np.float64(max(duration_ns, LEAST_NS))
    cell = (told.view(np.int64) >> FINE) - first
    return np.int16(low[cell] + (told >= following[cell]))


def _bucket(duration_ns: float) -> int:
    return math.floor(math.log(max(duration_ns, LEAST_NS) / 1000.0) / math.log(2) * EIGHTHS)


def _least(bucket: int) -> int:
    """The smallest whole number of nanoseconds in a bucket or above it."""
    near = math.floor(1000 * 2 ** (bucket / EIGHTHS))
    spread = 2 + near // 2**50
    low, high = near - spread, near + spread
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _bucket(middle) >= bucket else (middle, high)
    return high


def _edges() -> Edges:
    first = int(np.array([float(LEAST_NS)]).view(np.int64)[0] >> FINE)
    last = int(np.array([float(2**63)]).view(np.int64)[0] >> FINE)
    begins = (np.arange(first, last + 2, dtype=np.int64) << FINE).view(np.float64)
    begins[0] = LEAST_NS
    low = np.array([_bucket(begin) for begin in begins[:-1]], np.int16)
    least = {bucket: float(_least(bucket + 1)) for bucket in set(low.tolist())}
    return first, low, np.array([least[bucket] for bucket in low.tolist()])


EDGES = _edges()
