"""Would it pay to start a network from an earlier one, in place of random weights?

usage: warm_starts.py [PATTERNS]

Patterns are those of `hundred_patterns.py`, eight by default. Each network learns 3,500 steps, once
from random weights and once from what it had learned of the first 3,000; and the first two days,
once from random weights and once from the network of another pattern. What knows the pattern itself
(the regression) is learned anew each time. Prints and writes to results/warm_starts.json the CPU
seconds, and the error (CRPS) of the warm start over that of the cold one, on steps after.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np

from hundred_patterns import drawn
from informer.core.types import Model, Series
from informer.forecasts import diffusion_gru
from informer.forecasts.counts import crps
from informer.forecasts.diffusion_gru import DiffusionGru, weights_of
from informer.forecasts.gru_network import PER_RPC, Weights, random_weights

RESULTS = Path(__file__).parent / "results" / "warm_starts.json"
EARLIER, LEARNED, SHORT, JUDGED = 3_000, 3_500, 576, 600  # steps


def main() -> None:
    """Learn, compare, print and write."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    series = [drawn(i) for i in range(count + 1)]
    lender = DiffusionGru().fit(series[-1].slice(0, LEARNED), seed=0)
    rows = []
    for one in series[:-1]:
        last = DiffusionGru().fit(one.slice(0, EARLIER), seed=0)
        rows.append([*_compared(one, LEARNED, last), *_compared(one, SHORT, lender)])
        print(*(f"{value:8.3f}" for value in rows[-1]), flush=True)
    means = np.mean(rows, axis=0)
    names = ("cold_s", "warm_s", "error_ratio")
    results = {
        what: dict(zip(names, np.round(means[i : i + 3], 3).tolist(), strict=True))
        for what, i in (("from_the_last_version", 0), ("two_days_from_another_pattern", 3))
    }
    print(json.dumps(results, indent=2))
    RESULTS.write_text(json.dumps({"results": results}, indent=2) + "\n", encoding="utf-8")


def _compared(series: Series, steps: int, start: Model) -> tuple[float, float, float]:
    """CPU seconds cold and warm, and the ratio of their errors."""

    def warm(nodes: int, seed: int) -> Weights:
        kept = {k: w for k, w in weights_of(start).items() if k not in PER_RPC}
        return random_weights(nodes, seed) | kept

    part = series.slice(0, steps)
    cold, cold_s = _timed(lambda: DiffusionGru().fit(part, seed=0))
    with mock.patch.object(diffusion_gru, "random_weights", warm):
        warmed, warm_s = _timed(lambda: DiffusionGru().fit(part, seed=0))
    errors = [_error(model, series, steps) for model in (warmed, cold)]
    return cold_s, warm_s, errors[0] / errors[1]


def _timed(fit: Callable[[], Model]) -> tuple[Model, float]:
    began = time.process_time()
    return fit(), time.process_time() - began


def _error(model: Model, series: Series, steps: int) -> float:
    made = DiffusionGru().forecast(model, series)
    after = slice(steps, min(steps + JUDGED, series.steps))
    return float(crps(series.calls[after], made.expected[after], made.spread[after]).mean())


if __name__ == "__main__":
    main()
