"""Which files a SOURCE names, what they are, and what is left of damaged ones."""

import contextlib
import gzip
import os
import random
import struct
import sys
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from informer.core.errors import InformerError
from informer.engines.duckdb import DuckDBEngine
from informer.spans.files import files_of
from informer.spans.open import open_sources
from span_reading import T0, TRACE, read, request, span, written

CSV = "trace_id,span_id,service,start_ns,duration_ns\n"


def zstd(content: bytes) -> bytes:
    """Content packed as one zstd frame."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def many(n: int) -> bytes:
    """So many lines of one span each."""
    return b"\n".join(request(span(f"{i:016x}", start_ns=T0 + i)) for i in range(n)) + b"\n"


def test_a_folder_gives_known_files_below_it_and_no_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.csv", "a/x.log.gz", "a/.hidden.json", ".git/y.json", "README.md", "a/z.pb.zst"):
        written(tmp_path / name, "x")
    found = [str(path.relative_to(tmp_path)) for path in files_of([str(tmp_path)])]
    assert found == ["b.csv", "a/x.log.gz", "a/z.pb.zst"]


def test_globs_and_file_uris_name_files_once(tmp_path: Path) -> None:
    one, two = written(tmp_path / "a b.csv", "x"), written(tmp_path / "deep/er/c.csv", "x")
    uri = "file://" + str(one).replace(" ", "%20")
    assert files_of([uri, str(tmp_path / "*.csv"), str(tmp_path / "**/c.csv")]) == [one, two]


def test_a_name_with_brackets_is_a_file_when_it_exists(tmp_path: Path) -> None:
    path = written(tmp_path / "run[1].jsonl", request(span()))
    assert len(read(path).rows) == 1


@pytest.mark.parametrize(
    "location",
    [
        *("nowhere.csv", "*.none", "a**b/*.csv", "/a**b/*.csv"),
        *("s3://bucket/x", "file://host/x", "file://[x/y"),
    ],
)
def test_a_location_that_names_nothing_is_the_users_mistake(location: str) -> None:
    with pytest.raises(InformerError, match="SOURCE must"):
        files_of([location])


def test_a_folder_without_a_known_file_says_what_is_known(tmp_path: Path) -> None:
    written(tmp_path / "notes.md", "x")
    with pytest.raises(InformerError, match="holds no file with a known extension"):
        files_of([str(tmp_path)])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (random.Random(0).randbytes(4096), "got none of them"),
        (b"\x0a\xff\xff\xff\xff\xff\xff", "got none of them"),
        (b"\x7fELF" + bytes(100), "got none of them"),
        (b"PAR1 cut", "must be a whole Parquet file"),
        (b"hello\nworld\n", "got none of them"),
        (b"name,age\nx,1\n", "--columns"),
        (b'{"a": 1}\n', "--columns"),
        (b'"just text"\n', "got none of them"),
    ],
)
def test_a_file_of_no_use_is_one_clear_line(tmp_path: Path, content: bytes, why: str) -> None:
    path = written(tmp_path / "data.json", content)
    with pytest.raises(InformerError, match=why) as error:
        open_sources([str(path)])
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_what_can_be_read_only_once_is_no_file(tmp_path: Path) -> None:
    """Of a pipe the beginning was gone when its spans were read."""
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(InformerError, match="must be a file, which is read more than once"):
        open_sources([str(tmp_path / "pipe.jsonl")])
    written(tmp_path / "a.jsonl", request(span()))
    reading = read(tmp_path)
    assert len(reading.rows) == 1
    assert any("pipe" in note for note in reading.notes)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are texts")
def test_a_name_that_is_no_text_is_told_and_skipped(tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path / "b") + b"\xff.jsonl"))
    written(odd, request(span()))
    with pytest.raises(InformerError, match="must be a name in UTF-8"):
        open_sources([str(odd)])
    written(tmp_path / "a.jsonl", request(span()))
    assert len(read(tmp_path).rows) == 1


def test_blank_lines_before_a_header_are_no_lengths(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", f"\n\n\ntrace_id,span_id,service,start_ns\nt,s,a,{T0}\n")
    assert read(path).row["service"] == "a"


def test_of_many_files_those_of_no_use_are_told_and_skipped(tmp_path: Path) -> None:
    written(tmp_path / "a.jsonl", request(span()))
    written(tmp_path / "b.jsonl", b"")
    reading = read(tmp_path)
    assert len(reading.rows) == 1
    assert any("b.jsonl is empty" in note for note in reading.notes)


def test_a_folder_of_mixed_formats_is_read_as_several_sources(tmp_path: Path) -> None:
    written(tmp_path / "a.jsonl", request(span()))
    written(tmp_path / "b.csv", f"{CSV}t,s,shop,{T0},5\n")
    written(tmp_path / "c.csv", f"{CSV}t,s2,shop,{T0},5\n")
    reading = read(tmp_path)
    assert reading.formats == ["otlp", "table"]
    assert len(reading.rows) == 3


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_a_packed_file_gives_the_same_spans(tmp_path: Path, pack: object) -> None:
    plain = read(written(tmp_path / "a.jsonl", many(300)))
    packed = read(written(tmp_path / "b.bin", pack(many(300))))  # type: ignore[operator]
    assert packed.rows == plain.rows


def test_parts_packed_one_after_the_other_are_all_read(tmp_path: Path) -> None:
    parts = gzip.compress(request(span("a")) + b"\n") + gzip.compress(request(span("b")) + b"\n")
    assert [row["span_id"] for row in read(written(tmp_path / "a.gz", parts)).rows] == ["a", "b"]


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_of_a_cut_file_the_readable_part_is_used(tmp_path: Path, pack: object) -> None:
    noise = os.urandom(200_000).hex()
    lines = [
        request(span(f"{i + 1:016x}", noise=noise[i * 200 : i * 200 + 200])) for i in range(2000)
    ]
    packed = pack(b"\n".join(lines))  # type: ignore[operator]
    reading = read(written(tmp_path / "a.jsonl.x", packed[: len(packed) * 3 // 4]))
    assert 500 < len(reading.rows) < 2000
    assert reading.rejected == {"damaged_file": 1}
    assert any("cut off" in note for note in reading.notes)


def test_of_a_cut_table_the_readable_part_is_used(tmp_path: Path) -> None:
    rows = "".join(f"t{i},s,{os.urandom(20).hex()},{T0 + i},5\n" for i in range(5000))
    packed = gzip.compress((CSV + rows).encode())
    reading = read(written(tmp_path / "a.csv.gz", packed[: len(packed) // 2]))
    assert 1000 < len(reading.rows) < 5000
    assert reading.rejected == {"damaged_file": 1}


def test_a_message_that_claims_more_than_there_is_costs_no_memory(tmp_path: Path) -> None:
    whole = struct.pack(">I", len(request(span()))) + request(span())
    reading = read(written(tmp_path / "a.pb", whole + struct.pack(">I", 2**32 - 1) + b"x"))
    assert len(reading.rows) == 1
    assert any("claims 4294967295 bytes" in note for note in reading.notes)


def test_lines_that_are_no_json_are_counted(tmp_path: Path) -> None:
    deep = b'{"resourceSpans":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    content = b"\n".join([b"{broken", request(span("a")), deep, b"\xff\xfe", request(span("b"))])
    reading = read(written(tmp_path / "a.jsonl", content))
    assert len(reading.rows) == 2
    assert reading.rejected == {"not_json": 3}


def test_a_document_over_many_lines_is_one_document(tmp_path: Path) -> None:
    document = orjson.dumps(orjson.loads(request(span())), option=orjson.OPT_INDENT_2)
    assert len(read(written(tmp_path / "a.json", b"\xef\xbb\xbf" + document)).rows) == 1


def test_a_damaged_parquet_file_among_others_is_skipped(tmp_path: Path) -> None:
    columns = {"trace_id": ["t"], "span_id": ["s"], "service": ["a"], "start_ns": [T0]}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    written(tmp_path / "b.parquet", (tmp_path / "a.parquet").read_bytes()[:-20])
    reading = read(tmp_path)
    assert [row["trace_id"] for row in reading.rows] == ["t"]
    assert any("b.parquet must be a whole Parquet file" in note for note in reading.notes)


def test_of_two_names_of_a_field_the_first_that_says_something_counts(tmp_path: Path) -> None:
    line = {"time": "2026-06-01T00:00:00Z", "method": "GET", "path": "/", "flags": "UF"}
    said = {"user_agent": "-", "ua": "curl", "response_flags": "NR", "request_id": ["x"]}
    row = read(written(tmp_path / "a-v1.log", orjson.dumps(line | said))).row
    told = orjson.loads(row["attributes"])
    assert (told["user_agent"], told["response_flags"]) == ("curl", "NR")
    assert "x-request-id" not in told


def test_trace_ids_are_kept_as_they_are(tmp_path: Path) -> None:
    assert read(written(tmp_path / "a.jsonl", request(span()))).row["trace_id"] == TRACE


def test_a_proxy_may_talk_about_itself_before_it_logs(tmp_path: Path) -> None:
    golden = Path(__file__).parent.parent / "golden" / "spans"
    start = "2026-06-01T00:00:00Z\tinfo\tstarting\n" * 200
    text = written(tmp_path / "a-v1.log", start + (golden / "productpage-v1.log").read_text())
    lines = written(tmp_path / "b-v1.log", start + (golden / "envoy.jsonl").read_text())
    reading = read(text, lines)
    assert reading.formats == ["istio", "envoy"]
    assert len(reading.rows) == 9


def test_a_first_line_may_be_a_megabyte(tmp_path: Path) -> None:
    line = b'{"trace_id":"t","span_id":"s","service":"%s","start_ns":%d}' % (b"x" * 2_000_000, T0)
    assert read(written(tmp_path / "a.ndjson", line)).row["service"] == "x" * 256


def test_sources_must_be_named() -> None:
    with pytest.raises(InformerError, match="at least one file"):
        open_sources([])


def test_a_csv_may_mix_ends_of_lines(tmp_path: Path) -> None:
    """Found by fuzzing."""
    sample = (Path(__file__).parents[1] / "golden/spans/nezha.csv").read_bytes()
    plain = read(written(tmp_path / "plain.csv", sample))
    lines = sample.splitlines()
    mixed = b"\r\n" + b"".join(line + b"\n\r\n"[n % 2 :] for n, line in enumerate(lines))
    assert read(written(tmp_path / "mixed.csv", mixed)).rows == plain.rows


def test_a_table_of_json_that_is_damaged_further_down_is_told_plainly(tmp_path: Path) -> None:
    """Found by fuzzing."""
    sample = Path(__file__).parents[1] / "golden/spans/mesh.jsonl"
    lines = sample.read_bytes().splitlines(keepends=True)
    damaged = tmp_path / "spans.jsonl"
    damaged.write_bytes(lines[0] + b"{]" + b"".join(lines[1:]))
    with DuckDBEngine() as engine, contextlib.suppress(InformerError):
        for source in open_sources([str(damaged)]):
            for _ in source.stage(engine, "staged"):
                pass
