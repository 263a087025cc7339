"""Ids as senders write them: how long they may be, and which of them are none."""

import pyarrow as pa
import pyarrow.compute as pc

LONGEST_ID = 256  # characters
ROOTS = ("", "root", "-1", "0" * 16)  # parents of spans that have none
NO_TRACE, NO_SPAN = ("", "0" * 32), ("", "0" * 16)


def shortened(texts: pa.Array) -> pa.Array:
    """Ids of bounded length; nearly always as they are."""
    held = texts.dictionary if pa.types.is_dictionary(texts.type) else texts
    # Most ids are short, and to count bytes is quicker than to count characters.
    if (pc.max(pc.binary_length(held)).as_py() or 0) <= LONGEST_ID:
        return texts
    return pc.utf8_slice_codeunits(texts.cast(pa.string()), 0, LONGEST_ID)
