"""Texts that others wrote, which may be no UTF-8: whoever sends spans may put any bytes in them."""

import numpy as np
import pyarrow as pa

from informer.core.errors import InformerError

HIGHS = np.uint64(0x8080808080808080)
WORD = 8


def valid_texts(rows: pa.Table) -> pa.Table:
    """The same rows; bytes in texts that are no UTF-8 are told by U+FFFD, as the standard says.

    Errors: InformerError where they are inside of lists, maps or structures.
    """
    for place, field in enumerate(rows.schema):
        chunks = rows.column(place).chunks
        mended = [_mended(field.name, chunk) for chunk in chunks]
        if any(new is not old for new, old in zip(mended, chunks, strict=True)):
            rows = rows.set_column(place, field, pa.chunked_array(mended, field.type))
    return rows


def valid_batches(batches: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """The same of rows that come a batch at a time."""
    mended = (valid_texts(pa.Table.from_batches([batch])).to_batches() for batch in batches)
    return pa.RecordBatchReader.from_batches(batches.schema, (b for some in mended for b in some))


def _mended(name: str, values: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(values.type):
        told = _mended(name, values.dictionary)
        if told is values.dictionary:
            return values
        return pa.DictionaryArray.from_arrays(values.indices, told, ordered=values.type.ordered)
    if _is_valid(values):
        return values
    if pa.types.is_nested(values.type):
        raise InformerError(f"cannot read on: in column {name} are texts that are no UTF-8")
    told = values.cast(pa.binary()).to_pylist()
    return pa.array([b and b.decode(errors="replace") for b in told], pa.string()).cast(values.type)


def _is_valid(values: pa.Array) -> bool:
    if pa.types.is_string(values.type) and _is_ascii(values):
        return True
    if not (pa.types.is_nested(values.type) or _is_text(values.type)):
        return True
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_ascii(texts: pa.Array) -> bool:
    """Whether that is plain at once, as of nearly all ids and names."""
    _, offsets, data = texts.buffers()
    if not len(texts) or data is None:
        return True
    bounds = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    held = np.frombuffer(data, np.uint8)[bounds[0] : bounds[-1]]
    whole = len(held) // WORD * WORD
    high = np.bitwise_or.reduce(held[:whole].view(np.uint64)) & HIGHS
    return bool(not high and held[whole:].max(initial=0) < 128)
