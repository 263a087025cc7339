"""What texts of one column mean: those that mean the same make no new saying."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from informer.core.batches import apart
from informer.core.ports import Engine
from informer.spans.meanings import OF_RESOURCE, OF_SPAN, extracted
from informer.spans.plain_paths import plain_attributes
from informer.spans.received_rows import PARTS
from informer.spans.tuples import Meanings

# What resources say beside what they hold; see spans.sql.
RESOURCE_SAYS = """
select place, [said_service_version, coalesce(said_template_hash, nullif(regexp_extract(
    said_pod, '-([bcdfghjklmnpqrstvwxz2456789]{6,10})-[bcdfghjklmnpqrstvwxz2456789]{5}$', 1
), ''))] as says
"""

GIVEN = """
select unnest(texts) as text, generate_subscripts(texts, 1) as place from (select $texts as texts)
"""


def meaning_of(engine: Engine, name: str, *, whole_paths: bool) -> Meanings:
    """Asks the engine what texts mean; `name` is `attributes`, `resource_attributes` or
    `trace_state`. Without `whole_paths` those that differ in ids within a path mean the same.
    """
    is_plain = not whole_paths and name == "attributes"

    def meanings(texts: pa.Array) -> Sequence[Any]:
        told = plain_attributes(texts) if is_plain else texts.cast(pa.string())
        encoded = told.dictionary_encode()
        distinct = encoded.dictionary
        given = pa.table({"text": distinct})
        meant: list[Any] = []
        for piece in apart(given, "text"):
            # By a stream, as another thread may be at work with the engine.
            asked = f"with given_texts as ({GIVEN}) select says from ({_says(name)}) order by place"
            says = engine.stream(asked, texts=piece["text"].to_pylist()).read_all()["says"]
            meant += [None if row is None else tuple(row) for row in says.to_pylist()]
        return [meant[place] for place in encoded.indices.to_pylist()]

    return meanings


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
