"""Paths without ids: fewer sayings, and the methods are those of whole paths."""

import dataclasses
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from informer.config.settings import MethodSettings, Settings
from informer.engines.duckdb import DuckDBEngine
from informer.pipeline.progress import silent
from informer.pipeline.read import read_outlines, sources_of
from informer.pipeline.workspace import Workspace
from informer.spans.open import open_sources
from informer.spans.plain_paths import plain_attributes, plain_path
from informer.spans.templates import Templates

UUID = "5ad7750b-a68b-49c0-a8c0-32776b067703"
WORDS = ["", "users", "v1", "42", "order-20260601", "{id}", ":id", "a@b", "0b1c2d3e4f", "x;y=1"]
SEGMENTS = st.sampled_from([*WORDS, UUID, UUID + "12345678"]) | st.text("a0-._{}%/", max_size=14)
PATHS = st.lists(SEGMENTS, max_size=19).map(lambda segments: "/" + "/".join(segments))


METHODS = {"GET /shops/red/orders/{}", "GET /shops/blue/orders/{}"}


def method(operation: str) -> str:
    """Of a service of which nothing was learned."""
    table = pa.table({"service": ["shop"], "operation": [operation]})
    (row,) = Templates().mapping(table).to_pylist()
    return str(row["method"])


@given(PATHS, st.sampled_from(["GET ", "", "POST "]))
@example("/shop.Cart/Add", "POST ")
def test_a_plain_path_stands_for_the_same_method(path: str, verb: str) -> None:
    assert method(verb + plain_path(path)) == method(verb + path)
    assert plain_path(plain_path(path)) == plain_path(path)


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        ("/a/17?b=18", "/a/{}"),
        ("/a/17#18", "/a/{}"),
        ("https://u:17@shop:80/a/17?b", "https://u:17@shop:80/a/{}"),
        ("https://shop", "https://shop"),
        ("*", "*"),
        ("", ""),
        ("?a=17", "?a=17"),
        ("no/path/17", "no/path/17"),
        ("/a\n/17", "/a\n/{}"),
        ("/shop.v1.Cart/Add17", "/shop.v1.Cart/Add17"),
        ("/orders/17" + "/x" * 95 + "?b", "/orders/{}" + "/x" * 14 + "/{}"),
        # It may be cut, and regular expressions may take long over it.
        ("/orders/17" + "/x" * 96 + "?b", "/orders/17" + "/x" * 96),
        ("/" + "1" * 1_000_000 + "x", "/" + "1" * 1_000_000 + "x"),
    ],
)
def test_plain_addresses(address: str, plain: str) -> None:
    assert plain_path(address) == plain


def test_only_paths_in_attributes_are_made_plain() -> None:
    texts = [None, "junk", "[1]", '{"a":"/17"}', '{"url.path":17}', '{"http.target":"/17","a":1}']
    plain = plain_attributes(pa.array(texts, pa.string())).to_pylist()
    assert plain == [*texts[:5], '{"http.target":"/{}","a":1}']


def log(folder: Path) -> Path:
    """A log of Envoy with an order of its own in every line."""
    folder.mkdir()
    lines: list[dict[str, Any]] = [
        {
            "start_time": f"2026-09-21T{n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02}.000Z",
            "method": "GET",
            "path": f"/shops/{'red' if n % 2 else 'blue'}/orders/{n}?page={n}",
            "response_code": 200,
            "duration": n % 50,
            "request_id": f"request-{n}",
            "upstream_cluster": "inbound|9080||",
        }
        for n in range(300)
    ]
    path = folder / "web-v1.json"
    path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    return path


