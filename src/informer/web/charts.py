"""Series made light enough to send and to draw: few points, few digits, no peak lost."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from informer.core.types import NS_PER_S, Bools, Floats, Ints
from informer.web.views import RpcSeries, Values

POINTS = 1500  # a chart is at most about this many pixels wide
FEWEST_POINTS = 240
ALL_POINTS = 120_000  # on a page: about 2.5 MB
SHARE_OF_WINDOWS = 0.4  # of the points, kept for the time around incidents
KEPT_PER_BUCKET = 4  # highest and lowest observed, highest score, a step not seen


def points_each(series: int) -> int:
    """How many points every one of so many series may have, for the page to stay light."""
    return max(FEWEST_POINTS, min(POINTS, ALL_POINTS // max(series, 1)))


def encode(
    series: RpcSeries, windows: Sequence[tuple[int, int]] = (), points: int = POINTS
) -> dict[str, Any]:
    """One series as JSON values: times as `t0` and `dt` in `unit` seconds, values to four digits.

    `windows` are spans of time (from_ns, until_ns) that are drawn in more detail.
    """
    starts = np.asarray(series.step_start_ns, dtype=np.int64)  # [t]
    columns = {
        "o": _floats(series.observed),
        "e": _floats(series.expected),
        "l": _floats(series.low),
        "h": _floats(series.high),
        "s": _floats(series.score),
        "x": _floats(series.threshold),
    }
    odd = [k for k, v in columns.items() if v.shape != starts.shape]
    if odd:
        raise ValueError(f"every list of a series must have {len(starts)} values, not so: {odd}")
    spans = [(int(np.searchsorted(starts, a)), int(np.searchsorted(starts, b))) for a, b in windows]
    rows = rows_to_draw(columns["o"], columns["s"], spans, points)
    values = {k: _short(v[rows]) for k, v in columns.items()}
    limits = values.pop("x")
    limit = limits[0] if len(set(limits)) == 1 else limits
    return {"signal": series.signal, **_times(starts[rows] // NS_PER_S), **values, "x": limit}


def rows_to_draw(
    observed: Floats, score: Floats, windows: Sequence[tuple[int, int]] = (), limit: int = POINTS
) -> Ints:
    """Which rows to keep, ascending and at most `limit`: every bucket's extremes and its gaps."""
    n = len(observed)
    if n <= limit:
        return np.arange(n, dtype=np.int64)
    inside = [(a, b) for a, b in windows if b > a]
    whole = limit - int(limit * SHARE_OF_WINDOWS) if inside else limit
    kept = [_extremes(observed, score, 0, n, whole)]
    for first, last in inside:
        kept.append(_extremes(observed, score, first, last, (limit - whole) // len(inside)))
    return np.unique(np.concatenate(kept))


def script_safe(value: object) -> str:
    """Compact JSON that can stand in a script element: no `<`, `>`, `&` or line separator in it."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def sparkline(values: Values, width: int = 120, height: int = 24, points: int = 60) -> str:
    """An SVG path of a series without axes; each point is the highest of its bucket."""
    v = np.nan_to_num(_floats(values), nan=0.0)
    if not len(v):
        return ""
    heads = np.arange(points) * len(v) // points if len(v) > points else np.arange(len(v))
    tops = np.maximum.reduceat(v, heads)
    x = np.linspace(0, width, len(tops))
    y = height - 1 - (height - 2) * tops / max(float(tops.max()), 1e-9)
    return "M" + "L".join(f"{a:.0f} {b:.1f}" for a, b in zip(x, y, strict=True))


def _floats(values: Values) -> Floats:
    """Values as [t] float64; None becomes NaN, and so does what is not finite."""
    v = np.asarray(values, dtype=np.float64)
    return np.where(np.isfinite(v), v, np.nan)


def _extremes(observed: Floats, score: Floats, first: int, last: int, points: int) -> Ints:
    buckets = max(1, points // KEPT_PER_BUCKET)
    size = -(-(last - first) // buckets)
    lost = np.isnan(observed[first:last])
    rows = [
        _best(np.where(lost, -np.inf, observed[first:last]), size, ~lost),
        _best(np.where(lost, -np.inf, -observed[first:last]), size, ~lost),
        _best(np.nan_to_num(score[first:last], nan=-np.inf), size, ~np.isnan(score[first:last])),
        _best(lost.astype(np.float64), size, lost),
    ]
    return np.unique(np.concatenate([*rows, [0, last - first - 1]])) + first


def _best(value: Floats, size: int, valid: Bools) -> Ints:
    """The row of the highest value in every bucket of `size` rows that has a valid one."""
    short = -len(value) % size
    table = np.pad(value, (0, short), constant_values=-np.inf).reshape(-1, size)  # [bucket, row]
    some = np.pad(valid, (0, short)).reshape(-1, size).any(axis=1)
    rows: Ints = np.arange(len(table)) * size + table.argmax(axis=1)
    return rows[some]


def _times(start_s: Ints) -> dict[str, Any]:
    if not len(start_s):
        return {"t0": 0, "unit": 1, "dt": []}
    steps = np.diff(start_s)
    unit = int(np.gcd.reduce(steps)) if len(steps) else 1
    jumps = (steps // max(unit, 1)).tolist()
    even = all(j == 1 for j in jumps)
    return {"t0": int(start_s[0]), "unit": unit, "dt": len(jumps) if even else jumps}


def _short(values: Floats) -> list[float | int | None]:
    short: list[float | int | None] = []
    for v in values.tolist():
        if v != v:
            short.append(None)
            continue
        four = float(f"{v:.4g}")
        short.append(int(four) if four == int(four) else four)
    return short
