"""How well do the forecasters tell the next minute of real traffic with a strong cycle?

usage: forecast_quality.py

Needs microirc and online-boutique below INFORMER_DATA: request rates of ten services, learned
either from the clean hours before the first fault or from half of the range, faults included.
Minutes of a fault do not count. Prints a row a forecaster, the best CRPS first, and writes
results/forecast_quality.json.
"""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from quality.kept import commit_here, write_whole
from quality.microirc import LONG, SHORT, forecast_table

RESULTS = Path(__file__).parent / "results" / "forecast_quality.json"


def main() -> None:
    """Compare, print and write."""
    told = {}
    for training in (SHORT, LONG):
        rows = forecast_table(training=training)
        print(f"== microirc, learned from {training}")
        for row in rows:
            print(
                f"{row.forecaster:16} MAE {row.mae:8.2f}  CRPS {row.crps:8.2f}  "
                f"WAPE {row.wape:6.3f}  {row.note}"
            )
        told[training] = [{k: _plain(v) for k, v in asdict(row).items()} for row in rows]
    write_whole(RESULTS, json.dumps({"commit": commit_here(), "results": told}, indent=1) + "\n")


def _plain(value: str | float) -> str | float | None:
    """Null where the training range was too short for a forecaster."""
    if isinstance(value, str):
        return value
    return round(value, 4) if np.isfinite(value) else None


if __name__ == "__main__":
    main()
