"""What is usual of failures, refusals and latency, which go by what was learned of each rpc."""

from collections.abc import Sequence

import numpy as np
import orjson

from informer.core.types import Floats
from informer.detections.streams import Rates
from informer.pipeline.band import BAND, band
from informer.pipeline.memory import versions_in_force
from informer.pipeline.rates import rates_from_json
from informer.pipeline.workspace import Workspace

FACTS = """
select rates from model_facts where pattern_id = $pattern_id and version = $version limit 1
"""


def usual(
    home: Workspace, cells: Sequence[tuple[str, str]], signal: str, calls: Floats
) -> tuple[Floats, Floats, Floats]:
    """Expected, and the ends of the regular range, of cells with so many calls; [cell, t] each.

    A cell is a pattern and an rpc of it. NaN where nothing was learned.
    """
    learned = {pattern_id: _rates(home, pattern_id) for pattern_id in {p for p, _ in cells}}
    found = [_usual(learned[p], p, rpc_id, signal, calls[i]) for i, (p, rpc_id) in enumerate(cells)]
    expected, low, high = (np.stack(values) for values in zip(*found, strict=True))
    return expected, low, high


def _usual(
    learned: Rates | None, pattern_id: str, rpc_id: str, signal: str, calls: Floats
) -> tuple[Floats, Floats, Floats]:
    """Of one cell, [t] each."""
    unknown = np.full_like(calls, np.nan)
    if learned is None:
        return unknown, unknown, unknown
    if signal == "latency":
        known = learned.latency.get((pattern_id, rpc_id))
        if known is None:
            return unknown, unknown, unknown
        expected = np.where(calls > 0, known.ms, np.nan)
        times = np.exp(BAND * np.sqrt(known.between + known.within / np.maximum(calls, 1.0)))
        return expected, expected / times, expected * times
    share, doubt = learned.share(signal, pattern_id, rpc_id)
    expected = share * calls
    return expected, *band(expected, expected + doubt * expected**2)


def _rates(home: Workspace, pattern_id: str) -> Rates | None:
    version = versions_in_force(home)[1].get(pattern_id)
    rows = home.engine.query(FACTS, pattern_id=pattern_id, version=version or "")
    return rates_from_json(orjson.loads(rows["rates"][0].as_py())) if rows.num_rows else None
