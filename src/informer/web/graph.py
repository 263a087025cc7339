"""Where the rpcs of a pattern graph lie on paper: a tidy tree from left to right.

Every rpc hangs below the edge that most chains use; the other edges are drawn across. Leaves take
a row each and a parent lies in the middle of its children, so boxes cannot overlap.
(After Reingold and Tilford 1981, "Tidier Drawings of Trees", without their contour packing: a
call tree has few leaves, and a row each reads better than a compact drawing.)
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from informer.core.types import OUTSIDE
from informer.web.views import Rpc
from informer.web.words import cut, percent, shown

BOX_W, BOX_H = 196, 40  # px
GAP_X, GAP_Y, MARGIN = 68, 14, 10
WARM = 0.5  # of its threshold
NAME_CHARS = 27  # what fits a box


@dataclass(frozen=True, slots=True)
class Box:
    """One rpc on paper; x, y is the upper left corner, px."""

    x: float
    y: float
    callee: str
    method: str
    full: str
    marked: bool
    new: bool
    heat: str = ""  # calm, warm or hot, by its score now; empty = it is not known
    score: float | None = None  # over its threshold


@dataclass(frozen=True, slots=True)
class Line:
    """One edge on paper: an SVG path, its width in px, and where its share is written."""

    path: str
    width: float
    share: str
    x: float
    y: float
    marked: bool
    new: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    """A pattern graph on paper, px."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


def draw(
    rpcs: Sequence[Rpc],
    edges: Sequence[tuple[int, int, float]],
    marked: Collection[str] = (),
    new: Sequence[Rpc] = (),
    scores: Mapping[str, float] | None = None,
) -> Drawing:
    """Lay out a graph; `marked` rpc ids stand out, `new` rpcs are added below their callers.

    `scores` are those of rpcs now, over their thresholds.
    """
    scores = scores or {}
    nodes = [*rpcs, *new]
    links = [*edges, *_edges_to_new(rpcs, new)]
    parent = _heaviest_parent(len(nodes), links)
    children: list[list[int]] = [[] for _ in nodes]
    for node, above in enumerate(parent):
        if above is not None:
            children[above].append(node)
    depth, row = _places(parent, children)

    def corner(i: int) -> tuple[float, float]:
        return MARGIN + depth[i] * (BOX_W + GAP_X), MARGIN + row[i] * (BOX_H + GAP_Y)

    boxes = tuple(
        Box(
            *corner(i),
            callee=cut(_name(rpc, parent[i] is None), NAME_CHARS),
            method=cut(rpc.method, NAME_CHARS),
            full=f"{shown(rpc.caller)} → {shown(rpc.callee)} {shown(rpc.method)}",
            marked=rpc.rpc_id in marked,
            new=i >= len(rpcs),
            heat=_heat(scores.get(rpc.rpc_id)),
            score=scores.get(rpc.rpc_id),
        )
        for i, rpc in enumerate(nodes)
    )
    lines = tuple(
        _line(boxes[a], boxes[b], weight, straight=parent[b] == a) for a, b, weight in links
    )
    width = max((b.x for b in boxes), default=0.0) + BOX_W + MARGIN
    height = max((b.y for b in boxes), default=0.0) + BOX_H + MARGIN
    # a loop and an edge that leads back dip below the boxes
    dips = any(parent[b] != a for a, b, _ in links)
    return Drawing(width, height + (GAP_Y if dips else 0), boxes, lines)


def _heat(score: float | None) -> str:
    if score is None:
        return ""
    return "hot" if score >= 1 else "warm" if score >= WARM else "calm"


def _edges_to_new(rpcs: Sequence[Rpc], new: Sequence[Rpc]) -> list[tuple[int, int, float]]:
    """Hang every new rpc below the first rpc whose callee is its caller, when there is one."""
    first = {rpc.callee: i for i, rpc in reversed(list(enumerate(rpcs)))}
    return [
        (first[rpc.caller], len(rpcs) + i, 0.0) for i, rpc in enumerate(new) if rpc.caller in first
    ]


def _heaviest_parent(n: int, links: Sequence[tuple[int, int, float]]) -> list[int | None]:
    """The parent of every node in the tree: heaviest edges first, none that would close a ring.

    The first node is the entry and stays a root.
    """
    parent: list[int | None] = [None] * n
    for a, b, _ in sorted(links, key=lambda link: -link[2]):
        if b == 0 or parent[b] is not None:
            continue
        above: int | None = a
        while above is not None and above != b:
            above = parent[above]
        if above is None:
            parent[b] = a
    return parent


def _places(
    parent: Sequence[int | None], children: Sequence[list[int]]
) -> tuple[list[int], list[float]]:
    """Column and row of every node; no recursion, so a chain of any depth can be drawn."""
    order = [i for i, above in enumerate(parent) if above is None][::-1]
    seen: list[int] = []  # parents before their children, subtree after subtree
    while order:
        node = order.pop()
        seen.append(node)
        order.extend(reversed(children[node]))
    depth = [0] * len(parent)
    row = [0.0] * len(parent)
    leaves = 0
    for node in seen:
        above = parent[node]
        depth[node] = 0 if above is None else depth[above] + 1
        if not children[node]:
            row[node], leaves = float(leaves), leaves + 1
    for node in reversed(seen):
        if children[node]:
            row[node] = (row[children[node][0]] + row[children[node][-1]]) / 2
    return depth, row


def _name(rpc: Rpc, first: bool) -> str:
    """The callee; a box that hangs below nothing also says who called, unless from outside."""
    return f"{rpc.caller} → {rpc.callee}" if first and rpc.caller != OUTSIDE else rpc.callee


def _line(a: Box, b: Box, weight: float, straight: bool) -> Line:
    """A soft curve from parent to child; below the boxes where the edge does not lead onwards."""
    x0, y0 = a.x + BOX_W, a.y + BOX_H / 2
    x1, y1 = b.x, b.y + BOX_H / 2
    if straight or x1 > x0:
        bend = (x0 + x1) / 2
        path = f"M{x0:g} {y0:g}C{bend:g} {y0:g} {bend:g} {y1:g} {x1:g} {y1:g}"
    else:
        below = max(a.y, b.y) + BOX_H + GAP_Y
        path = f"M{x0:g} {y0:g}C{x0 + 40:g} {below:g} {x1 - 40:g} {below:g} {x1:g} {y1:g}"
    share = "" if weight >= 0.995 or b.new else percent(weight)
    return Line(path, round(1 + 4 * weight, 2), share, x1 - 6, y1 - 6, b.marked, b.new)
