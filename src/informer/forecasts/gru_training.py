"""How the network of `diffusion_gru` learns: many stretches at once, with gaps, and when to stop.

Truncated backpropagation through whole stretches, one step ahead at every step; Adam (Kingma and
Ba 2015, "Adam: A Method for Stochastic Optimization") along a falling rate.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from informer.forecasts.gru_gradient import Params, gradient, loss
from informer.forecasts.gru_network import HIDDEN, SAID, WALKS, Weights
from informer.forecasts.gru_stretches import LENGTHS, Cut, Lesson, length_for, stretches_for
from informer.forecasts.residuals import OWN, SHARED, STATIC

UPDATES = 8  # between two looks at the held-out steps
CLIP_NORM = 1.0
LEAST_RATE = 0.05  # of the learning rate, at the end
FORGET = (0.9, 0.999)  # of the slope and of its square, an update
LEAST_ROOT = 1e-8
MEMORY = 0.9  # of the mean of weights over updates, which is what is kept
LEAST_GAIN = 2e-4


@dataclass(frozen=True, slots=True)
class GruSchedule:
    """How long and how fast to train."""

    rounds: int = 20  # of `UPDATES` each
    patience: int = 4  # rounds without gain on the held-out steps, more for short series
    learning_rate: float = 0.01


def round_flops(rpcs: int, steps: int) -> float:
    """Operations of the products of one round: what no program can do without.

    The way back costs twice the way there.
    """
    walked = 2 * rpcs * (WALKS - 1) * OWN
    read = 2 * 3 * HIDDEN * (WALKS * OWN + STATIC + SHARED)
    recurred = 2 * 3 * HIDDEN * HIDDEN
    said = 2 * SAID * (HIDDEN * WALKS + rpcs * (WALKS - 1))
    cells = UPDATES * stretches_for(rpcs) * length_for(steps) * rpcs
    return float(cells * (walked + 3 * (read + recurred + said)))


def train(
    weights: Weights,
    lesson: Lesson,
    schedule: GruSchedule,
    *,
    seed: int,
    watch: Callable[[float], None] = lambda loss: None,
) -> Weights:
    """The mean of weights that told the held-out steps best, those given included.

    An update that is not finite is left out; where none is, the weights come back as they were.
    `watch` hears the loss of the held-out steps at every look.
    """
    rng = np.random.default_rng(seed)
    stretches = stretches_for(lesson.calls.shape[1])
    length = length_for(lesson.calls.shape[0])
    cut = Cut(lesson, length)
    patience = schedule.patience * LENGTHS[0] // length  # a short series teaches less a round
    held = cut.held(stretches)
    flat = np.concatenate([np.ravel(w) for w in weights.values()]).astype(np.float32)
    adam, mean = _Adam(len(flat), schedule), flat
    best, best_loss, waited = mean, np.inf, 0
    for i in range(schedule.rounds + 1):
        told = loss(_shaped(mean, weights), cut.walks, held)
        watch(told)
        if told < best_loss - LEAST_GAIN:
            best, best_loss, waited = mean, told, 0
        else:
            waited += 1
            if waited >= patience or i == schedule.rounds:
                break
        for _ in range(UPDATES):
            batch = cut.drawn(stretches, 1 + i % (len(lesson.views) - 1), rng)
            slope = gradient(_shaped(flat, weights), cut.walks, batch)[1]
            flat = flat + adam.change(np.concatenate([np.ravel(slope[k]) for k in weights]))
            mean = MEMORY * mean + (1.0 - MEMORY) * flat
    return _shaped(best, weights)


class _Adam:
    """Where the next update goes, from the slopes so far."""

    def __init__(self, size: int, schedule: GruSchedule) -> None:
        self._schedule = schedule
        self._slope, self._square = np.zeros((2, size), np.float32)
        self._done = 0

    def change(self, slope: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """What to add to the weights; nothing for a slope that is not finite."""
        norm = float(np.sqrt(np.square(slope, dtype=np.float64).sum()))
        if not np.isfinite(norm):
            return np.zeros_like(slope)
        s, (slow, slower) = self._schedule, FORGET
        slope = slope * np.float32(min(1.0, CLIP_NORM / max(norm, LEAST_ROOT)))
        progress = min(self._done / (s.rounds * UPDATES), 1.0)
        fallen = LEAST_RATE + (1.0 - LEAST_RATE) * 0.5 * (1.0 + np.cos(np.pi * progress))
        self._done += 1
        self._slope = slow * self._slope + (1.0 - slow) * slope
        self._square = slower * self._square + (1.0 - slower) * slope**2
        mean = self._slope / (1.0 - slow**self._done)
        root = np.sqrt(self._square / (1.0 - slower**self._done)) + LEAST_ROOT
        return np.asarray(-s.learning_rate * fallen * mean / root, np.float32)


def _shaped(flat: npt.NDArray[np.float32], like: Weights) -> Params:
    """One vector as weights by name."""
    found, begin = {}, 0
    for name, weight in like.items():
        found[name] = flat[begin : begin + weight.size].reshape(weight.shape)
        begin += weight.size
    return found
