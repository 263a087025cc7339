"""Outlines: sums that grow with forms and steps and not with lines, and what comes of them.

The outline of a trace is the order-independent sum of secret codes of its links, a link being the
names of a span and of the span it hangs below. Traces of one outline make the same calls, so one of
them is kept whole and stands for all; the rest is counted and forgotten.
"""

import hashlib

import pyarrow as pa

from informer.core.ports import Engine
from informer.core.sql import read_sql
from informer.core.tables import SPANS

MOST_OUTLINES = 200_000  # more are counted together, as outline 0
EXAMPLES = 3  # traces kept whole of every outline
SAMPLE = 10_000  # traces kept whole of all, to know what is usual
CODE_BYTES = 5  # eight million codes add up to less than 2 ** 63
NAMES = ("service", "method", "kind", "peer", "up_service", "up_method", "up_kind", "up_peer")
LINK = (*NAMES, "lost", "again")

_KEPT_SPANS = pa.schema([("trace", pa.int64()), *SPANS.schema])


def begin(engine: Engine) -> None:
    """Make the tables that are kept between slices, where they are not there yet."""
    engine.run(read_sql("informer.outlines", "state"))
    engine.append("kept_spans", _KEPT_SPANS.empty_table())


def unfold(engine: Engine) -> None:
    """Make `spans` and `counts_as`: the kept traces, and for how many each stands."""
    engine.run(f"create or replace view spans as select {', '.join(SPANS.names)} from kept_spans")
    _make(engine, "counts_as")


def count_called(engine: Engine, *, key: bytes) -> None:
    """Make `cell_shares`, `call_kinds` and `chain_steps`.

    Reads what was folded, and the `calls` of the kept traces.
    """
    _make(engine, "link_shares", salt=salt_of(key))
    _make(engine, "called")


def append_new_links(engine: Engine, key: bytes) -> None:
    """Number what is new in `slice_links`, and add it to `links` with its codes."""
    known = int(engine.query("select count(*) as n from links")["n"][0].as_py())
    new = engine.query(read_sql("informer.outlines", "new_links"))
    columns = [new[name].to_pylist() for name in LINK]
    codes = [code_of(link, key) for link in zip(*columns, strict=True)]
    ids = range(known + 1, known + 1 + len(codes))
    for name, values in (("code", codes), ("link_id", list(ids))):
        new = new.add_column(0, name, pa.array(values, pa.int64()))
    engine.append("links", new)


def salt_of(key: bytes) -> int:
    """A number that nobody can guess without the key."""
    return int.from_bytes(hashlib.blake2b(b"outlines", digest_size=7, key=key).digest(), "big")


def code_of(link: tuple[object, ...], key: bytes) -> int:
    """A number below 2 ** 40 for a link, that nobody can guess without the key."""
    names = "\x1f".join("\x1e" if value is None else str(value) for value in link)
    return int.from_bytes(hashlib.blake2b(names.encode(), digest_size=CODE_BYTES, key=key).digest())


def _make(engine: Engine, table: str, **values: int) -> None:
    engine.run(read_sql("informer.outlines", table), **values)
