"""Spans of OTLP/JSON read thousands at a time are what orjson reads of them one by one."""

import base64
import json
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from informer.spans.json_attributes import attribute_columns
from informer.spans.json_envelopes import JsonEnvelopes
from informer.spans.json_values import rows_of
from informer.spans.meanings import MEANT
from informer.spans.otlp_json import JsonRequests, read
from informer.spans.received import Tally
from informer.spans.rows import table_of
from informer.spans.unpack import Content
from span_reading import T0, request, span, written

# Most spans are plain, or the quick way would hardly be tried.
TEXTS = st.text(max_size=20) | st.sampled_from(
    ['say "x"', "a\\", '\\"', '","value":{"stringValue":"', '"key":"', "}},{", "\n", "é", "[{"]
)
KEYS = st.sampled_from(["http.route", "url.path", "http.method", "x-request-id", ""]) | TEXTS
NUMBERS = st.integers(-(2**70), 2**70)
PLAIN = (
    st.builds(lambda text: {"stringValue": text}, TEXTS)
    | st.builds(lambda n: {"intValue": str(n)}, NUMBERS)
    | st.builds(lambda n: {"intValue": n}, NUMBERS | st.integers(-9, 9))
    | st.builds(lambda n: {"boolValue": n}, st.booleans())
    | st.builds(lambda n: {"doubleValue": n}, st.floats())
    | st.builds(lambda data: {"bytesValue": base64.b64encode(data).decode()}, st.binary())
)
ODD = st.sampled_from(
    [
        *({}, None, {"intValue": None}, {"a": 1, "b": 2}, {"stringValue": 5}, {"boolValue": []}),
        *({"stringValue": "a", "intValue": "1"}, {"arrayValue": {}}, {"arrayValue": "x"}),
    ]
)
LISTED = st.builds(lambda of: {"arrayValue": {"values": of}}, st.lists(PLAIN, max_size=2))
NESTED = st.builds(
    lambda key, value: {"kvlistValue": {"values": [{"key": key, "value": value}]}}, KEYS, PLAIN
)
PAIRS = st.builds(
    lambda key, value: {"key": key, "value": value}, KEYS, PLAIN | ODD | LISTED | NESTED
) | st.sampled_from([{"key": "a"}, {"value": {"stringValue": "b"}}, {"key": "a", "x": 1}, 5, {}])
LISTS = st.lists(
    st.builds(lambda key, value: {"key": key, "value": value}, KEYS, PLAIN), max_size=40
) | st.lists(PAIRS, max_size=4)
IDS = st.sampled_from(["", "00f067aa0ba902b7", "APBnqgupArc=", "=", "1"])
TIMES = st.sampled_from(
    [0, "0", T0, str(T0), 2**63 - 1, str(2**63), str(2**80), -1, "-5", "noon", "0x10", "1_0", None]
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "spanId": IDS,
    "parentSpanId": IDS | st.none(),
    "name": TEXTS | st.none() | st.just(["x"]),
    "kind": st.sampled_from([2, "2", "SPAN_KIND_CLIENT", None, 2.5]),
    "startTimeUnixNano": TIMES,
    "endTimeUnixNano": TIMES,
    "traceState": TEXTS,
    "attributes": LISTS | st.sampled_from([None, {}, "none", 12, [[]]]),
    "status": st.sampled_from([{}, None, {"code": 2}, {"code": "STATUS_CODE_ERROR"}, {"code": 1}]),
    "events": st.just([{"name": "x"}]),
}
SPANS = st.builds(
    lambda fields: span() | fields, st.fixed_dictionaries({}, optional=FIELDS)
) | st.builds(lambda pairs: span() | {"attributes": pairs}, LISTS)
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": ")])


def of(spans: list[dict[str, Any]], separators: tuple[str, str] = (",", ":")) -> bytes:
    """A request, whatever numbers are in it; what JSON cannot say of them is no matter here."""
    named = {"key": "service.name", "value": {"stringValue": "shop"}}
    group = {"resource": {"attributes": [named]}, "scopeSpans": [{"spans": spans}]}
    text = json.dumps({"resourceSpans": [group]}, separators=separators)
    return text.replace("NaN", "5").replace("Infinity", "5").encode()


