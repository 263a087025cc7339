"""What lines say, told apart from their ids and times before the engine sees either."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from informer.core.types import Ints

SAID_BY = (
    *("service", "operation", "kind", "peer", "status_code", "failed", "weight", "version"),
    *("scope", "trace_state", "resource", "meant"),
)
# Random numbers beside what the sampler says: every trace has others.
RANDOM = r"\brv?:[0-9a-f]+"
LARGEST = 2**62


def told_apart(read: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Lines with the number of what they say, and those sayings, each once.

    `read` has the columns of IN_NANOSECONDS.
    """
    columns = dict(zip(SAID_BY, said_columns(read), strict=True))
    code, codes = np.zeros(read.num_rows, np.int64), 1
    for column in columns.values():
        if column.null_count == len(column):
            continue
        coded = column.dictionary_encode(null_encoding="encode")
        if codes * len(coded.dictionary) > LARGEST:
            code, codes = _renumbered(code)
        code = code * len(coded.dictionary) + coded.indices.to_numpy()
        codes *= len(coded.dictionary)
    _, first, number = np.unique(code, return_index=True, return_inverse=True)
    sayings = pa.table(columns).take(first).append_column("number", pa.array(np.arange(len(first))))
    lines = read.drop_columns(list(SAID_BY)).append_column("number", pa.array(number))
    return lines, sayings


def said_columns(read: pa.Table) -> list[pa.Array]:
    """What lines say, in the columns of SAID_BY."""
    columns = {name: read[name].combine_chunks() for name in SAID_BY}
    if columns["meant"].null_count:
        columns["meant"] = pc.coalesce(columns["meant"], read["attributes"].combine_chunks())
    if pc.max(pc.binary_length(columns["trace_state"])).as_py():
        columns["trace_state"] = pc.replace_substring_regex(columns["trace_state"], RANDOM, "")
    return list(columns.values())


def _renumbered(code: Ints) -> tuple[Ints, int]:
    """The same codes from zero on, and how many there are."""
    distinct, number = np.unique(code, return_inverse=True)
    return number, len(distinct)
