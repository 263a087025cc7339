"""A trace as a waterfall: a row for each span, its bar as percent of the whole trace."""

from collections.abc import Sequence
from dataclasses import dataclass

from informer.core.types import Json

MOST_DEPTH = 12  # that is indented; deeper spans stand below each other
NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One span."""

    depth: int
    service: str
    operation: str
    kind: str
    x: float  # percent
    width: float  # percent
    lasted_ms: float
    status: str
    look: str  # failed, refused or empty


@dataclass(frozen=True, slots=True)
class Waterfall:
    """A whole trace."""

    rows: tuple[Row, ...]
    lasted_ms: float
    start_ns: int


def waterfall(spans: Sequence[Json]) -> Waterfall:
    """Place every span; they come in the order of the tree, each with its `depth`."""
    if not spans:
        return Waterfall((), 0.0, 0)
    first = min(span["start_ns"] for span in spans)
    last = max(span["start_ns"] + span["duration_ns"] for span in spans)
    whole = max(last - first, 1)
    return Waterfall(
        tuple(_row(span, first, whole) for span in spans), (last - first) / NS_PER_MS, first
    )


def _row(span: Json, first: int, whole: int) -> Row:
    status = span["status_code"]
    return Row(
        depth=min(span["depth"], MOST_DEPTH),
        service=span["service"],
        operation=span["operation"],
        kind=span["kind"],
        x=round(100 * (span["start_ns"] - first) / whole, 2),
        width=round(max(100 * span["duration_ns"] / whole, 0.3), 2),
        lasted_ms=span["duration_ns"] / NS_PER_MS,
        status="" if status is None else str(status),
        look="failed" if span["failed"] else "refused" if span["refused"] else "",
    )