def rows(tables: list[pa.Table]) -> list[dict[str, Any]]:
    return sorted(
        (row for it in tables for row in it.drop_columns(["meant", "in_bounds"]).to_pylist()),
        key=repr,
    )


def many_at_once(text: bytes) -> tuple[list[dict[str, Any]], Tally]:
    requests, tally = JsonRequests(), Tally()
    return rows([*requests.add(text, tally), *requests.rest(tally)]), tally


def one_by_one(text: bytes) -> tuple[list[dict[str, Any]], Tally]:
    tally = Tally()
    found = list(rows_of(orjson.loads(text), tally))
    return rows([table_of(found)] if found else []), tally


@given(st.lists(SPANS, min_size=1, max_size=8), SEPARATORS)
def test_they_are_what_is_read_one_by_one(
    spans: list[dict[str, Any]], separators: tuple[str, str]
) -> None:
    text = of(spans, separators)
    expected, by_one = one_by_one(text)
    got, tally = many_at_once(text)
    assert got == expected
    assert tally.rejected == by_one.rejected


@given(st.lists(SPANS, min_size=1, max_size=3), st.data())
def test_damage_is_told_alike(spans: list[dict[str, Any]], data: st.DataObject) -> None:
    hurt = bytearray(of(spans, data.draw(SEPARATORS)))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(hurt) - 1))
        hurt[place : place + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from([b"", b'"', b"\\", b"{", b"}", b",", b"[", b"]", b":", b"\xff", b" "])
        )
    text = bytes(hurt)
    got, tally = many_at_once(text)
    try:
        expected, by_one = one_by_one(text)
    except orjson.JSONDecodeError:  # text in events, or damage in one span, harms no other
        return
    assert got == expected
    assert tally.rejected == by_one.rejected


@given(st.lists(LISTS, min_size=1, max_size=6))
def test_what_has_a_meaning_is_kept_apart(lists: list[list[Any]]) -> None:
    text = of([span() | {"attributes": pairs} for pairs in lists])
    requests, tally = JsonRequests(), Tally()
    for table in (*requests.add(text, tally), *requests.rest(tally)):
        for row in table.to_pylist():
            said = orjson.loads(row["attributes"])
            known = {key: value for key, value in said.items() if key in MEANT}
            if known.get("http.route"):
                known.pop("url.path", None)
            if row["meant"] is not None:
                assert orjson.loads(row["meant"]) == known


def lists_of(*spans: dict[str, Any]) -> list[Any]:
    ((_, found),) = JsonEnvelopes().open(request(*spans))
    return [one.attributes for one in found]


def test_plain_attributes_take_the_quick_way() -> None:
    plain = span(text="x", n=5, yes=True, half=0.5, quoted='say "x"')
    spaced = span() | {"attributes": []}
    columns, odd = attribute_columns(lists_of(span(a="b"), spaced, span(n=7, yes=False), plain))
    assert odd.tolist() == [False, False, False, True]  # an escaped quote takes a parser
    assert columns["attributes"].to_pylist()[:3] == ['{"a":"b"}', "{}", '{"n":"7","yes":"false"}']


@pytest.mark.parametrize("indent", [None, 1])
def test_spaces_between_are_of_no_matter(tmp_path: Path, indent: int | None) -> None:
    made = json.dumps(json.loads(request(span(a="b c", n=7))), indent=indent)
    (table,) = read(Content(written(tmp_path / "a.json", made)), Tally())
    assert table["attributes"].to_pylist() == ['{"a":"b c","n":"7"}']
    assert table["meant"].to_pylist() == ["{}"]  # of the quick way


def test_text_that_is_no_utf8_harms_its_span_alone() -> None:
    text = request(span("a"), span("b", name="hurt", x="hurt"), span("c")).replace(
        b'Value":"hurt', b'Value":"\xff'
    )
    got, tally = many_at_once(text)
    assert [row["span_id"] for row in got] == ["a", "c"]
    assert tally.rejected == {"malformed_span": 1}


def test_a_request_nested_without_end_is_no_json() -> None:
    deep = b'{"resourceSpans":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    got, tally = many_at_once(deep)
    assert (got, tally.rejected) == ([], {"not_json": 1})
