"""A map of services: who calls whom, from left to right, as wide as the calls between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt

from informer.core.types import OUTSIDE
from informer.web.graph import Drawing, draw
from informer.web.views import Rpc
from informer.web.words import number, shown

MOST_EDGES = 60  # more of them are a tangle


@dataclass(frozen=True, slots=True)
class Between:
    """Calls of one service to another."""

    caller: str
    callee: str
    calls: float


@dataclass(frozen=True, slots=True)
class ServiceMap:
    """The drawing, and how much of it was left out."""

    drawing: Drawing
    services: int
    left_out: int  # edges


def service_map(
    between: Sequence[Between], scores: Mapping[str, float], *, focus: str = ""
) -> ServiceMap:
    """The busiest edges; `scores` are those of services now, over their thresholds."""
    kept = between[:MOST_EDGES]
    names = list(dict.fromkeys(name for edge in kept for name in (edge.caller, edge.callee)))
    into = {name: sum(e.calls for e in kept if e.callee == name) for name in names}
    names.sort(key=lambda name: (name != OUTSIDE, into[name] > 0))  # who is not called begins
    place = {name: i for i, name in enumerate(names)}
    boxes = [
        Rpc(name, OUTSIDE, name, f"{number(into[name])} calls" if into[name] else "calls others")
        for name in names
    ]
    most = max((edge.calls for edge in kept), default=1.0)
    edges = [(place[e.caller], place[e.callee], sqrt(e.calls / most)) for e in kept]
    drawing = draw(boxes, edges, {focus} if focus else (), scores=scores)
    lines = tuple(
        replace(line, share=number(edge.calls), marked=False)
        for line, edge in zip(drawing.lines, kept, strict=True)
    )
    titled = tuple(
        replace(box, full=f"{shown(name)}: {box.method}")
        for box, name in zip(drawing.boxes, names, strict=True)
    )
    return ServiceMap(
        replace(drawing, lines=lines, boxes=titled), len(names), len(between) - len(kept)
    )
