"""The network of `diffusion_gru`: a GRU for each rpc, what it reads and what it says diffused.

The state of an rpc has no neighbours: the graph acts on all steps at once, before the recurrence
and after it, so that a step of the recurrence is one small product. This file is the forward pass,
which forecasts need; `gru_gradient.py` has it once more, with the way back, for many stretches.

Axes: t step, n rpc, c channel, m walk, h hidden.
"""

import numpy as np
import numpy.typing as npt

from informer.core.types import Floats
from informer.forecasts.residuals import OWN, SHARED, STATIC, Inputs

HIDDEN = 16
SAID = 8  # channels after the states have diffused: filters first, so few are cheap
WALKS = 5  # the identity, two steps along the calls, two against them
FURTHEST = 2.0  # of the logarithm of the correction
CHUNK = 256  # steps at once: results do not depend on how long the series is

Weight = npt.NDArray[np.float32]
Weights = dict[str, Weight]
PER_RPC = ("direct", "offset")  # all other weights know nothing of the pattern


def random_weights(nodes: int, seed: int) -> Weights:
    """Weights to train; what they say at first is 0 everywhere."""
    rng = np.random.default_rng(seed)

    def drawn(inputs: int, *shape: int) -> npt.NDArray[np.float32]:
        return np.asarray(rng.normal(size=shape) / np.sqrt(inputs), np.float32)

    read = 2 * OWN + STATIC + SHARED
    keep = np.zeros(3 * HIDDEN, np.float32)
    keep[HIDDEN : 2 * HIDDEN] = 1.0  # remember at first
    return {
        "read": drawn(read, WALKS * OWN, 3 * HIDDEN),  # the walks outermost
        "read_known": drawn(read, STATIC + SHARED, 3 * HIDDEN),
        "bias": keep,
        "gates": drawn(HIDDEN, HIDDEN, 2 * HIDDEN),
        "candidate": drawn(HIDDEN, HIDDEN, HIDDEN),
        "diffuse": drawn(2 * HIDDEN, HIDDEN, WALKS, SAID),
        "diffuse_bias": np.zeros(SAID, np.float32),
        "say": np.zeros(SAID, np.float32),
        "direct": np.zeros((nodes, OWN), np.float32),
        "offset": np.zeros(nodes, np.float32),
    }


def log_correction(weights: Weights, sides: Floats, inputs: Inputs) -> Floats:
    """Logarithm of what the network makes of the clock's forecast, [t, n].

    `sides` [n, n * m] as from `walks.supports`, without padding.
    """
    w = {name: np.asarray(array, np.float64) for name, array in weights.items()}
    steps, rpcs = inputs.unit.shape
    state = np.zeros((rpcs, HIDDEN))
    said = np.empty((steps, rpcs))
    for begin in range(0, steps, CHUNK):
        end = min(begin + CHUNK, steps)
        own, known = _chunk(inputs, begin, end)
        drive = _walked(sides, own) @ w["read"] + known @ w["read_known"] + w["bias"]
        states = np.zeros((CHUNK, rpcs, HIDDEN))
        for t in range(end - begin):
            state = gru_step(w, drive[t], state)
            states[t] = state
        hidden = np.tanh(_diffused(sides, w["diffuse"], states) + w["diffuse_bias"])
        made = hidden @ w["say"] + (own * w["direct"]).sum(axis=-1) + w["offset"]
        said[begin:end] = made[: end - begin]
    return np.clip(inputs.unit * said, -FURTHEST, FURTHEST)


class Correction:
    """The network between two steps: `log_correction`, a step at a time."""

    def __init__(self, weights: Weights, sides: Floats) -> None:
        self._w = {name: np.asarray(array, np.float64) for name, array in weights.items()}
        self._sides = sides
        self._state = np.zeros((len(sides), HIDDEN))

    def step(self, own: Floats, static: Floats, shared: Floats, unit: Floats) -> Floats:
        """Logarithm of the correction, [n], from inputs of one step as in `Inputs`."""
        w = self._w
        known = np.concatenate([static, np.broadcast_to(shared, (len(static), len(shared)))], 1)
        read = _walked(self._sides, own[None])[0] @ w["read"]
        self._state = gru_step(w, read + known @ w["read_known"] + w["bias"], self._state)
        hidden = _diffused(self._sides, w["diffuse"], self._state[None])[0]
        said = np.tanh(hidden + w["diffuse_bias"]) @ w["say"]
        said = said + (own * w["direct"]).sum(axis=-1) + w["offset"]
        return np.asarray(np.clip(unit * said, -FURTHEST, FURTHEST))


def gru_step(w: dict[str, Floats], drive: Floats, state: Floats) -> Floats:
    """The next state, [n, h], from what inputs add to gates and candidate, [n, 3 * h]."""
    gates = 1.0 / (1.0 + np.exp(-(drive[:, : 2 * HIDDEN] + state @ w["gates"])))
    reset, update = gates[:, :HIDDEN], gates[:, HIDDEN:]
    candidate = np.tanh(drive[:, 2 * HIDDEN :] + (reset * state) @ w["candidate"])
    return np.asarray(update * state + (1.0 - update) * candidate)


def _chunk(inputs: Inputs, begin: int, end: int) -> tuple[Floats, Floats]:
    """Own inputs and all others of so many steps, [t, n, c] each, padded to a whole chunk."""
    more = CHUNK - (end - begin)
    own = np.pad(inputs.own[begin:end], ((0, more), (0, 0), (0, 0)))
    static = np.pad(inputs.static[begin:end], ((0, more), (0, 0), (0, 0)))
    shared = np.pad(inputs.shared[begin:end], ((0, more), (0, 0)))
    wide = np.broadcast_to(shared[:, None], (*static.shape[:2], shared.shape[-1]))
    return own, np.concatenate([static, wide], axis=-1)


def _walked(sides: Floats, x: Floats) -> Floats:
    """Signals after every walk, [t, n, m * c]: for few channels the cheaper order."""
    t, n, _ = x.shape
    walks = sides.reshape(n, n, -1).transpose(0, 2, 1).reshape(-1, n)  # [n * m, n]
    return np.asarray((walks @ x).reshape(t, n, -1))


def _diffused(sides: Floats, filters: Floats, x: Floats) -> Floats:
    """Signals filtered, then walked in one product, [t, n, o]."""
    t, n, c = x.shape
    filtered = (x.reshape(t * n, c) @ filters.reshape(c, -1)).reshape(t, n * WALKS, -1)
    return np.asarray(sides @ filtered)
