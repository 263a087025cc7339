"""What does it cost to forecast the next step of a pattern, state and all?

usage: next_step.py

A pattern of 20 rpcs (as in train_seconds.py) is learned by the default network; then what follows
is forecast step by step, with what came told after each, in NumPy alone. Prints the CPU time of
a step, mean and the 99th of a hundred, and writes results/next_step.json.
"""

import json
import time
from pathlib import Path

import numpy as np

from informer.forecasts.diffusion_gru import DiffusionGru
from informer.forecasts.online import NextStep
from train_seconds import LEARNED, drawn

RESULTS = Path(__file__).parent / "results" / "next_step.json"


def main() -> None:
    """Learn, forecast, print and write."""
    series = drawn(1)
    model = DiffusionGru().fit(series.slice(0, LEARNED), seed=0)
    rest = series.slice(LEARNED, series.steps)
    online, took_s = NextStep(model, rest.start_ns), []
    for calls in rest.calls:
        began = time.process_time()
        online.expect()
        online.observe(calls)
        took_s.append(time.process_time() - began)
    results = {
        "rpcs": series.calls.shape[1],
        "steps": rest.steps,
        "mean_ms": round(1e3 * float(np.mean(took_s)), 3),
        "p99_ms": round(1e3 * float(np.quantile(took_s, 0.99)), 3),
    }
    for name, value in results.items():
        print(f"{name:10} {value:g}")
    RESULTS.write_text(json.dumps({"results": results}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
