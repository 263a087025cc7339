"""One core for small products."""

import numpy as np
from threadpoolctl import threadpool_info

from informer.forecasts.one_core import one_core


def blas_threads() -> list[int]:
    return [found["num_threads"] for found in threadpool_info() if found["user_api"] == "blas"]


def test_inside_products_take_one_core_and_afterwards_as_many_as_before() -> None:
    before, square = blas_threads(), np.random.default_rng(0).normal(size=(300, 300))
    with one_core():
        assert set(blas_threads()) == {1}
        alone = square @ square
    with one_core():
        assert np.array_equal(square @ square, alone)
    assert blas_threads() == before
