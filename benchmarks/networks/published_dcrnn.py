"""DCRNN in PyTorch as Li et al. (2018) published its layout, to measure against; nothing else.

usage: published_dcrnn.py DATA.npz LEARNED EPOCHS

Two layers of 64 in encoder and decoder, dual random walks with K = 2, 12 steps in and 12 out,
scheduled sampling (tau = 2,000), Adam 0.01 with epsilon 1e-3, batches of 64, gradient norm 5, L1 of
standardised values. Written from the paper's equations; walks first and filters second, as
published. Runs in an environment of its own: it imports nothing of Informer. Prints one JSON
line.
"""

import json
import sys
import time

import numpy as np
import torch
from torch import Tensor, nn

UNITS, LAYERS, K, PAST, FUTURE, BATCH = 64, 2, 2, 12, 12, 64
TAU = 2_000.0


class Diffusion(nn.Module):
    """Equation 2: signals [b, n, c] after 1 + 2 K walks, filtered to [b, n, o]."""

    def __init__(self, channels: int, outputs: int, bias: float) -> None:
        super().__init__()
        self.filters = nn.Linear(channels * (1 + 2 * K), outputs)
        nn.init.xavier_normal_(self.filters.weight)
        nn.init.constant_(self.filters.bias, bias)

    def forward(self, walks: list[Tensor], x: Tensor) -> Tensor:
        found = [x]
        for walk in walks:
            moved = x
            for _ in range(K):
                moved = torch.matmul(walk, moved)
                found.append(moved)
        return self.filters(torch.cat(found, dim=-1))


class Cell(nn.Module):
    """Equation 3."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gates = Diffusion(channels + UNITS, 2 * UNITS, 1.0)
        self.candidate = Diffusion(channels + UNITS, UNITS, 0.0)

    def forward(self, walks: list[Tensor], x: Tensor, state: Tensor) -> Tensor:
        gates = torch.sigmoid(self.gates(walks, torch.cat([x, state], dim=-1)))
        reset, update = gates.split(UNITS, dim=-1)
        candidate = torch.tanh(self.candidate(walks, torch.cat([x, reset * state], dim=-1)))
        return update * state + (1.0 - update) * candidate


class Dcrnn(nn.Module):
    """Sequence to sequence; the input is the value and the time of day."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(Cell(UNITS if i else 2) for i in range(LAYERS))
        self.decoder = nn.ModuleList(Cell(UNITS if i else 1) for i in range(LAYERS))
        self.out = nn.Linear(UNITS, 1)

    def forward(self, walks: list[Tensor], past: Tensor, future: Tensor, shown: float) -> Tensor:
        b, _, n, _ = past.shape
        states = [torch.zeros(b, n, UNITS) for _ in range(LAYERS)]
        for t in range(PAST):
            x = past[:, t]
            for i, cell in enumerate(self.encoder):
                states[i] = x = cell(walks, x, states[i])
        value, made = torch.zeros(b, n, 1), []
        for t in range(FUTURE):
            x = value
            for i, cell in enumerate(self.decoder):
                states[i] = x = cell(walks, x, states[i])
            value = self.out(x)
            made.append(value)
            if float(torch.rand(())) < shown:
                value = future[:, t]
        return torch.stack(made, dim=1)


def main() -> None:
    """Train; print error and CPU time after every epoch, and the error on what comes after."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    path, learned, epochs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    data = np.load(path)
    calls, n = data["calls"], data["calls"].shape[1]
    weight = np.zeros((n, n))
    weight[data["edges"][0], data["edges"][1]] = data["weight"]
    # A root has no degree: a row of zeros, where the published code divides by zero.
    walks = [
        torch.tensor(w / np.maximum(w.sum(1, keepdims=True), 1e-12), dtype=torch.float32)
        for w in (weight, weight.T)
    ]
    fitted = calls[: int(0.875 * learned)]  # 7 : 1 of what is learned, as published
    mean, scale = fitted.mean(axis=0), fitted.std(axis=0)
    values = torch.tensor((calls - mean) / scale, dtype=torch.float32)[..., None]
    clock = torch.tensor(np.arange(len(calls)) % 288 / 288, dtype=torch.float32)
    both = torch.cat([values, clock[:, None, None].expand(-1, n, 1)], dim=-1)
    starts = np.arange(PAST, learned - FUTURE + 1)
    training, validation = starts[starts + FUTURE <= len(fitted)], starts[starts >= len(fitted)]
    model = Dcrnn()
    adam = torch.optim.Adam(model.parameters(), lr=0.01, eps=1e-3)
    looks, updates, epoch_s = [], 0, []

    def windows(at: np.ndarray) -> tuple[Tensor, Tensor]:
        return (
            torch.stack([both[t - PAST : t] for t in at]),
            torch.stack([values[t : t + FUTURE] for t in at]),
        )

    def error(at: np.ndarray, first: int) -> tuple[float, float]:
        """Mean of all steps ahead, and the sum of |observed - expected| of the first, in calls."""
        off, ahead = 0.0, 0.0
        with torch.no_grad():
            for i in range(0, len(at), BATCH):
                past, future = windows(at[i : i + BATCH])
                miss = (model(walks, past, future, 0.0) - future).abs().numpy()[..., 0]
                off += float(miss.mean(axis=(1, 2)).sum())
                ahead += float((miss[:, first] * scale).sum())
        return off / len(at), ahead

    for _ in range(epochs):
        started = time.process_time()
        shuffled = rng.permutation(training)
        for i in range(0, len(shuffled), BATCH):
            past, future = windows(shuffled[i : i + BATCH])
            shown = TAU / (TAU + np.exp(min(updates / TAU, 50.0)))
            loss = (model(walks, past, future, shown) - future).abs().mean()
            adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            adam.step()
            updates += 1
        epoch_s.append(time.process_time() - started)
        looks.append((error(validation, 0)[0], time.process_time()))
        print(f"epoch of {epoch_s[-1]:.1f} s: {looks[-1][0]:.4f}", file=sys.stderr, flush=True)
    test = np.arange(learned, len(calls) - FUTURE + 1)
    wape = error(test, 0)[1] / calls[test].sum()
    result = {"looks": looks, "epoch_s": float(np.mean(epoch_s)), "wape": wape}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
