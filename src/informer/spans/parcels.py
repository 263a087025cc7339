"""Lines that travel to where the rest of their traces goes; what they say is told by codes."""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa

from informer.core.lines import ROWS, Lines, plain_rows
from informer.core.ports import Engine
from informer.core.tables import SPANS
from informer.spans.numbers import numbered
from informer.spans.sayings import TOLD
from informer.spans.templates import MAPPING

MOST_PARTS = 2**15 - 1  # numbers of 16 bits are sorted quickest
PARCEL_BYTES = 4 << 20
CODE_BYTES = 8
NEW = f"select {', '.join(TOLD)} from sayings where saying > $known order by saying"
SAYING = ROWS.names.index("saying")
SAID = pa.schema(
    [*(SPANS.schema.field(n) for n in TOLD), ("code", pa.int64()), ("lines", pa.int64())]
)


class Parcels:
    """Lines of one place, packed by the part that their traces belong to.

    In a parcel the number of a saying is its code: a secret number that is the same everywhere.
    """

    def __init__(self, engine: Engine, key: bytes, parts: int) -> None:
        self._engine, self._key, self._parts = engine, key, parts
        self._codes = np.zeros(1, np.int64)  # [s]
        self._lines = np.zeros(1, np.int64)  # [s] how many say it

    def packed(self, lines: Lines) -> Iterator[tuple[int, bytes]]:
        """The parcels of some lines, whose sayings are in the engine, and their parts."""
        self._learn()
        saying = lines.column("saying")
        self._lines += np.bincount(saying, minlength=len(self._lines))
        rows = plain_rows([lines.rows]).set_column(SAYING, "saying", pa.array(self._codes[saying]))
        part = (lines.trace % self._parts).astype(np.int16)
        order = np.argsort(part, kind="stable")
        rows = rows.take(pa.array(order))
        cuts = np.searchsorted(part[order], np.arange(self._parts + 1))
        for number, (low, high) in enumerate(pairwise(cuts.tolist())):
            if high > low:
                for parcel in parceled(rows.slice(low, high - low)):
                    yield number, parcel

    def said(self) -> pa.Table:
        """All that was said, and how many lines said it: the columns of SAID."""
        told = self._engine.query(NEW, known=0)
        return pa.table([*told.columns, self._codes[1:], self._lines[1:]], schema=SAID)

    def _learn(self) -> None:
        known = len(self._codes) - 1
        told = self._engine.query(NEW, known=known)
        rows = zip(*(told[n].to_pylist() for n in TOLD), strict=True)
        codes = np.fromiter((_code(row, self._key) for row in rows), np.int64, told.num_rows)
        self._codes = np.append(self._codes, codes)
        self._lines = np.append(self._lines, np.zeros(len(codes), np.int64))


def arrived(
    engine: Engine, parcels: Iterable[bytes], said: pa.Table, key: bytes
) -> tuple[Lines, ...]:
    """The lines of parcels. What they say is put into the empty `sayings`, and into `methods`.

    `said` has all that is said anywhere: the columns of TOLD, `method`, and `code`, in that order.
    """
    codes = said["code"].to_numpy()
    there = np.zeros(len(codes), bool)
    lines = []
    for parcel in parcels:
        rows = table_of(parcel)
        places = np.searchsorted(codes, rows["saying"].to_numpy())
        there[places] = True
        lines.append(numbered(rows.set_column(SAYING, "saying", pa.array(places + 1)), key))
    here = np.flatnonzero(there)
    told = said.take(pa.array(here))
    engine.append("sayings", told.select(TOLD).append_column("saying", pa.array(here + 1)))
    engine.write("methods", told.select(MAPPING.names).group_by(MAPPING.names).aggregate([]))
    return tuple(lines)


def parceled(table: pa.Table) -> Iterator[bytes]:
    """The rows of a table as parcels of about PARCEL_BYTES at most, one at least.

    Spark copies a parcel several times over, wherever it passes. A larger row goes alone.
    """
    if table.num_rows < 2 or table.nbytes <= PARCEL_BYTES:
        yield parcel_of(table)
        return
    half = table.num_rows // 2
    yield from parceled(table.slice(0, half))
    yield from parceled(table.slice(half))


def parcel_of(table: pa.Table) -> bytes:
    """A table as bytes that `table_of` takes."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def table_of(parcel: bytes) -> pa.Table:
    """The table again."""
    with pa.ipc.open_stream(parcel) as stream:
        return stream.read_all()


def _code(said: tuple[object, ...], key: bytes) -> int:
    digest = hashlib.blake2b(repr(said).encode(), digest_size=CODE_BYTES, key=key).digest()
    return int.from_bytes(digest) >> 1


def coded(engine: Engine, said: Iterable[pa.Table]) -> pa.Table:
    """What was said in several places, each once and in the order of codes: columns of SAID."""
    engine.append("said_elsewhere", SAID.empty_table(), passing=True)
    for table in said:
        engine.append("said_elsewhere", table, passing=True)
    told = ", ".join(f"any_value({n}) as {n}" for n in TOLD)
    merged = engine.query(
        f"select {told}, code, cast(sum(lines) as bigint) as lines "
        "from said_elsewhere group by code order by code"
    )
    engine.run("drop table said_elsewhere")
    return merged
