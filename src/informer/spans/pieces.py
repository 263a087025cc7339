"""Pieces of rows of a source, before and after the numbers of their ids are known."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from informer.core.compiled import compiled
from informer.core.types import Bools, Ints
from informer.spans.indexed import Indexed, indexed
from informer.spans.numbers import id_numbers, number_texts
from informer.spans.received import Selection, Tally

LONGEST_ID = 256
ROOTS = ("", "root", "-1", "0000000000000000")
NO_TRACE, NO_SPAN = ("", "0" * 32), ("", "0" * 16)
MOST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of a source. Axes: n row."""

    said: pa.Table  # what rows say, in columns that SaidLines was told of
    ids: list[pa.Array]  # trace, span, parent
    attributes: pa.Array  # as they came
    start_ns: Ints  # 0 = none, or too large
    duration_ns: Ints
    needed: list[pa.Array | pa.ChunkedArray]  # null in all of these: nothing could be read
    found: Tally | None = None  # what was no row, up to here
    together: Sequence[Indexed] = ()  # others of these columns


@dataclass(frozen=True, slots=True)
class Plain:
    """Where times have to be, and the numbers of ids that are none."""

    least_ns: int
    most_ns: int
    no_trace: Ints
    no_span: Ints
    roots: Ints

    @classmethod
    def of(cls, selection: Selection, key: bytes) -> Self:
        """What no row is looked at twice for."""
        low, high = selection.from_ns, selection.until_ns
        ids = (np.array(number_texts(ids, key), np.int64) for ids in (NO_TRACE, NO_SPAN, ROOTS))
        return cls(1 if low is None else max(1, low), MOST if high is None else high - 1, *ids)


@dataclass(frozen=True, slots=True)
class Numbered:
    """A piece with the numbers of its ids; and what its columns say, told apart."""

    piece: Piece
    said: list[Indexed]
    trace: Ints
    span: Ints
    up: Ints
    soft: Bools
    plain: bool  # all ids and times are those of spans that are wanted, as nearly always

    @classmethod
    def of(cls, piece: Piece, key: bytes, plain: Plain) -> Self:
        """The numbers of a piece whose columns are as they came."""
        ids = [_short(part) for part in piece.ids]
        numbers = id_numbers(ids, key)
        names, columns = piece.said.column_names, piece.said.columns
        said = [indexed(name, one(c)) for name, c in zip(names, columns, strict=True)]
        is_plain = _are_plain(
            *numbers[:3],
            piece.start_ns,
            piece.duration_ns,
            plain.no_trace,
            plain.no_span,
            plain.roots,
            plain.least_ns,
            plain.most_ns,
        )
        return cls(replace(piece, ids=ids), [*said, *piece.together], *numbers, is_plain)


def one(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece; what is so already is not copied."""
    if column.num_chunks == 1:
        return column.chunk(0)
    joined = column.combine_chunks()
    return joined.chunk(0) if isinstance(joined, pa.ChunkedArray) else joined


def _short(texts: pa.Array) -> pa.Array:
    """Ids of bounded length."""
    longest = pc.max(pc.binary_length(_values(texts))).as_py() or 0
    if longest <= LONGEST_ID:
        return texts
    return pc.utf8_slice_codeunits(texts.cast(pa.string()), 0, LONGEST_ID)


def _values(texts: pa.Array) -> pa.Array:
    return texts.dictionary if pa.types.is_dictionary(texts.type) else texts


@compiled
def _are_plain(
    trace: Ints,
    span: Ints,
    up: Ints,
    start_ns: Ints,
    duration_ns: Ints,
    no_trace: Ints,
    no_span: Ints,
    no_up: Ints,
    least_ns: int,
    most_ns: int,
) -> bool:
    plain = True
    for n in range(len(trace)):
        plain &= trace[n] >= 0 and span[n] >= 0 and duration_ns[n] >= 0
        plain &= start_ns[n] >= least_ns and start_ns[n] <= most_ns
        for k in range(len(no_trace)):
            plain &= trace[n] != no_trace[k]
        for k in range(len(no_span)):
            plain &= span[n] != no_span[k]
        for k in range(len(no_up)):
            plain &= up[n] != no_up[k]
    return bool(plain)
