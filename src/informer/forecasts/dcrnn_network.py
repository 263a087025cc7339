"""DCRNN (Li, Yu, Shahabi, Liu 2018, "Diffusion Convolutional Recurrent Neural Network").

A sequence-to-sequence network: an encoder of diffusion convolutional GRU layers reads the past,
a decoder of as many writes the future step by step. Axes: b batch, t past, h future, n rpc,
c channels, m walks.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from informer.forecasts.diffusion import diffuse


class DcgruLayer(eqx.Module):
    """One DCGRU layer (equation 3): a GRU whose matrix products are diffusion convolutions.

    The filters of a concatenated [input, state] are kept apart, so that those of the input act
    on all steps at once. The first third of the columns is the reset gate r, the second the
    update gate u, the last the candidate C.
    """

    of_input: jax.Array  # [c, m, 3 * hidden]
    of_state: jax.Array  # [hidden, m, 2 * hidden]
    of_reset_state: jax.Array  # [hidden, m, hidden]
    bias: jax.Array  # [3 * hidden]

    @classmethod
    def random(
        cls, channels: int, hidden: int, walks: int, rng: np.random.Generator
    ) -> "DcgruLayer":
        """Filters drawn as Glorot and Bengio 2010; the gates begin open, as published."""

        def filters(inputs: int, outputs: int) -> jax.Array:
            limit = np.sqrt(6.0 / (inputs * walks + outputs))
            drawn = rng.uniform(-limit, limit, (inputs, walks, outputs))
            return jnp.asarray(drawn.astype(np.float32))

        bias = np.concatenate([np.ones(2 * hidden), np.zeros(hidden)]).astype(np.float32)
        return cls(
            filters(channels, 3 * hidden),
            filters(hidden, 2 * hidden),
            filters(hidden, hidden),
            jnp.asarray(bias),
        )

    def start(self, batch: int, nodes: int) -> jax.Array:
        """The state before the first step, [b, n, hidden]."""
        return jnp.zeros((batch, nodes, self.of_reset_state.shape[0]))

    def drive(self, sides: jax.Array, x: jax.Array) -> jax.Array:
        """What inputs [b, n, c] add to gates and candidate, [b, n, 3 * hidden]."""
        return diffuse(sides, self.of_input, x) + self.bias

    def step(self, sides: jax.Array, drive: jax.Array, state: jax.Array) -> jax.Array:
        """The next state, [b, n, hidden]."""
        hidden = state.shape[-1]
        gates = jax.nn.sigmoid(drive[..., : 2 * hidden] + diffuse(sides, self.of_state, state))
        reset, update = gates[..., :hidden], gates[..., hidden:]
        candidate = jnp.tanh(
            drive[..., 2 * hidden :] + diffuse(sides, self.of_reset_state, reset * state)
        )
        return update * state + (1.0 - update) * candidate


class DcrnnNetwork(eqx.Module):
    """Encoder, decoder, and the projection of the decoder's last state on one number per rpc."""

    encoder: list[DcgruLayer]
    decoder: list[DcgruLayer]
    projection: jax.Array  # [hidden]
    offset: jax.Array  # []

    @classmethod
    def random(
        cls, *, past: int, future: int, hidden: int, layers: int, walks: int, seed: int
    ) -> "DcrnnNetwork":
        """A network to train; `past` and `future` are the channels of both sides' inputs."""
        rng = np.random.default_rng(seed)
        return cls(
            [DcgruLayer.random(hidden if i else past, hidden, walks, rng) for i in range(layers)],
            [DcgruLayer.random(hidden if i else future, hidden, walks, rng) for i in range(layers)],
            jnp.asarray((rng.normal(size=hidden) / hidden).astype(np.float32)),
            jnp.asarray(np.zeros((), np.float32)),
        )

    def encode(self, sides: jax.Array, past: jax.Array) -> list[jax.Array]:
        """The state of every layer, [b, n, hidden] each, after reading the past [b, t, n, c]."""
        b, t, n, _ = past.shape
        inputs = jnp.swapaxes(past, 0, 1)  # [t, b, n, c]
        states = []
        for layer in self.encoder:
            drives = layer.drive(sides, inputs.reshape(t * b, n, -1)).reshape(t, b, n, -1)

            def step(
                state: jax.Array, drive: jax.Array, layer: DcgruLayer = layer
            ) -> tuple[jax.Array, jax.Array]:
                state = layer.step(sides, drive, state)
                return state, state

            last, inputs = jax.lax.scan(step, layer.start(b, n), drives)
            states.append(last)
        return states

    def decode(
        self,
        sides: jax.Array,
        states: list[jax.Array],
        future: jax.Array,
        truth: jax.Array,
        shown: jax.Array,
        feed: Callable[[jax.Array], jax.Array],
    ) -> jax.Array:
        """One output per step and rpc, [b, h, n].

        `future` [b, h, n, c - 1] is what is known of the steps ahead (their calendar). The first
        input is the GO symbol, 0; then the network's own last output through `feed`, or, where
        `shown` [h] says so, the truth [b, h, n] of the step before (scheduled sampling).
        """
        b, _, n, _ = future.shape

        def step(
            carry: tuple[list[jax.Array], jax.Array],
            given: tuple[jax.Array, jax.Array, jax.Array],
        ) -> tuple[tuple[list[jax.Array], jax.Array], jax.Array]:
            states, value = carry
            known, true, show = given
            x = jnp.concatenate([value[..., None], known], axis=-1)
            new = []
            for layer, state in zip(self.decoder, states, strict=True):
                x = layer.step(sides, layer.drive(sides, x), state)
                new.append(x)
            output = x @ self.projection + self.offset
            return (new, jnp.where(show, true, feed(output))), output

        ahead = (jnp.swapaxes(future, 0, 1), jnp.swapaxes(truth, 0, 1), shown)
        _, outputs = jax.lax.scan(step, (states, jnp.zeros((b, n))), ahead)
        return jnp.swapaxes(outputs, 0, 1)