def learned(path: Path, folder: Path, settings: Settings) -> tuple[list[Any], int, set[str]]:
    """What was learned, how many sayings there were, and operations of examples."""
    with Workspace.create(folder, settings) as home, home.reading() as scratch:
        read_outlines(scratch, home, lambda: sources_of([path], settings), silent, asked={})
        asked = (
            "select rpc_id, method, first_seen_ns from rpcs order by rpc_id",
            "select shape_id, chains, last_seen_ns from shapes order by shape_id",
            "select step_start_ns, sum(chains) as n from chain_steps group by all order by all",
        )
        found = [scratch.query(sql).to_pylist() for sql in asked]
        sayings = scratch.query("select count(*) as n from sayings")["n"][0].as_py()
        spans = scratch.query("select distinct operation from spans")
        return found, sayings, set(spans["operation"].to_pylist())


def test_operations_that_differ_in_ids_alone_are_one_saying(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = log(tmp_path / "logs")
    plain, sayings, operations = learned(path, tmp_path / "plain", Settings())
    assert sayings == 2
    assert operations == METHODS

    def opened(*files: Any, **options: Any) -> Any:
        return open_sources(*files, **options | {"whole_paths": True})

    monkeypatch.setattr("informer.pipeline.read.open_sources", opened)
    whole, sayings, operations = learned(path, tmp_path / "whole", Settings())
    assert sayings == 300
    assert not any("{}" in operation for operation in operations)
    assert plain == whole
    assert {rpc["method"] for rpc in plain[0]} == METHODS


def test_method_rules_see_ids(tmp_path: Path) -> None:
    rules = ((r"^GET /shops/[a-z]+/orders/\d+$", "GET /shops/{shop}/orders/{order}"),)
    settings = dataclasses.replace(Settings(), methods=MethodSettings(rules=rules))
    (rpcs, *_), sayings, _ = learned(log(tmp_path / "logs"), tmp_path / "w", settings)
    assert {rpc["method"] for rpc in rpcs} == {"GET /shops/{shop}/orders/{order}"}
    assert sayings == 300


def test_an_attribute_of_a_table_says_no_id(tmp_path: Path) -> None:
    path = tmp_path / "spans.csv"
    rows = [f't{n},{n},shop,,{n + 1},"{{""url.path"":""/orders/{n}""}}"' for n in range(30)]
    path.write_text("trace_id,span_id,service,operation,start_ns,attributes\n" + "\n".join(rows))
    with DuckDBEngine(threads=1) as engine:
        (source,) = open_sources([str(path)])
        (lines,) = source.lines(engine, b"key")
        told = engine.query("select operation from sayings").to_pylist()
    assert told == [{"operation": "/orders/{}"}]
    assert '"/orders/7"' in lines.rows["all_attributes"].to_pylist()[7]


def test_whole_and_plain_addresses_are_told_as_the_same_methods(tmp_path: Path) -> None:
    random = Random(7)
    pieces = ["/", "/a", "/17", "/order-17", "/0b1c2d3e4f", "?", "#", "https://", "shop:80", UUID]
    pieces += [
        "\x01",
        " ",
        "\n",
        "é",
        "{id}",
        ";x=1",
        "%40",
        "x" * 60,
        "1" * 80,
        "/a.B/C",
        "'",
        ",",
    ]
    addresses = ["".join(random.choices(pieces, k=random.randint(1, 9))) for _ in range(800)]
    path = tmp_path / "spans.jsonl"
    keys = ("url.path", "http.target", "url.full", "http.url")
    rows = [
        {"trace_id": f"t{n}", "span_id": f"{n}", "service": "shop", "start_ns": n + 1}
        | {"attributes": {random.choice(keys): address, "http.method": "GET"}}
        for n, address in enumerate(addresses)
    ]
    path.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    told = {}
    for whole_paths in (True, False):
        with DuckDBEngine(threads=1) as engine:
            (source,) = open_sources([str(path)], whole_paths=whole_paths)
            (lines,) = source.lines(engine, b"key")
            operations = {
                row["saying"]: row["operation"]
                for row in engine.query("select saying, operation from sayings").to_pylist()
            }
        told[whole_paths] = [operations[n] for n in lines.rows["saying"].to_pylist()]
    assert len(set(told[False])) < len(set(told[True]))
    for address, whole, plain in zip(addresses, told[True], told[False], strict=True):
        assert method(whole) == method(plain), address
