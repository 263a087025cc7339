"""Folds slices of spans into outlines: sums that grow with forms and steps, not with lines.

The outline of a trace is the order-independent sum of secret codes of its links, a link being the
names of a span and of the span it hangs below. Traces of one outline make the same calls, so one of
them is kept whole and stands for all; the rest is counted and forgotten.
"""

import hashlib

import pyarrow as pa

from informer.core.ports import Engine
from informer.core.sql import read_sql
from informer.core.tables import SPANS
from informer.core.types import NS_PER_S

MOST_OUTLINES = 200_000  # more are counted together, as outline 0
EXAMPLES = 3  # traces kept whole of every outline
SAMPLE = 10_000  # traces kept whole of all, to know what is usual
CODE_BYTES = 5  # eight million codes add up to less than 2 ** 63
NAMES = ("service", "method", "kind", "peer", "up_service", "up_method", "up_kind", "up_peer")
LINK = (*NAMES, "lost", "again")

_KEPT_SPANS = pa.schema([("trace", pa.int64()), *SPANS.schema])

SLICE = (
    *("lines", "slice_sayings", "repeated_lines", "linked_lines", "slice_links"),
    *("numbered_links",),
    *("coded_lines", "slice_traces", "outlined_traces", "slice_examples", "dropped_traces"),
    "example_spans",
)


def begin(engine: Engine) -> None:
    """Make the tables that are kept between slices, where they are not there yet."""
    engine.run(read_sql("informer.outlines", "state"))
    _make(engine, "outline_counts")
    engine.append("kept_spans", _KEPT_SPANS.empty_table())


def fold(engine: Engine, *, key: bytes, step_s: int) -> None:
    """Add the whole traces in `slice_spans` to what is kept, by SQL alone: wherever spans lie.

    Reads `methods` (service, operation, method) too. `key`, at most 64 bytes, makes codes and
    hashes secret to a workspace. On this machine `Folding` does the same, and quicker.
    """
    salt = salt_of(key)
    for table in ("lines", "slice_sayings"):
        _make(engine, table, salt=salt)
    for table in ("repeated_lines", "linked_lines", "slice_links"):
        _make(engine, table)
    append_new_links(engine, key)
    for table in ("numbered_links", "coded_lines", "slice_traces"):
        _make(engine, table)
    _make(engine, "new_outlines", most=MOST_OUTLINES)
    if int(engine.query("select count(*) as n from outlines")["n"][0].as_py()) >= MOST_OUTLINES:
        _make(engine, "tail_outlines")
    _make(engine, "outlined_traces", step_ns=step_s * NS_PER_S)
    _make(engine, "count_steps")
    _make(engine, "count_calls")
    _make(engine, "slice_examples", examples=EXAMPLES, sample=SAMPLE)
    _make(engine, "let_go")
    _make(engine, "example_spans", salt=salt)
    _make(engine, "keep_traces", salt=salt)
    for table in SLICE:
        engine.run(f"drop table {table}")


def unfold(engine: Engine) -> None:
    """Make `spans` and `counts_as`: the kept traces, and for how many each stands."""
    engine.run(f"create or replace view spans as select {', '.join(SPANS.names)} from kept_spans")
    _make(engine, "counts_as")


def count_called(engine: Engine, *, key: bytes) -> None:
    """Make `called_counts`, `call_kinds` and `chain_steps`.

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
