"""Which format a file is in, by what it holds; names and extensions are not trusted."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from informer.core.errors import InformerError
from informer.spans import envoy, istio
from informer.spans.json_lines import is_json
from informer.spans.layouts import recognised
from informer.spans.scans import TableFile, csv_file, first_objects, json_file, parquet_file
from informer.spans.unpack import BOM, LARGEST, ZSTD, Content

HEAD = 4 << 20  # a first line may hold values of a megabyte
FIRST_LINES = 1_000  # a proxy talks about its own start before it logs requests
PARQUET = b"PAR1"


@dataclass(frozen=True, slots=True)
class Found:
    """What a file is: its format, how it is packed into bytes, and its table when it is one."""

    path: Path
    format: str
    container: str  # lines, frames, message, csv, json or parquet
    table: TableFile | None = None


def found_in(path: Path, told: str | None = None) -> Found:
    """What a file is; `told` is the format when the user named it.

    Errors: InformerError, one line, when it is empty, unreadable or nothing we know.
    """
    _must_be_read_again(path)
    head = _head(path)
    text = head.removeprefix(BOM).lstrip()
    if told in ("table", "skywalking"):
        return _table(path, told, head)
    if told is not None:
        return Found(path, told, (told == "otlp" and _protobuf(head)) or "lines")
    container = None if _is_known_csv(path, text) else _protobuf(head)
    if container is not None:
        return Found(path, "otlp", container)
    format = _text(text) or _json(head, text)
    if format is not None:
        return Found(path, format, "lines")
    found = _table(path, "table", head)
    layout = recognised(found.table.columns) if found.table else None
    return replace(found, format="skywalking") if layout and layout[0] == "SkyWalking" else found


def _must_be_read_again(path: Path) -> None:
    """Errors: InformerError for what can be read only once, or is not told by its name."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise InformerError(f"{str(path)!a} must be a name in UTF-8") from None
    if path.exists() and not path.is_file():
        raise InformerError(
            f"{path} must be a file, which is read more than once, got a pipe or a device"
        )


def _table(path: Path, format: str, head: bytes) -> Found:
    if head.startswith(PARQUET):
        return Found(path, format, "parquet", parquet_file(path))
    text = head.removeprefix(BOM).lstrip()
    if text[:1] in (b"{", b"["):
        table = json_file(path, first_objects(head))
    else:
        table = None if b"\0" in head else csv_file(path, text)
    if table is None:
        raise InformerError(f"{path} must be traces, an access log or a table, got none of them")
    return Found(path, format, table.container, table)


def _is_known_csv(path: Path, text: bytes) -> bool:
    """Blank lines before a header would be lengths of a message."""
    table = csv_file(path, text)
    return table is not None and recognised(table.columns) is not None


def _text(text: bytes) -> str | None:
    lines = text.decode("utf-8", "replace").split("\n", FIRST_LINES)[:FIRST_LINES]
    return "istio" if any(map(istio.is_line, lines)) else None


def _head(path: Path) -> bytes:
    try:
        head = Content(path).head(HEAD)
    except OSError as error:
        raise InformerError(f"{path} cannot be read: {error.strerror}") from error
    if not head.strip():
        raise InformerError(f"{path} is empty")
    return head


def _json(head: bytes, text: bytes) -> str | None:
    """The format of JSON; None when it may be a table."""
    values = [value for value in first_objects(head) if isinstance(value, dict | list)]
    formats = (_format_of(value) for value in values[:3])
    format = next((format for format in formats if format is not None), None)
    if format is None and text[:1] in (b"{", b"[") and not is_json(text.split(b"\n")[0]):
        return _format_of_document(text)
    return format


def _format_of(value: Any) -> str | None:
    """The format of a JSON value; None when it may be a table."""
    if isinstance(value, list):
        return _format_of(value[0]) if value else None
    if not isinstance(value, Mapping):
        return None
    if {"resourceSpans", "batches"} & value.keys():
        return "otlp"
    if isinstance(value.get("data"), list) or {"spans", "processes"} <= value.keys():
        return "jaeger"
    if {"traceID", "spanID"} <= value.keys() and {"process", "processID"} & value.keys():
        return "jaeger"
    if {"traceId", "id"} <= value.keys() and "spanId" not in value:
        return "zipkin"
    if recognised(list(value)) is None and envoy.looks_like(value):
        return "envoy"
    return None


def _format_of_document(text: bytes) -> str | None:
    """The format of a document that is longer than what was looked at."""
    for format, mark in (
        ("otlp", rb'"resourceSpans"|"batches"'),
        ("jaeger", rb'"traceID"\s*:'),
        ("zipkin", rb'"traceId"\s*:'),
    ):
        if re.search(mark, text):
            return format
    return None


def _protobuf(head: bytes) -> str | None:
    """Whether the bytes are OTLP protobuf: `frames` after their lengths, or one bare `message`."""
    size = int.from_bytes(head[:4], "big")
    if 0 < size <= LARGEST and (
        _is_request(head[4:]) or head[4:8] == ZSTD or (head[0] == 0 and head[4:5] == b"{")
    ):
        return "frames"
    return "message" if _is_request(head) else None


def _is_request(data: bytes) -> bool:
    """Whether bytes begin like an ExportTraceServiceRequest: field 1, in it field 1, 2 or 3."""
    if data[:1] != b"\x0a":
        return False
    place = 1
    while place < min(len(data), 6) and data[place] & 0x80:
        place += 1
    return data[place + 1 : place + 2] in (b"\x0a", b"\x12", b"\x1a")
