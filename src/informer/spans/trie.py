"""The paths of one service as a tree of segments in which what varies becomes `{}`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

ANY = "{}"
FAN_OUT = 32  # distinct segments at one place; with more, the place holds ids
HEAVY = 0.05  # a segment with this share of the calls of its place is a word all the same
MOST_CHILDREN = 4_096  # while learning, before a place is judged
DEEPEST = 16

UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
HEX = r"(?=[0-9a-fA-F]*[0-9])[0-9a-fA-F]{8,}"
# Of a day or a month, with its hour or without: names of files have them, one each day.
DATE = r"(?:19|20)\d\d([-_.])(?:0[1-9]|1[0-2])(?:\1[0-3]\d(?:[T_-]\d\d(?:[-:.]?\d\d){0,2}Z?)?)?"
IDS_INSIDE = re.compile(rf"{UUID}|(?<![^\W_])(?:{DATE}|{HEX}|\d+)(?![^\W_])")
LONG_IDS_INSIDE = re.compile(rf"{UUID}|(?<![^\W_])(?:{DATE}|{HEX}|\d{{3,}})(?![^\W_])")
# A query is what anybody writes into it. A framework's route may have an optional place: `/:id?/x`.
PARAMETERS = re.compile(r"[;#]|\?(?!/)")
QUOTED = re.compile(r"'[^']*'")
REPEATED = re.compile(r"\{\}(?:[-.:_]\{\})+")
REPORTED = re.compile(r"[{<:*]")  # a place that a framework's route already names
NUMBERS = re.compile(r"[-0-9.,:_+T]*[0-9][-0-9.,:_+TZ]*")
TOKEN = re.compile(r"[\w+=~.-]{10,}")
GRPC = re.compile(r"/[A-Za-z_][\w.]*\.[A-Z]\w*/[A-Z]\w*")


@dataclass(slots=True)
class Node:
    """One place in a path: how often it was passed, and what follows."""

    calls: float = 0.0
    children: dict[str, "Node"] = field(default_factory=dict)

    def add(self, segments: list[str], calls: float) -> None:
        """Let calls pass along a path."""
        self.calls += calls
        if not segments:
            return
        key = segments[0]
        if key not in self.children and len(self.children) >= MOST_CHILDREN:
            key = ANY
        self.children.setdefault(key, Node()).add(segments[1:], calls)

    def settle(self) -> None:
        """Where more than FAN_OUT segments follow, all but the heavy ones become `{}`."""
        words = [key for key in self.children if key != ANY]
        if len(words) > FAN_OUT:
            light = [w for w in words if self.children[w].calls < HEAVY * self.calls]
            for word in light:
                self.children.setdefault(ANY, Node())._join(self.children.pop(word))
        for child in self.children.values():
            child.settle()

    def follow(self, segments: list[str]) -> list[str]:
        """The path as this tree knows it, as far as it knows it."""
        if not segments:
            return []
        key = segments[0] if segments[0] in self.children else ANY
        if key not in self.children:
            return segments
        return [key, *self.children[key].follow(segments[1:])]

    def _join(self, other: "Node") -> None:
        self.calls += other.calls
        for key, child in other.children.items():
            self.children.setdefault(key, Node())._join(child)

    def to_json(self) -> dict[str, Any]:
        """Plain data, children in the order of their names."""
        return {
            "calls": self.calls,
            "next": {key: self.children[key].to_json() for key in sorted(self.children)},
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Node":
        """What `to_json` gave."""
        return cls(data["calls"], {k: cls.from_json(v) for k, v in data["next"].items()})


def grown(paths: Iterable[tuple[list[str], float]], onto: Node | None = None) -> Node:
    """A tree of paths and their calls, heaviest first so that the order of rows is no matter."""
    tree = onto or Node()
    for segments, calls in sorted(paths, key=lambda path: (-path[1], path[0])):
        tree.add(segments, calls)
    tree.settle()
    return tree


def is_path(name: str) -> bool:
    """Whether a name is a path, in which ids may stand; a gRPC method is none."""
    return name.startswith("/") and GRPC.fullmatch(name) is None


def segments_of(path: str) -> list[str]:
    """The segments of a path, those that are obviously ids as `{}`, without its query.

    >>> segments_of("/api/v1/users/42/orders/order-20260601")
    ['api', 'v1', 'users', '{}', 'orders', 'order-{}']
    """
    segments = PARAMETERS.split(path, maxsplit=1)[0].split("/")[1:]
    kept = [masked(segment) for segment in segments[:DEEPEST]]
    return kept if len(segments) <= DEEPEST else [*kept, ANY]


def masked(segment: str) -> str:
    """`{}` for an id, else the segment with the ids inside it as `{}`."""
    if REPORTED.match(segment):
        return segment
    if "@" in segment or "%40" in segment or NUMBERS.fullmatch(segment):
        return ANY
    without = _without(LONG_IDS_INSIDE, segment)
    return ANY if without == segment and _is_token(segment) else without


def without_ids(name: str) -> str:
    """A name that is no path, numbers, hex ids and what is quoted in it as `{}`.

    >>> without_ids("process order 5ad7750b-a68b-49c0-a8c0-32776b067703")
    'process order {}'
    >>> without_ids("grpc.health.v1.Health/Check")
    'grpc.health.v1.Health/Check'
    >>> without_ids("select * from users where name = 'ann'")
    'select * from users where name = {}'
    """
    return _without(IDS_INSIDE, QUOTED.sub(ANY, name))


def _without(ids: re.Pattern[str], text: str) -> str:
    return REPEATED.sub(ANY, ids.sub(ANY, text))


def _is_token(segment: str) -> bool:
    """Whether a segment looks random: digits in three places, or long with both cases."""
    if TOKEN.fullmatch(segment) is None:
        return False
    places = len(re.findall(r"\d+", segment))
    mixed = segment != segment.lower() and segment != segment.upper()
    return places >= 3 or (places >= 1 and mixed and len(segment) >= 24)
