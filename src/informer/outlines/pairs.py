"""What a line and the one above it say, as one number, and the link and outcome that it means."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from informer.core.ports import Engine
from informer.core.sql import read_sql
from informer.core.types import Bools, Ints
from informer.outlines.keys import Keys
from informer.outlines.links import AGAIN_BIT, OUTCOME_BITS, SAYING_BIT, UP_BIT, UP_BITS, pairs_of
from informer.outlines.shares import in_shares
from informer.outlines.slices import Slice
from informer.outlines.slots import Small
from informer.outlines.state import append_new_links

NEW_PAIRS = pa.schema(
    [
        ("saying", pa.int64()),
        ("up_saying", pa.int64()),
        ("up_outcome", pa.int64()),
        ("again", pa.bool_()),
    ]
)
MEANT = """
select saying, up_saying, up_outcome, again, code, link_id, top, failed, refused, weight_e6, version
from numbered_links
"""
SAYINGS = "select saying, name, method, failed, refused from slice_sayings"
TABLES = ("slice_sayings", "linked_lines", "slice_links", "numbered_links")


@dataclass(frozen=True, slots=True)
class Kind:
    """What a line counts for, beside its outline, step and bucket."""

    link_id: int
    version: str | None
    failed: bool
    refused: bool
    weight_e6: int


class Pairs:
    """The pairs that were met, and what they mean; [p].

    A pair means something else when templates give one of its operations another method: then all
    are forgotten.
    """

    def __init__(self, engine: Engine, key: bytes) -> None:
        self._engine, self._key = engine, key
        self.kinds: list[Kind] = []
        self._kind_of: dict[Kind, int] = {}
        self.forget()

    def know(self, kinds: list[Kind]) -> None:
        """Take up the kinds of a reading that goes on."""
        self.kinds = kinds
        self._kind_of = {kind: number for number, kind in enumerate(kinds)}

    def forget(self) -> None:
        """Begin anew, as after sayings went whose numbers will be those of others."""
        self._keys = Keys()
        self._methods: dict[int, str] = {}
        self.code, self.link, self.weight_e6 = (np.empty(0, np.int64) for _ in range(3))
        self.top, self.failed = np.empty(0, bool), np.empty(0, bool)
        self.kind: Small = np.empty(0, np.int32)

    def number(self, lines: Slice, said: "Said") -> Small:
        """The pair of every line of a closed trace, trace by trace; [n].

        The tables `sayings` and `methods` (of all that the closed lines say) are in the engine.
        """
        if self._changed(said):
            self.forget()
        self._methods.update(said.methods)
        pairs = np.empty(len(lines), np.int64)

        def hang(share: tuple[int, int]) -> None:
            low, high = share
            pairs_of(
                lines.begins[low : high + 1],
                lines.closed[low:high],
                lines.span,
                lines.up,
                lines.soft,
                lines.saying,
                said.name,
                said.least,
                said.outcome,
                pairs,
            )

        in_shares(hang, lines.shares, len(lines))
        numbers, new = self._keys.number(pairs)
        if len(new):
            self._learn(new)
        return numbers

    def _changed(self, said: "Said") -> bool:
        known = self._methods
        return any(known.get(saying, method) != method for saying, method in said.methods.items())

    def _learn(self, new: Ints) -> None:
        """Let the engine say what new pairs mean."""
        up = ((new >> UP_BIT) & UP_BITS) - 1
        outcome = (new & OUTCOME_BITS) - 1
        again = (new >> AGAIN_BIT) & 1 == 1
        columns = [new >> SAYING_BIT, up, outcome, again]
        self._engine.append("linked_lines", pa.table(columns, NEW_PAIRS), passing=True)
        self._engine.run(read_sql("informer.outlines", "slice_links"))
        append_new_links(self._engine, self._key)
        self._engine.run(read_sql("informer.outlines", "numbered_links"))
        told = self._engine.query(MEANT)
        self._engine.run("; ".join(f"drop table {t}" for t in TABLES if t != "slice_sayings"))
        keys = (
            (told["saying"].to_numpy() << SAYING_BIT)
            | ((told["up_saying"].to_numpy() + 1) << UP_BIT)
            | (told["again"].to_numpy().astype(np.int64) << AGAIN_BIT)
            | (told["up_outcome"].to_numpy() + 1)
        )
        told = told.take(pa.array(np.argsort(keys)[np.argsort(np.argsort(new))]))
        self.code = np.append(self.code, told["code"].to_numpy())
        self.link = np.append(self.link, told["link_id"].to_numpy())
        self.weight_e6 = np.append(self.weight_e6, told["weight_e6"].to_numpy())
        self.top = np.append(self.top, told["top"].to_numpy())
        self.failed = np.append(self.failed, told["failed"].to_numpy())
        names = ("link_id", "version", "failed", "refused", "weight_e6")
        kinds = [Kind(*row) for row in zip(*(told[n].to_pylist() for n in names), strict=True)]
        self.kind = np.append(self.kind, [self._number_of(k) for k in kinds]).astype(np.int32)

    def _number_of(self, kind: Kind) -> int:
        number = self._kind_of.setdefault(kind, len(self.kinds))
        if number == len(self.kinds):
            self.kinds.append(kind)
        return number


@dataclass(frozen=True, slots=True)
class Linked:
    """The links of lines, trace by trace."""

    link: Ints  # [p] of each pair
    pair: Small  # [n] of each line

    def at(self, places: Ints) -> Ints:
        """The links of the lines at some places."""
        links: Ints = self.link[self.pair[places]]
        return links


@dataclass(frozen=True, slots=True)
class Said:
    """Sayings by their number; [s], and the methods of those in a slice."""

    name: Ints  # service, operation, kind and peer as a number
    least: Ints  # the least saying of the same name
    outcome: Small  # 1 = failed + 2 = refused
    methods: dict[int, str]


def said_in(engine: Engine, present: Bools) -> Said:
    """What the sayings of a slice are. Makes the table `slice_sayings`, of `methods` and `sayings`.

    `present` says of every number whether a line of the slice has it; [s].
    """
    told = engine.query(SAYINGS)
    saying, names = told["saying"].to_numpy(), told["name"].to_numpy()
    size = max(len(present), int(saying.max(initial=0)) + 1)
    name, least = np.zeros(size, np.int64), np.zeros(size, np.int64)
    outcome = np.zeros(size, np.int32)
    name[saying] = names
    order = np.lexsort((saying, names))
    _, first, back = np.unique(names[order], return_index=True, return_inverse=True)
    least[saying[order]] = saying[order][first[back]]
    outcome[saying] = told["failed"].to_numpy() + 2 * told["refused"].to_numpy()
    here = np.flatnonzero(present[np.minimum(saying, len(present) - 1)] & (saying < len(present)))
    methods = zip(
        saying[here].tolist(), told["method"].take(pa.array(here)).to_pylist(), strict=True
    )
    return Said(name, least, outcome, dict(methods))
