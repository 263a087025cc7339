"""The loss of the network of `diffusion_gru` on stretches, and its gradient, written out in NumPy.

All that does not recur is done for all steps at once; a step of the recurrence is one small product
there and two back. So small a network compiles for longer than it learns.

Axes: t step, c channel, b stretch, n rpc, h hidden, o what diffuses.
"""

from dataclasses import dataclass

import numpy as np

from informer.forecasts.gru_network import FURTHEST, HIDDEN, SAID, WALKS
from informer.forecasts.gru_stretches import Array, Stretches, walked

Params = dict[str, Array]


@dataclass(frozen=True, slots=True)
class _Tape:
    """What the way back needs of the way there; c is b x n in [t, h, c]."""

    states: Array  # [t + 1, h, c], the first is 0
    reset: Array  # [t, h, c]
    update: Array  # [t, h, c]
    candidate: Array  # [t, h, c]
    hidden: Array  # [t, o, b, n]
    made: Array  # [t, b, n], before it is clipped


def loss(params: Params, walks: list[Array], of: Stretches) -> float:
    """Mean deviance of the counts that count."""
    return _told(correction_of(_forward(params, walks, of), of), of)[0]


def correction(params: Params, walks: list[Array], of: Stretches) -> Array:
    """As `gru_network.log_correction`, for stretches, [t, b, n]."""
    return correction_of(_forward(params, walks, of), of)


def correction_of(tape: _Tape, of: Stretches) -> Array:
    """What was made, as the logarithm of a factor, [t, b, n]."""
    return np.clip(of.unit * tape.made, -FURTHEST, FURTHEST)


def gradient(params: Params, walks: list[Array], of: Stretches) -> tuple[float, Params]:
    """The loss, and its slope along every weight."""
    tape = _forward(params, walks, of)
    said = correction_of(tape, of)
    told, slope = _told(said, of)
    slope = np.where(np.abs(said) < FURTHEST, slope * of.unit, 0.0).astype(said.dtype)
    found = {
        "direct": np.einsum("tbn,tcbn->nc", slope, of.own),
        "offset": slope.sum(axis=(0, 1)),
        "say": np.einsum("tbn,tobn->o", slope, tape.hidden),
    }
    of_hidden = slope[:, None] * params["say"][:, None, None] * (1.0 - tape.hidden**2)
    found["diffuse_bias"] = of_hidden.sum(axis=(0, 2, 3))
    states = tape.states[1:]
    filters = params["diffuse"].reshape(HIDDEN, WALKS, SAID)
    of_filters, of_states = np.empty_like(filters), np.zeros_like(states)
    for m in range(WALKS):
        moved = of_hidden if m == 0 else walked(of_hidden, walks[m - 1].T)
        moved = moved.reshape(len(states), SAID, -1)
        of_filters[:, m] = _summed(states, moved)
        of_states += filters[:, m] @ moved
    found["diffuse"] = of_filters.reshape(params["diffuse"].shape)
    drive = _back_through_time(params, tape, of_states)
    earlier = tape.states[:-1]
    found["gates"] = _summed(earlier, drive[:, : 2 * HIDDEN])
    found["candidate"] = _summed(tape.reset * earlier, drive[:, 2 * HIDDEN :])
    found["bias"] = drive.sum(axis=(0, 2))
    of_read = _summed(_flat(of.read), drive)
    own = len(params["read"])
    found["read"], found["read_known"] = of_read[:own], of_read[own:]
    return told, found


def _forward(params: Params, walks: list[Array], of: Stretches) -> _Tape:
    steps, _, b, n = of.read.shape
    read = np.concatenate([params["read"], params["read_known"]])
    drive = read.T @ _flat(of.read)  # [t, 3 h, c]
    drive += params["bias"][:, None]
    drive[:, : 2 * HIDDEN] *= 0.5  # a logistic curve is half a hyperbolic tangent
    of_gates = np.ascontiguousarray(0.5 * params["gates"].T)
    of_candidate = np.ascontiguousarray(params["candidate"].T)
    gates, candidates = drive[:, : 2 * HIDDEN], drive[:, 2 * HIDDEN :]
    states = np.zeros((steps + 1, HIDDEN, b * n), drive.dtype)
    for t in range(steps):
        state, gate, candidate = states[t], gates[t], candidates[t]
        gate += of_gates @ state
        np.tanh(gate, out=gate)
        gate *= 0.5
        gate += 0.5
        candidate += of_candidate @ (gate[:HIDDEN] * state)
        np.tanh(candidate, out=candidate)
        following = states[t + 1]
        np.subtract(state, candidate, out=following)
        following *= gate[HIDDEN:]
        following += candidate
    filters = params["diffuse"].reshape(HIDDEN, WALKS, SAID)
    hidden = np.zeros((steps, SAID, b, n), drive.dtype)
    for m in range(WALKS):
        filtered = (filters[:, m].T @ states[1:]).reshape(hidden.shape)
        hidden += filtered if m == 0 else walked(filtered, walks[m - 1])
    hidden += params["diffuse_bias"][:, None, None]
    np.tanh(hidden, out=hidden)
    made = np.einsum("o,tobn->tbn", params["say"], hidden)
    made += np.einsum("nc,tcbn->tbn", params["direct"], of.own) + params["offset"]
    reset, update = gates[:, :HIDDEN], gates[:, HIDDEN:]
    return _Tape(states, reset, update, candidates, hidden, made)


def _back_through_time(params: Params, tape: _Tape, of_states: Array) -> Array:
    """Slopes along what enters gates and candidate, [t, 3 h, c]; `of_states` is used up."""
    steps, h, c = of_states.shape
    earlier, u, r = tape.states[:-1], tape.update, tape.reset
    candidate_share = (1.0 - u) * (1.0 - tape.candidate**2)
    update_share = (earlier - tape.candidate) * u * (1.0 - u)
    reset_share = earlier * r * (1.0 - r)
    drive = np.empty((steps, 3 * h, c), of_states.dtype)
    carried = np.zeros((h, c), of_states.dtype)
    for t in range(steps - 1, -1, -1):
        slope, into = of_states[t], drive[t]
        slope += carried
        np.multiply(slope, candidate_share[t], out=into[2 * h :])
        np.multiply(slope, update_share[t], out=into[h : 2 * h])
        of_reset = params["candidate"] @ into[2 * h :]
        np.multiply(of_reset, reset_share[t], out=into[:h])
        np.multiply(slope, u[t], out=carried)
        of_reset *= r[t]
        carried += of_reset
        carried += params["gates"] @ into[: 2 * h]
    return drive


def _told(said: Array, of: Stretches) -> tuple[float, Array]:
    """Mean deviance, and its slope along the logarithm of what is expected, [t, b, n]."""
    m = of.base * np.exp(said)
    y, size = of.calls, of.size
    far = (y + size) / (m + size)
    deviance = y * np.log(np.maximum(y, 1e-6) / m) - (y + size) * np.log(far)
    count = max(float(of.counts.sum()) * y.shape[-1], 1.0)
    told = float((deviance * of.counts).sum(dtype=np.float64)) / count
    return told, (far * m - y) * of.counts / np.asarray(count, said.dtype)


def _summed(left: Array, right: Array) -> Array:
    """Products over cells, summed over steps: [t, i, c] and [t, j, c] give [i, j]."""
    return np.asarray((left @ right.swapaxes(1, 2)).sum(axis=0))


def _flat(array: Array) -> Array:
    """[t, c, b, n] as [t, c, b * n]."""
    return array.reshape(*array.shape[:2], -1)
