"""What texts of one column mean: those that mean the same make no new saying."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from informer.core.batches import apart
from informer.core.ports import Engine
from informer.spans.meanings import OF_RESOURCE, OF_SPAN, extracted
from informer.spans.plain_paths import KEYS, plain_path
from informer.spans.sayings import PARTS
from informer.spans.tuples import Meanings

# Where in what attributes say paths are; see `extracted`.
PLACES_OF_PATHS = [
    place for place, key in enumerate(k for keys in OF_SPAN.values() for k in keys) if key in KEYS
]
# What resources say beside what they hold; see spans.sql.
RESOURCE_SAYS = """
select place, [said_service_version, coalesce(said_template_hash, nullif(regexp_extract(
    said_pod, '-([bcdfghjklmnpqrstvwxz2456789]{6,10})-[bcdfghjklmnpqrstvwxz2456789]{5}$', 1
), ''))] as says
"""


def meaning_of(engine: Engine, name: str, *, whole_paths: bool) -> Meanings:
    """Asks the engine what texts mean; `name` is `attributes`, `resource_attributes` or
    `trace_state`. Without `whole_paths` those that differ in ids within a path mean the same.
    """
    paths = () if whole_paths or name != "attributes" else PLACES_OF_PATHS

    def meanings(texts: pa.Array) -> Sequence[Any]:
        given = pa.table({"place": np.arange(len(texts)), "text": texts.cast(pa.string())})
        meant: list[Any] = []
        for piece in apart(given, "text"):
            engine.append("given_texts", piece, passing=True)
            told = engine.query(f"select says from ({_says(name)}) order by place")
            engine.run("drop table given_texts")
            meant += [_meaning(row, paths) for row in told["says"].to_pylist()]
        return meant

    return meanings


def _meaning(row: list[str | None] | None, paths: Sequence[int]) -> tuple[str | None, ...] | None:
    if row is None:
        return None
    for place in paths:
        row[place] = plain_path(row[place]) if row[place] else None
    return tuple(row)


def _says(name: str) -> str:
    if name == "trace_state":
        return f"select place, [{PARTS['trace_state'].format('text')}] as says from given_texts"
    if name == "attributes":
        read, _ = extracted("text", OF_SPAN)
        return f"select place, {read.replace('text_said', 'says')} from given_texts"
    read, means = extracted("text", OF_RESOURCE)
    return (
        f"with read as (select place, {read} from given_texts), "
        f"said as (select place, {', '.join(means)} from read) {RESOURCE_SAYS} from said"
    )
