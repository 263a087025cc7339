"""Values of OTLP attributes as text: numbers plainly, lists and maps as JSON, bytes as base64."""

import base64
from collections.abc import Iterable
from typing import Any

import orjson
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue


def attributes_of(pairs: Iterable[KeyValue]) -> dict[str, str]:
    """Attributes by key; of two with one key the later counts."""
    return {pair.key: pair.value.string_value or text_of(pair.value) for pair in pairs}


def text_of(value: AnyValue) -> str:
    """One value."""
    kind = value.WhichOneof("value")
    if kind is None or kind == "string_value":
        return ""
    if kind in ("array_value", "kvlist_value"):
        return orjson.dumps(_plain_message(value)).decode()
    inner = getattr(value, kind)
    return (
        base64.b64encode(inner).decode()
        if isinstance(inner, bytes)
        else orjson.dumps(inner).decode()
    )


def _plain_message(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain_message(v) for v in value.array_value.values]
    if kind == "kvlist_value":
        pairs: list[KeyValue] = list(value.kvlist_value.values)
        return {pair.key: _plain_message(pair.value) for pair in pairs}
    inner = getattr(value, kind) if kind else None
    return base64.b64encode(inner).decode() if isinstance(inner, bytes) else inner
