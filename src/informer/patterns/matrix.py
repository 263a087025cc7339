"""Matrices of few values, which are dense while they are small."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from informer.core.types import Ints

Matrix: TypeAlias = Any  # an array, or one of scipy's sparse ones: the same operators hold for both

# Each step with a sparse matrix takes some 50 microseconds: so many values are multiplied sooner.
_SMALL = 2**16


def matrix(values: npt.NDArray[Any], row: Ints, column: Ints, size: tuple[int, int]) -> Matrix:
    """The matrix with these values, each in a place of its own, and 0 elsewhere."""
    if size[0] * size[1] > _SMALL:
        return sparse.csr_array((values, (row, column)), shape=size)
    made = np.zeros(size, values.dtype)
    made[row, column] = values
    return made


def dense(made: Matrix) -> npt.NDArray[Any]:
    """All values of a matrix."""
    told: npt.NDArray[Any] = made if isinstance(made, np.ndarray) else made.toarray(order="C")
    return told
