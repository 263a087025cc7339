"""Tables of spans and RPC logs: columns, units, pods, roots, bad rows."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from informer.core.errors import InformerError
from informer.spans import recognise
from span_reading import T0, read, written

OURS = "trace_id,span_id,parent_span_id,service,operation,kind,start_ns,duration_ns"


def table(tmp_path: Path, *rows: str, header: str = OURS) -> Path:
    """A CSV file."""
    return written(tmp_path / "spans.csv", "\n".join([header, *rows]) + "\n")


def columns(text: str) -> dict[str, str]:
    """A mapping as `--columns` takes it."""
    return dict(part.split("=") for part in text.split(","))


def test_a_table_with_our_names_needs_no_options(tmp_path: Path) -> None:
    reading = read(table(tmp_path, f"t,s,root,shop,GET /,2,{T0},5"))
    assert reading.formats == ["table"]
    assert reading.notes == ["columns as in the Informer layout"]
    row = reading.row
    assert (row["trace_id"], row["parent_span_id"], row["kind"]) == ("t", None, "server")
    assert (row["start_ns"], row["duration_ns"], row["operation"]) == (T0, 5, "GET /")


@pytest.mark.parametrize("container", ["csv", "tsv", "parquet", "ndjson", "json"])
def test_every_container_gives_the_same_rows(tmp_path: Path, container: str) -> None:
    given = [
        {"id": "00e1", "sid": "1", "svc": 'a "b"', "op": "x\ny, z", "at": T0, "end": T0 + 7},
        {"id": "1e10", "sid": "02", "svc": "ü", "op": "'; drop table x; --", "at": T0, "end": T0},
    ]
    path = tmp_path / f"data.{container}"
    match container:
        case "parquet":
            pq.write_table(pa.Table.from_pylist(given), path)
        case "ndjson":
            written(path, "\n".join(json.dumps(row) for row in given))
        case "json":
            written(path, json.dumps(given))
        case _:
            mark = "\t" if container == "tsv" else ","
            lines = [mark.join(given[0])]
            for row in given:
                cells = (str(value).replace('"', '""') for value in row.values())
                lines.append(mark.join(f'"{cell}"' for cell in cells))
            written(path, "\r\n".join(lines))
    mapping = columns("trace_id=id,span_id=sid,service=svc,operation=op,start_ns=at,end_ns=end")
    reading = read(path, columns=mapping)
    found = {(r["trace_id"], r["span_id"], r["service"], r["operation"]) for r in reading.rows}
    assert found == {
        ("00e1", "1", 'a "b"', "x y, z"),
        ("1e10", "02", "ü", "'; drop table x; --"),
    }
    assert [row["duration_ns"] for row in reading.rows] in ([7, 0], [0, 7])
    assert not reading.rejected


@pytest.mark.parametrize(
    ("unit", "start", "duration", "factor"),
    [
        ("ns", f"{T0}", "1500", 1),
        ("us", f"{T0 // 1000}", "1500", 1000),
        ("ms", f"{T0 // 1_000_000}", "1.5", 1_000_000),
        ("s", f"{T0 // 1_000_000_000}.000000001", "0.25", 1_000_000_000),
    ],
)
def test_times_come_in_four_units(
    tmp_path: Path, unit: str, start: str, duration: str, factor: int
) -> None:
    header = f"trace_id,span_id,service,start_{unit},duration_{unit}"
    row = read(table(tmp_path, f"t,s,a,{start},{duration}", header=header)).row
    assert row["start_ns"] == T0 + (unit == "s")
    assert row["duration_ns"] == round(float(duration) * factor)


def test_the_end_may_be_given_instead_of_the_duration(tmp_path: Path) -> None:
    header = "trace_id,span_id,service,start_ms,end_ms"
    row = read(table(tmp_path, "t,s,a,1780272000000,1780272000007", header=header)).row
    assert row["duration_ns"] == 7_000_000


def test_a_table_without_durations_is_a_table_of_moments(tmp_path: Path) -> None:
    header = "trace_id,span_id,service,start_ns"
    assert read(table(tmp_path, f"t,s,a,{T0}", header=header)).row["duration_ns"] == 0


@pytest.mark.parametrize("typed", [False, True])
def test_times_may_be_written_out(tmp_path: Path, typed: bool) -> None:
    header = "trace_id,span_id,service,start_ns,end_ns"
    path = table(tmp_path, "t,s,a,2026-06-01T00:00:00Z,2026-06-01T02:00:00.5+02:00", header=header)
    if typed:
        at = pa.array([T0, T0 + 500_000_000], pa.timestamp("ns"))
        given = {"trace_id": ["t"], "span_id": ["s"], "service": ["a"]}
        path = tmp_path / "spans.parquet"
        pq.write_table(pa.table({**given, "start_ns": at[:1], "end_ns": at[1:]}), path)
    row = read(path).row
    assert (row["start_ns"], row["duration_ns"]) == (T0, 500_000_000)


@pytest.mark.parametrize("unit", [None, "s", "ms", "us"])
@pytest.mark.parametrize(
    "far", ["0001-01-01T00:00:00", "1600-01-01T00:00:00", "9999-12-31T00:00:00"]
)
def test_a_time_that_nanoseconds_have_no_room_for_is_missing(
    tmp_path: Path, unit: str | None, far: str
) -> None:
    """Such as the zero time of Go, or an end that never came."""
    near = "2026-06-01T00:00:00"
    given = {"trace_id": ["t", "t"], "span_id": ["1", "2"], "service": ["a", "a"]}
    starts, ends = [near, far], [far, near]
    if unit is None:
        path = tmp_path / "spans.jsonl"
        lines = zip(*given.values(), starts, ends, strict=True)
        names = (*given, "start_ns", "end_ns")
        path.write_text("\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in lines))
    else:
        path = tmp_path / "spans.parquet"
        times = {
            name: pa.array([datetime.fromisoformat(t) for t in texts], pa.timestamp(unit, "UTC"))
            for name, texts in (("start_ns", starts), ("end_ns", ends))
        }
        pq.write_table(pa.table({**given, **times}), path)
    found = read(path)
    assert (found.row["span_id"], found.row["duration_ns"]) == ("1", 0)
    assert found.rejected == {"missing_time": 1}


@pytest.mark.parametrize("at", [T0 / 1e9, T0 // 1_000_000_000])
def test_parquet_times_are_whole_or_fractions(tmp_path: Path, at: float) -> None:
    given = {"trace_id": ["t"], "span_id": ["s"], "service": ["a"], "start_s": [at]}
    pq.write_table(pa.table(given), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet").row["start_ns"] == T0


def test_a_start_in_another_unit_is_guessed_for_each_file(tmp_path: Path) -> None:
    header = "trace_id,span_id,service,start_ns,end_ns"
    written(tmp_path / "a.csv", f"{header}\nt,1,a,{T0 // 1000},{T0 // 1000 + 2}\n")
    written(tmp_path / "b.csv", f"{header}\nt,2,a,{T0},{T0 + 2}\n")
    reading = read(tmp_path)
    assert [(row["start_ns"], row["duration_ns"]) for row in reading.rows] == [(T0, 2000), (T0, 2)]
    assert [n for n in reading.notes if "times are microseconds, not nanoseconds" in n]


@pytest.mark.parametrize("root", ["", "root", "-1", "0000000000000000"])
def test_roots_are_written_in_many_ways(tmp_path: Path, root: str) -> None:
    assert read(table(tmp_path, f"t,s,{root},a,x,1,{T0},5")).row["parent_span_id"] is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("3", "client"),
        ("SPAN_KIND_PRODUCER", "producer"),
        ("Server", "server"),
        ("5", "consumer"),
        ("Local", "internal"),
        ("", "unspecified"),
        ("nonsense", "unspecified"),
    ],
)
def test_kinds_are_numbers_or_names(tmp_path: Path, text: str, kind: str) -> None:
    assert read(table(tmp_path, f"t,s,,a,x,{text},{T0},5")).row["kind"] == kind


@pytest.mark.parametrize(
    ("pod", "service", "version"),
    [
        ("ts-gateway-service-6f6cfc45b-d9pnv", "ts-gateway-service", "6f6cfc45b"),
        ("redis-0", "redis", None),
        ("fluentd-x7k2p", "fluentd", None),
        ("frontend-proxy", "frontend-proxy", None),
    ],
)
def test_a_service_is_its_pods_name_without_hashes(
    tmp_path: Path, pod: str, service: str, version: str | None
) -> None:
    path = table(tmp_path, f"t,s,{pod},{T0}", header="trace_id,span_id,PodName,start_ns")
    mapping = columns("trace_id=trace_id,span_id=span_id,service=PodName,start_ns=start_ns")
    row = read(path, columns=mapping).row
    assert (row["service"], row["version"]) == (service, version)


def test_a_service_that_is_no_pod_keeps_its_number(tmp_path: Path) -> None:
    assert read(table(tmp_path, f"t,s,,orders-2,x,2,{T0},5")).row["service"] == "orders-2"


def test_optional_columns_are_taken(tmp_path: Path) -> None:
    header = f"{OURS},failed,status_code,weight,version,scope,peer,attributes"
    reading = read(
        table(
            tmp_path,
            f't,1,,a,x,3,{T0},5,True,,4,v7,mesh,b,"{{""user_agent"": ""curl""}}"',
            f"t,2,,a,x,3,{T0},5,no,429,nan,,,,not json",
            f"t,3,,a,x,3,{T0},5,,16,0.1,,,,",
            header=header,
        )
    )
    one, two, three = reading.rows
    assert (one["failed"], one["weight"], one["version"]) == (True, 4.0, "v7")
    assert (one["scope"], one["peer"], one["attributes"]) == ("mesh", "b", '{"user_agent": "curl"}')
    assert (two["refused"], two["failed"], two["weight"]) == (True, False, 1.0)
    assert (two["version"], two["attributes"]) == (None, "{}")
    assert (three["refused"], three["weight"]) == (True, 1.0)


def test_attributes_may_be_a_map(tmp_path: Path) -> None:
    kind = pa.map_(pa.string(), pa.string())
    given = {"trace_id": ["t"], "span_id": ["s"], "service": ["a"], "start_ns": [T0]}
    made = pa.table({**given, "attributes": pa.array([[("user_agent", "curl")]], kind)})
    pq.write_table(made, tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet").row["attributes"] == '{"user_agent":"curl"}'


def test_a_parquet_file_that_is_damaged_inside_is_one_clear_line(tmp_path: Path) -> None:
    ids = [f"{i:032x}" for i in range(50_000)]
    made = {"trace_id": ids, "span_id": ids, "service": ids, "start_ns": [T0] * len(ids)}
    pq.write_table(pa.table(made), tmp_path / "a.parquet")
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    written(tmp_path / "a.parquet", bytes(content))
    with pytest.raises(InformerError, match="cannot read") as error:
        read(tmp_path / "a.parquet")
    assert "\n" not in str(error.value)


def test_rows_that_lack_what_they_need_are_counted_by_reason(tmp_path: Path) -> None:
    reading = read(
        table(
            tmp_path,
            f",s,,a,x,2,{T0},5",
            f"t,,,a,x,2,{T0},5",
            f"t,s,,,x,2,{T0},5",
            "t,s,,a,x,2,,5",
            "t,s,,a,x,2,soon,5",
            f"t,s,,a,x,2,-{T0},5",
            f"t,s,,a,x,2,{10**30},5",
            f"t,s,,a,x,2,{T0},5,too,many",
            "too few",
            f"t,ok,,a,x,2,{T0},-5",
        )
    )
    assert [row["span_id"] for row in reading.rows] == ["ok"]
    assert reading.row["duration_ns"] == 0
    assert reading.rejected == {
        "missing_trace_id": 1,
        "missing_span_id": 1,
        "missing_service": 1,
        "missing_time": 4,
        "unreadable_line": 2,
    }


def test_lines_that_cannot_be_read_are_counted_when_a_condition_is_given_too(
    tmp_path: Path,
) -> None:
    path = table(tmp_path, f"t,1,,a,x,2,{T0},5", f"t,2,,b,x,2,{T0},5", "too few")
    reading = read(path, where="service = 'b'")
    assert [row["span_id"] for row in reading.rows] == ["2"]
    assert reading.rejected == {"unreadable_line": 1}


@pytest.mark.parametrize("head", [len(OURS) + 8, 4 << 20], ids=["cut within a letter", "whole"])
def test_a_file_is_a_table_whatever_bytes_come_behind_its_header(
    tmp_path: Path, head: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognise, "HEAD", head)
    good, bad = f"{OURS}\nt,1,,aü,x,2,{T0},5\n", f"t,2,,b\xff,x,2,{T0},5\n"
    path = tmp_path / "spans.csv"
    path.write_bytes(good.encode() + bad.encode("latin1"))
    assert path.read_bytes()[: len(OURS) + 8].endswith("ü".encode()[:1])
    reading = read(path)
    assert [row["service"] for row in reading.rows] == ["aü"]
    assert reading.rejected == {"unreadable_line": 1}


def test_a_quote_that_is_never_closed_costs_what_it_swallows_and_that_is_counted(
    tmp_path: Path,
) -> None:
    good = [f"t,{n},,a,x,2,{T0 + n},5" for n in range(1, 5)]
    reading = read(table(tmp_path, *good, f't,"5,,a,x,2,{T0},5', *good))
    assert [row["span_id"] for row in reading.rows] == ["1", "2", "3", "4"]
    assert reading.rejected == {"unreadable_line": 5}


def test_a_value_of_a_megabyte_is_cut(tmp_path: Path) -> None:
    row = read(table(tmp_path, f"t,s,,a,{'x' * 1_000_000},2,{T0},5")).row
    assert row["operation"] == "x" * 256


def lines(tmp_path: Path, mapping: str, *rows: str, header: str) -> list[dict[str, Any]]:
    """Rows of an RPC log."""
    return read(table(tmp_path, *rows, header=header), columns=columns(mapping)).rows


def test_an_rpc_log_line_is_named_by_its_callee_and_hangs_below_its_caller(tmp_path: Path) -> None:
    rows = lines(
        tmp_path,
        "trace_id=req,caller=src,callee=dst,method=api,start_ns=t",
        f"r,outside,web,GET /,{T0}",
        f"r,web,auth,Login,{T0 + 1}",
        header="req,src,dst,api,t",
    )
    assert [(r["span_id"], r["parent_span_id"], r["peer"], r["kind"]) for r in rows] == [
        ("web", None, None, "server"),
        ("auth", "?web", "web", "server"),
    ]


def test_rpc_log_lines_with_ids_keep_them(tmp_path: Path) -> None:
    (row,) = lines(
        tmp_path,
        "trace_id=req,span_id=id,parent_span_id=up,caller=src,callee=dst,start_ns=t",
        f"r,7,3,web,auth,{T0}",
        header="req,id,up,src,dst,t",
    )
    assert (row["span_id"], row["parent_span_id"], row["peer"]) == ("7", "3", "web")
    assert row["operation"] == "*"


def test_without_a_trace_id_every_line_is_a_chain_of_its_own(tmp_path: Path) -> None:
    given = ("caller=src,callee=dst,method=api,start_s=t", *[f"web,auth-2,Login,{T0 // 10**9}"] * 3)
    rows = lines(tmp_path, *given, header="src,dst,api,t")
    assert len({row["trace_id"] for row in rows}) == 3
    assert {(row["service"], row["parent_span_id"]) for row in rows} == {("auth-2", None)}
    again = lines(tmp_path, *given, header="src,dst,api,t")
    assert again == rows


@pytest.mark.parametrize(
    ("mapping", "why"),
    [
        ("trace_id=trace_id,span_id=span_id,service=service", "must name the column of start_ns"),
        ("trace_id=trace_id,span_id=span_id,start_ns=start_ns", "must name the column of service"),
        ("caller=service,start_ns=start_ns", "must name the column of callee"),
        ("pod=service", "takes our names on the left"),
        ("trace_id=nope,span_id=span_id,service=service,start_ns=start_ns", "has no column 'nope'"),
    ],
)
def test_a_wrong_mapping_is_one_clear_line(tmp_path: Path, mapping: str, why: str) -> None:
    with pytest.raises(InformerError, match=why):
        read(table(tmp_path), columns=columns(mapping))


def test_the_format_may_be_told(tmp_path: Path) -> None:
    path = table(tmp_path, f"t,s,,a,x,2,{T0},5")
    assert read(path, format="table").row["span_id"] == "s"
    with pytest.raises(InformerError, match="--format must be one of"):
        read(path, format="csv")
    with pytest.raises(InformerError, match="--columns is for tables"):
        read(path, format="otlp", columns={"trace_id": "trace_id"})
