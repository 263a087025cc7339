"""Pieces of rows of a source, before and after the numbers of their ids are known."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import pyarrow as pa

from informer.core.types import Bools, Ints
from informer.spans.ids import shortened
from informer.spans.indexed import Indexed, indexed
from informer.spans.numbers import id_numbers
from informer.spans.plain_rows import Plain
from informer.spans.received import Tally


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
        ids = [shortened(part) for part in piece.ids]
        numbers = id_numbers(ids, key)
        names, columns = piece.said.column_names, piece.said.columns
        said = [indexed(name, one(c)) for name, c in zip(names, columns, strict=True)]
        is_plain = plain.fits(*numbers[:3], piece.start_ns, piece.duration_ns)
        return cls(replace(piece, ids=ids), [*said, *piece.together], *numbers, is_plain)


def one(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece; what is so already is not copied."""
    if column.num_chunks == 1:
        return column.chunk(0)
    joined = column.combine_chunks()
    return joined.chunk(0) if isinstance(joined, pa.ChunkedArray) else joined
