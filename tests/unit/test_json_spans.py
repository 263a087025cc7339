"""Spans of OTLP/JSON read thousands at a time are what orjson reads of them one by one."""

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from informer.spans.json_envelopes import JsonEnvelopes
from informer.spans.json_spans import columns_of
from informer.spans.json_values import rows_of
from informer.spans.json_walk import PAIR, START, TRACE, walked
from informer.spans.meanings import MEANT
from informer.spans.otlp_json import JsonRequests, read
from informer.spans.received import Tally
from informer.spans.rows import table_of
from informer.spans.span_walk import VALUE
from informer.spans.texts import Text
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


def deeper(of: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(of, max_size=3) | st.dictionaries(TEXTS, of, max_size=3)


FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "spanId": IDS,
    "parentSpanId": IDS | st.none(),
    "name": TEXTS | st.none() | st.just(["x"]),
    "kind": st.sampled_from([2, "2", "SPAN_KIND_CLIENT", None, 2.5]),
    "startTimeUnixNano": TIMES,
    "endTimeUnixNano": TIMES,
    "traceState": TEXTS,
    "attributes": LISTS | st.sampled_from([None, {}, "none", 12, [[]]]),
    "status": st.sampled_from(
        [
            *({}, None, [], {"code": 2}, {"code": "STATUS_CODE_ERROR"}, {"code": 1}, {"code": "2"}),
            *({"code": 2.0}, {"code": None}, {"message": "code", "code": 2}, {"a": {"code": 2}}),
        ]
    ),
    "events": st.recursive(TEXTS | st.integers(), deeper, max_leaves=9),
}
SPANS = st.builds(
    lambda fields: span() | fields, st.fixed_dictionaries({}, optional=FIELDS)
) | st.builds(lambda pairs: span() | {"attributes": pairs}, LISTS)
# How JSON is written: what stands between, whether letters beyond ASCII are escaped, and a name
# that is written in another way, or becomes one that is there already.
WRITINGS = st.tuples(
    st.sampled_from([(",", ":"), (", ", ": "), ("\n,", ":\t")]),
    st.booleans(),
    st.sampled_from(
        [
            *(("", ""), ("", ""), ('"events"', '"name"'), ('"message"', '"code"')),
            *(('"traceState"', '"attributes"'), ('"name"', '"n\\u0061me"'), ("/", "\\/")),
            *(('"stringValue"', '"string\\u0056alue"'), ('"key"', '"\\u006bey"')),
        ]
    ),
)
PARTS = st.sampled_from(
    [
        *(
            b'"traceId":',
            b'"name":"a",',
            b'"kind":2',
            b'"status":{"code":2}',
            b'"endTimeUnixNano":',
        ),
        *(
            b'"attributes":[',
            b'{"key":"a","value":{"intValue":',
            b"5}},",
            b'"x"}}',
            b"1.5",
            b"-0.5",
        ),
        *(b'"', b"\\", b"\\u00", b"\\ud83d", b"\\ude00", b"\\n", b"\xff", b"\xc3", b"null", b"tru"),
        *(b"{", b"}", b"[", b"]", b",", b":", b" ", b"9" * 19, b"0.", b"-"),
    ]
)
PLAINLY: tuple[tuple[str, str], bool, tuple[str, str]] = ((",", ":"), True, ("", ""))


def of(
    spans: list[dict[str, Any]],
    writing: tuple[tuple[str, str], bool, tuple[str, str]] = PLAINLY,
) -> bytes:
    """A request, whatever numbers are in it; what JSON cannot say of them is no matter here."""
    separators, escaped, (name, other) = writing
    named = {"key": "service.name", "value": {"stringValue": "shop"}}
    group = {"resource": {"attributes": [named]}, "scopeSpans": [{"spans": spans}]}
    text = json.dumps({"resourceSpans": [group]}, separators=separators, ensure_ascii=escaped)
    text = text.replace(name, other) if name else text
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


@given(st.lists(SPANS, min_size=1, max_size=8), WRITINGS)
def test_they_are_what_is_read_one_by_one(
    spans: list[dict[str, Any]], writing: tuple[tuple[str, str], bool, tuple[str, str]]
) -> None:
    text = of(spans, writing)
    expected, by_one = one_by_one(text)
    got, tally = many_at_once(text)
    assert got == expected
    assert tally.rejected == by_one.rejected


@given(st.lists(SPANS, min_size=1, max_size=3), st.data())
def test_damage_is_told_alike(spans: list[dict[str, Any]], data: st.DataObject) -> None:
    hurt = bytearray(of(spans, data.draw(WRITINGS)))
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


@given(st.lists(st.lists(PARTS, max_size=30).map(b"".join), min_size=1, max_size=4))
def test_what_is_no_json_is_walked_within_bounds(spans: list[bytes]) -> None:
    spans = [b"{" + span for span in spans]  # no parser lets these through
    text = Text(spans)
    found, pairs, odd = walked(text)
    for n in np.flatnonzero(~odd):
        places = [found[n, TRACE:START], pairs[found[n, PAIR] :, VALUE:]]
        assert all(np.all(it <= text.ends[-1]) for it in places)
    columns, _ = columns_of([msgspec.Raw(span) for span in spans])
    assert all(len(column) == len(spans) for column in columns.values())


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


def test_plain_spans_take_the_quick_way() -> None:
    made = [
        span(a="b"),
        span() | {"attributes": [], "status": {"message": "x", "code": "STATUS_CODE_ERROR"}},
        span(n=7, yes=False, half=0.5, rare=1e-9),
        span(text="x", quoted='say "x" \\ \n é 😀', name='"a"', kind="SPAN_KIND_CLIENT"),
        span() | {"parentSpanId": None, "kind": None, "events": [{"name": "[}", "at": [1, {}]}]},
        span(a=1) | {"attributes": [{"value": {"intValue": 1}, "key": "a"}]},
        span() | {"attributes": [{"key": "a", "value": {"arrayValue": {"values": []}}}]},
    ]
    ((_, spans),) = JsonEnvelopes().open(request(*made))
    columns, odd = columns_of(spans)
    assert odd.tolist() == [False] * 5 + [True] * 2  # these take a parser
    assert columns["attributes"].to_pylist()[:4] == [
        '{"a":"b"}',
        "{}",
        '{"n":"7","yes":"false","half":"0.5","rare":"1e-9"}',
        r'{"text":"x","quoted":"say \"x\" \\ \n é 😀"}',
    ]
    assert columns["failed"].to_pylist()[:2] == [False, True]
    assert columns["operation"].to_pylist()[3] == '"a"'
    assert columns["kind"].to_pylist()[2:5] == ["2", "SPAN_KIND_CLIENT", None]


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
