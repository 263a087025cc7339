"""Would it pay to start a network from earlier ones, in place of random weights?

usage: warm_starts.py [PATTERNS]

Patterns are those of `hundred_patterns.py`, eight by default. Each network learns 3,500 steps (and,
as a young one, two days) from random weights, and from other starts: what it had learned of the
first 3,000 steps; the network of one other pattern; and one network for all, learned over eight
others (three passes of eight rounds each from what all have in common, their mean taken after each
pass), as it is and after four or eight rounds more. What knows the pattern itself (the regression)
is learned anew each time. Prints and writes to results/warm_starts.json, beside the seconds
that the network for all takes: the CPU seconds, and the error (CRPS) over that from random weights,
on steps after.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar
from unittest import mock

import numpy as np

from hundred_patterns import drawn
from informer.core.types import Json, Model, Series
from informer.forecasts import diffusion_gru, gru_training
from informer.forecasts.counts import crps
from informer.forecasts.diffusion_gru import DiffusionGru, weights_of
from informer.forecasts.gru_network import PER_RPC, Weights, random_weights

RESULTS = Path(__file__).parent / "results" / "warm_starts.json"
EARLIER, LEARNED, SHORT, JUDGED = 3_000, 3_500, 576, 600  # steps
Made = TypeVar("Made")
LENDERS, PASSES, ROUNDS_A_PASS, ROUNDS = 8, 3, 8, 20


def main() -> None:
    """Learn, compare, print and write."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    lenders = [drawn(count + i).slice(0, LEARNED) for i in range(LENDERS)]
    one = weights_of(_fit(lenders[0]))
    common, common_s = _timed(lambda: _common(lenders))
    results: Json = {"network_for_all_s": round(common_s, 1)}
    for title, steps in (("12 days", LEARNED), ("2 days", SHORT)):
        rows = [_compared(drawn(i), steps, one, common) for i in range(count)]
        results[title] = {
            name: dict(
                zip(
                    ("cpu_s", "error_ratio"),
                    np.round(np.mean([row[name] for row in rows], axis=0), 3).tolist(),
                    strict=True,
                )
            )
            for name in rows[0]
        }
        for name, row in results[title].items():
            print(f"{title:8} {name:40}", row, flush=True)
    RESULTS.write_text(json.dumps({"results": results}, indent=2) + "\n", encoding="utf-8")


def _compared(
    series: Series, steps: int, one: Weights, common: Weights
) -> dict[str, tuple[float, float]]:
    """CPU seconds from each start, and the error over that from random weights."""
    part = series.slice(0, steps)
    fits: dict[str, Callable[[], Model]] = {
        "random": lambda: _fit(part),
        "of one other": lambda: _fit(part, one),
        "of all, as it is": lambda: _fit(part, common, 0),
        "of all, four rounds more": lambda: _fit(part, common, 4),
        "of all, eight rounds more": lambda: _fit(part, common, 8),
    }
    if steps > EARLIER:
        last = weights_of(_fit(series.slice(0, EARLIER)))
        fits["of its last version"] = lambda: _fit(part, last)
    made = {name: _timed(fit) for name, fit in fits.items()}
    errors = {name: _error(model, series, steps) for name, (model, _) in made.items()}
    return {name: (made[name][1], errors[name] / errors["random"]) for name in fits}


def _common(lenders: Sequence[Series]) -> Weights:
    """One network that is a good start for each of them."""
    found: Weights = {k: w for k, w in random_weights(1, 0).items() if k not in PER_RPC}
    for _ in range(PASSES):
        each = [weights_of(_fit(series, found, ROUNDS_A_PASS)) for series in lenders]
        found = {k: np.mean([w[k] for w in each], axis=0).astype(np.float32) for k in found}
    return found


def _fit(series: Series, start: Weights | None = None, rounds: int = ROUNDS) -> Model:
    def begun(nodes: int, seed: int) -> Weights:
        kept = {k: w for k, w in (start or {}).items() if k not in PER_RPC}
        return random_weights(nodes, seed) | kept

    schedule = partial(gru_training.GruSchedule, rounds=rounds)
    with (
        mock.patch.object(diffusion_gru, "random_weights", begun),
        mock.patch.object(gru_training, "GruSchedule", schedule),
        mock.patch.object(gru_training, "train", gru_training.train if rounds else _as_given),
    ):
        return DiffusionGru().fit(series, seed=0)


def _as_given(weights: Weights, *_: object, **__: object) -> Weights:
    return weights


def _timed(run: Callable[[], Made]) -> tuple[Made, float]:
    began = time.process_time()
    return run(), time.process_time() - began


def _error(model: Model, series: Series, steps: int) -> float:
    made = DiffusionGru().forecast(model, series)
    after = slice(steps, min(steps + JUDGED, series.steps))
    return float(crps(series.calls[after], made.expected[after], made.spread[after]).mean())


if __name__ == "__main__":
    main()
