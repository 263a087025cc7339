"""Metadata of gRPC as the headers that rules ask for."""

from collections.abc import Iterable
from typing import Any

Metadata = Iterable[tuple[str, Any]]  # bytes where the key ends in -bin, else text


def headers_of(metadata: Metadata) -> dict[str, str]:
    """Texts by key; of a key that came more than once all, as HTTP joins them."""
    found: dict[str, str] = {}
    for key, value in metadata:
        if isinstance(value, str):
            found[key] = f"{found[key]},{value}" if key in found else value
    return found


def trace_id_of(metadata: Metadata) -> str:
    """Out of W3C's `traceparent`."""
    for key, value in metadata:
        if key == "traceparent" and isinstance(value, str):
            parts = value.split("-")
            return parts[1] if len(parts) > 1 else ""
    return ""


def with_header(metadata: Metadata, key: str, text: str) -> tuple[tuple[str, Any], ...]:
    if not all(" " <= letter <= "~" for letter in text):
        raise ValueError(f"{key} would have letters that gRPC sends in no header")
    return (*(pair for pair in metadata if pair[0] != key), (key, text))
