"""Bad input ends in one clear line, or is counted and skipped; it never crashes."""

import gzip
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest

from command import done, run
from informer.pipeline.workspace import Workspace
from shop import Shop, with_settings
from traffic_maker import COLUMNS, MONDAY_NS, STEP_NS, make_spans, write_spans
from unmeasured import unmeasured

HOSTILE = [
    "it's",
    'a"b',
    "'; drop table runs; --",
    "line\nbreak",
    "\x1b[31mred\x1b[0m",
    "\x9b31m",
    "bell\x07del\x7f",
    "tab\there",
    "\u202eright to left",
    "a|b",
    "a>b:c",
    "100%s {x} \\ $name",
    "🎈" * 40,
    "a" * 5000,
    "[red]markup[/red]",
    "unit\x1fseparator",
]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return with_settings(tmp_path / "workspace")


def learn(workspace: Path, *args: object) -> Any:
    return run("learn", *args, "-w", workspace, "--step", "600s")


def spans(steps: int = 6) -> pa.Table:
    return make_spans(60, steps, seed=11)


def changed(table: pa.Table, **columns: Any) -> pa.Table:
    """The table with some columns replaced."""
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, pa.array(values))
    return table


def written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# Files that are none


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ("empty.json", b""),
        ("empty.parquet", b""),
        ("lines.json", b"\n\n\n"),
        ("junk.bin", bytes(range(256)) * 64),
        ("junk.parquet", b"PAR1" + bytes(range(256)) * 64),
        ("junk.json", b"\x00\xff\xfe" * 5000),
        ("half.json", b'{"resourceSpans": [{"resource"'),
        ("other.json", b'{"hello": "world"}\n' * 50),
        ("number.json", b"42\n"),
        ("deep.json", b"[" * 100_000),
        ("only-a-header.csv", b"trace_id,span_id,parent_span_id,service,operation,start_ns\n"),
        ("image.png", b"\x89PNG\r\n\x1a\n" + bytes(1000)),
        ("prose.txt", b"It was the best of times, it was the worst of times.\n" * 20),
    ],
)
def test_a_file_without_spans_is_told_in_one_line(
    workspace: Path, tmp_path: Path, name: str, content: bytes
) -> None:
    ran = learn(workspace, written(tmp_path / name, content))
    assert name in ran.complaint
    assert run("check", tmp_path / name).code == 2


def test_of_a_truncated_gzip_what_can_be_read_is_used_and_the_rest_is_told(
    workspace: Path, tmp_path: Path
) -> None:
    lines = b"\n".join(
        orjson.dumps(
            {"trace_id": f"t{i}", "span_id": "s", "service": "a", "start_ns": MONDAY_NS + i}
        )
        for i in range(5000)
    )
    packed = gzip.compress(lines)
    path = written(tmp_path / "spans.json.gz", packed[: len(packed) // 2])
    ran = learn(workspace, path)
    assert ran.code == 0
    assert "spans.json.gz: the gzip data is cut off" in ran.err


def test_a_truncated_parquet_is_told_in_one_line(workspace: Path, tmp_path: Path) -> None:
    whole = write_spans(tmp_path / "whole.parquet", spans()).read_bytes()
    path = written(tmp_path / "half.parquet", whole[: len(whole) // 2])
    assert "half.parquet" in learn(workspace, path, "--columns", COLUMNS).complaint


def test_a_file_that_is_not_there_is_told_in_one_line(workspace: Path, tmp_path: Path) -> None:
    assert "none.json" in learn(workspace, tmp_path / "none.json").complaint
    assert learn(workspace, tmp_path / "*.json").code == 2


def test_a_folder_without_readable_files_is_told_in_one_line(
    workspace: Path, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    assert "folder" in learn(workspace, tmp_path / "folder").complaint
    written(tmp_path / "folder" / "notes.txt", b"nothing to see here\n")
    assert "folder" in learn(workspace, tmp_path / "folder").complaint


@pytest.mark.parametrize(
    "args",
    [
        *(("patterns", verb, "\udcff", "-w", "W") for verb in ("show", "accept", "revert")),
        *(("incidents", verb, "\udcff", "-w", "W") for verb in ("show", "reject")),
        ("incidents", "show", "1", "-w", "b\udcff"),
        ("incidents", "accept", "1", "-w", "W", "--note", "\udcff"),
        ("detect", "s.parquet", "-w", "W", "--scores", "b\udcff/scores.parquet"),
        ("detect", "s.parquet", "-w", "W", "--report", "b\udcff/report.html"),
        ("check", "s.parquet", "--where", "service = '\udcff'"),
        ("simulate", "shop", "-o", "b\udcff/out"),
        ("policy", "export", "-w", "W", "-o", "b\udcff"),
        ("policy", "verify", "a.rules", "--shadow", "a.log", "--shadow", "\udcff"),
    ],
    ids=ascii,
)
def test_what_is_typed_and_no_utf_8_is_told_in_one_line(args: tuple[str, ...]) -> None:
    complaint = run(*args).complaint
    assert "must be UTF-8" in complaint
    assert "\N{REPLACEMENT CHARACTER}" in complaint


def test_a_bad_file_among_good_ones_is_skipped_and_told(workspace: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    write_spans(folder / "good.parquet", spans())
    written(folder / "bad.parquet", b"PAR1 no more")
    ran = learn(workspace, folder, "--columns", COLUMNS)
    assert ran.code == 0
    assert "bad.parquet" in ran.err


def test_bytes_that_are_no_text_are_learned_as_signs_and_else_told_in_one_line(
    workspace: Path, tmp_path: Path
) -> None:
    table = spans()
    names = pa.array([name.encode() + b"\xff" for name in table["Service"].to_pylist()])
    named = pa.Array.from_buffers(pa.string(), len(names), names.buffers())
    place = table.schema.get_field_index("Service")
    path = write_spans(tmp_path / "s.parquet", table.set_column(place, "Service", named))
    assert learn(workspace, path, "--columns", COLUMNS).code == 0
    with Workspace.open(workspace) as home:
        services = set(home.table("rpcs")["callee"].to_pylist())
    assert services
    assert all(service.endswith("\ufffd") for service in services)
    for asked in (("check", path, "--columns", COLUMNS), ("detect", path, "-w", workspace)):
        complaint = run(*asked).complaint
        assert complaint.startswith("informer: cannot read on: Invalid Input Error: Invalid")
        assert complaint.isprintable()


def test_json_in_parquet_that_is_none_is_told_in_one_line(workspace: Path, tmp_path: Path) -> None:
    table = spans()
    broken = pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"a":'] * len(table)))
    path = write_spans(tmp_path / "s.parquet", table.append_column("attributes", broken))
    complaint = learn(workspace, path, "--columns", f"{COLUMNS},attributes=attributes").complaint
    assert complaint.startswith("informer: cannot read on: Invalid Input Error: Invalid JSON")


# Options that do not fit


def test_a_missing_column_is_named(workspace: Path, tmp_path: Path) -> None:
    path = write_spans(tmp_path / "t.parquet", spans().drop_columns(["Service"]))
    assert "has no column 'Service'" in learn(workspace, path, "--columns", COLUMNS).complaint
    assert learn(workspace, path).code == 2


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--columns", "trace_id"), "--columns must be ours=theirs pairs"),
        (("--columns", "colour=Service"), "colour"),
        (("--where", "service ="), "where"),
        (("--where", "nonsense = 1"), "nonsense"),
        (("--where", "1; drop table spans"), ""),
        (("--where", "\udcff"), "--where': \N{REPLACEMENT CHARACTER} must be UTF-8"),
        (("--correlate", "span"), "correlate"),
        (("--format", "xml"), "xml"),
        (("--format", "otlp"), ""),
        (("--step", "0"), "step"),
        (("--step", "2d"), "traffic.step_s must be 1 to 86400, got 172800"),
        (("--budget", "0"), "alerts.budget_per_day must be > 0"),
        (("--budget", "nan"), "alerts.budget_per_day must be > 0"),
        (("--budget", "inf"), "alerts.budget_per_day must be > 0"),
        (("--from", "yesterday"), "must be a time from 1970 to 2262, such as 2026-06-15T08:00"),
        (("--until", "9999-12-31"), "must be a time"),
        (("--from", "9999999999999999999"), "must be a time"),
        (("--from", "0001-01-01"), "must be a time"),
        (("--from", "2030-01-01"), ""),
        (("--from", "2026-06-02", "--until", "2026-06-01"), ""),
        (("--colour",), "--colour"),
    ],
    ids=lambda v: " ".join(v).replace("\udcff", "bytes") if isinstance(v, tuple) else "",
)
def test_a_wrong_option_is_told_in_one_line(
    workspace: Path, tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    path = write_spans(tmp_path / "t.parquet", spans())
    columns = () if options[0] in ("--columns", "--format") else ("--columns", COLUMNS)
    before = sorted(p.name for p in workspace.iterdir())
    ran = run("learn", path, "-w", workspace, *columns, *options)
    assert told in ran.complaint
    assert before == ["informer.toml"]


def test_options_that_failed_are_not_taken_up_later(workspace: Path, tmp_path: Path) -> None:
    path = write_spans(tmp_path / "t.parquet", spans())
    assert learn(workspace, path, "--columns", COLUMNS, "--where", "service = 'none'").code == 2
    assert learn(workspace, path, "--columns", COLUMNS).code == 0


# Rows that are none


def test_rows_that_cannot_be_read_are_counted_and_skipped(workspace: Path, tmp_path: Path) -> None:
    good = spans()
    services = good["Service"].to_pylist()
    services[5::100] = [None] * len(services[5::100])
    path = write_spans(tmp_path / "t.parquet", changed(good, Service=services))
    document = done(
        *("learn", path, "-w", workspace, "--columns", COLUMNS, "--step", "600s", "--json")
    ).json
    assert document["rejected"] == {"missing_service": len(services[5::100])}
    assert document["spans"] == good.num_rows - len(services[5::100])
    text = done("learn", path, "-w", workspace).out
    assert f"Left out {len(services[5::100])} spans: missing_service." in text


def test_negative_durations_are_taken_as_nothing_and_told(workspace: Path, tmp_path: Path) -> None:
    good = spans()
    durations = good["DurationUs"].to_numpy().copy()
    durations[::10] = -5
    path = write_spans(tmp_path / "t.parquet", changed(good, DurationUs=durations))
    ran = learn(workspace, path, "--columns", COLUMNS)
    assert ran.code == 0
    assert f"{len(durations[::10])} spans end before they start" in ran.err


@pytest.mark.parametrize(("unit", "factor"), [("s", 10**9), ("ms", 10**6), ("us", 10**3)])
def test_times_in_another_unit_are_the_same_times(
    workspace: Path, tmp_path: Path, unit: str, factor: int
) -> None:
    table = spans()
    path = write_spans(
        tmp_path / "t.parquet", changed(table, StartNs=table["StartNs"].to_numpy() // factor)
    )
    told = COLUMNS.replace("start_ns=", f"start_{unit}=")
    document = done(
        *("learn", path, "-w", workspace, "--columns", told, "--step", "600s", "--json")
    ).json
    assert document["from_ns"] == MONDAY_NS + 60 * STEP_NS


def test_times_whose_unit_was_told_wrongly_are_guessed_and_said(
    workspace: Path, tmp_path: Path
) -> None:
    table = spans()
    path = write_spans(
        tmp_path / "t.parquet", changed(table, StartNs=table["StartNs"].to_numpy() // 1000)
    )
    ran = done(*("learn", path, "-w", workspace, "--columns", COLUMNS, "--step", "600s", "--json"))
    assert ran.json["from_ns"] == MONDAY_NS + 60 * STEP_NS
    assert any("us" in note or "microseconds" in note for note in ran.json["notes"])


def test_a_chain_from_1970_is_told_and_can_be_left_out(workspace: Path, tmp_path: Path) -> None:
    starts = spans()["StartNs"].to_numpy().copy()
    starts[0] = 1  # the entry of a chain
    path = write_spans(tmp_path / "t.parquet", changed(spans(), StartNs=starts))
    ran = learn(workspace, path, "--columns", COLUMNS)
    assert ran.code == 2
    assert "the range has" in ran.complaint
    assert learn(workspace, path, "--columns", COLUMNS, "--from", "2026-06-01").code == 0


def test_spans_that_are_their_own_parents_are_chains_all_the_same(
    workspace: Path, tmp_path: Path
) -> None:
    table = spans()
    parents = [
        s if i % 3 == 0 else p
        for i, (s, p) in enumerate(
            zip(table["SpanID"].to_pylist(), table["ParentID"].to_pylist(), strict=True)
        )
    ]
    path = write_spans(tmp_path / "t.parquet", changed(table, ParentID=parents))
    assert learn(workspace, path, "--columns", COLUMNS).code == 0


@pytest.mark.parametrize("form", ["wide", "deep"])
def test_a_trace_of_a_hundred_thousand_spans_is_one_chain(
    workspace: Path, tmp_path: Path, form: str
) -> None:
    n = 100_000
    parents = ["" if i == 0 else "s0" if form == "wide" else f"s{i - 1}" for i in range(n)]
    huge = pa.table(
        {
            "TraceID": ["huge"] * n,
            "SpanID": [f"s{i}" for i in range(n)],
            "ParentID": parents,
            "Service": [f"service{i % 2}" for i in range(n)],
            "Operation": ["op"] * n,
            "StartNs": [MONDAY_NS + 61 * STEP_NS + i for i in range(n)],
            "DurationUs": [1] * n,
            "Status": [200] * n,
            "Version": ["1"] * n,
        }
    )
    path = write_spans(tmp_path / "t.parquet", pa.concat_tables([spans(), huge]))
    document = done(
        *("learn", path, "-w", workspace, "--columns", COLUMNS, "--step", "600s", "--json")
    ).json
    assert document["spans"] == n + spans().num_rows
    assert document["chains"] == len(set(spans()["TraceID"].to_pylist())) + 1


def test_attribute_values_of_a_megabyte_are_cut(workspace: Path, tmp_path: Path) -> None:
    table = spans(4)
    texts = [
        orjson.dumps({"big": f"{i} {'x' * 1_000_000}" if i < 60 else "y"}).decode()
        for i in range(table.num_rows)
    ]
    path = write_spans(tmp_path / "t.parquet", table.append_column("Attributes", pa.array(texts)))
    ran = learn(workspace, path, "--columns", f"{COLUMNS},attributes=Attributes")
    assert ran.code == 0
    size = sum(p.stat().st_size for p in workspace.rglob("*") if p.is_file())
    assert size < 8_000_000


# Names that attack


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that learned hostile names and found some more in what came after."""
    folder = tmp_path_factory.mktemp("hostile")
    workspace = with_settings(folder / "workspace")
    train = write_spans(folder / "train.parquet", with_names(make_spans(60, 12, seed=1)))
    later = with_names(make_spans(72, 12, seed=2), first=8)
    day = write_spans(folder / "day.parquet", later)
    done("learn", train, "-w", workspace, "--columns", COLUMNS, "--step", "600s")
    done("detect", day, "-w", workspace)
    return folder


def with_names(table: pa.Table, first: int = 0) -> pa.Table:
    """Every service, method and version gets one of the hostile names."""
    names = HOSTILE[first:] + HOSTILE[:first]
    number = {name: i for i, name in enumerate(sorted(set(table["Operation"].to_pylist())))}
    operations = [names[number[o] % len(names)] for o in table["Operation"].to_pylist()]
    services = [names[(number[o] + 3) % len(names)] for o in table["Operation"].to_pylist()]
    versions = [names[(i // 50) % len(names)] for i in range(table.num_rows)]
    return changed(table, Operation=operations, Service=services, Version=versions)


def commands(folder: Path) -> Iterator[tuple[object, ...]]:
    workspace = folder / "workspace"
    yield ("patterns", "list", "-w", workspace)
    yield ("incidents", "list", "-w", workspace)
    yield ("check", folder / "day.parquet", "--columns", COLUMNS)
    yield ("detect", folder / "day.parquet", "-w", workspace, "--report", folder / "report.html")
    for kind in ("patterns", "incidents"):
        for one in done(kind, "list", "-w", workspace, "--json").json:
            yield (kind, "show", one["id"], "-w", workspace)


def test_no_name_reaches_the_terminal_as_a_control_character(hostile: Path) -> None:
    for command in commands(hostile):
        ran = done(*command)
        for line in (ran.out + ran.err).splitlines():
            assert line.isprintable(), (command, line)


def test_json_holds_the_names_as_they_are_and_no_raw_control_character(hostile: Path) -> None:
    for command in commands(hostile):
        ran = done(*command, "--json")
        assert isinstance(ran.json, (dict, list))
        assert "".join(ran.out.split("\n")).isprintable(), command
    text = done("patterns", "list", "-w", hostile / "workspace", "--json").json
    shown = {"".join(c if c.isprintable() else " " for c in name) for name in HOSTILE}
    assert {r["callee"] for p in text for r in p["rpcs"]} <= shown


def test_incidents_about_hostile_names_are_found_and_decided(hostile: Path, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(hostile / "workspace", tmp_path / "w"))
    listed = done("incidents", "list", "-w", workspace, "--json").json
    assert listed
    for incident in listed:
        done("incidents", "accept", incident["id"], "-w", workspace)
    done("detect", hostile / "day.parquet", "-w", workspace)


def test_a_report_of_hostile_names_holds_no_markup_of_theirs(hostile: Path) -> None:
    done(
        *("detect", hostile / "day.parquet", "-w", hostile / "workspace"),
        *("--report", hostile / "report.html"),
    )
    text = (hostile / "report.html").read_text()
    assert "\x1b" not in text
    assert "\x9b" not in text


def test_a_file_name_cannot_drive_the_terminal(workspace: Path, tmp_path: Path) -> None:
    ran = learn(workspace, tmp_path / "\x1b[31mred\nnone.json")
    assert ran.complaint.isprintable()


def test_a_file_name_in_a_document_is_escaped(workspace: Path, tmp_path: Path) -> None:
    folder, name = tmp_path / "folder", "\x9b31m\u202e\x7f\U000e0001.parquet"
    write_spans(folder / "good.parquet", spans())
    written(folder / name, b"PAR1 no more")
    ran = learn(workspace, folder, "--columns", COLUMNS, "--json")
    assert "".join(ran.out.split("\n")).isprintable()
    assert any(name in note for note in ran.json["notes"])


# Workspaces


def test_a_workspace_that_is_none_is_told_in_one_line(shop: Shop, tmp_path: Path) -> None:
    for command in (("patterns",), ("incidents",), ("detect", shop.clean)):
        assert "is no workspace" in run(*command, "-w", tmp_path / "none").complaint
    written(tmp_path / "foreign" / "thesis.tex", b"x")
    ran = run("learn", shop.train, "-w", tmp_path / "foreign", "--columns", COLUMNS)
    assert "it holds 'thesis.tex'" in ran.complaint


def test_a_workspace_that_learned_nothing_is_told_in_one_line(shop: Shop, tmp_path: Path) -> None:
    with Workspace.create(tmp_path / "w"):
        pass
    assert "nothing was learned" in run("detect", shop.clean, "-w", tmp_path / "w").complaint
    assert done("patterns", "-w", tmp_path / "w", "--json").json == []
    assert "No incidents." in done("incidents", "-w", tmp_path / "w").out


def test_a_workspace_of_another_version_is_told_in_one_line(
    shop: Shop, own_workspace: Path
) -> None:
    with Workspace.open(own_workspace) as home:
        home.put("format", {"version": 99})
    for command in (("patterns",), ("detect", shop.clean), ("learn", shop.train)):
        assert "is of version 99" in run(*command, "-w", own_workspace).complaint


def test_a_broken_configuration_is_told_in_one_line(shop: Shop, own_workspace: Path) -> None:
    (own_workspace / "informer.toml").write_text("[traffic]\nstep_s = 'soon'\n")
    for command in (("patterns",), ("detect", shop.clean), ("learn", shop.train)):
        assert "traffic.step_s must be 1 to 86400" in run(*command, "-w", own_workspace).complaint


def test_a_model_that_went_is_told_in_one_line(shop: Shop, own_workspace: Path) -> None:
    for file in (own_workspace / "models").rglob("*.safetensors"):
        file.unlink()
    assert "models" in run("detect", shop.clean, "-w", own_workspace).complaint


HOLD = """
import sys
from pathlib import Path
from informer.pipeline.workspace import Workspace
with Workspace.open(Path(sys.argv[1])):
    print("open", flush=True)
    sys.stdin.read()
"""


def test_two_writers_on_one_workspace_are_told_in_one_line(shop: Shop, own_workspace: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(own_workspace)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "open\n"
        for command in (("patterns",), ("detect", shop.clean), ("learn", shop.train)):
            said = run(*command, "-w", own_workspace).complaint
            assert "is in use by another process" in said
        other.stdin.close()
    done("patterns", "-w", own_workspace)


BOUNDED = """
import resource, sys
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
from informer.__main__ import main
main()
"""


@pytest.mark.parametrize(("command", "size"), [("learn", 500), ("detect", 20_000)])
def test_a_full_disk_is_told_in_one_line_and_breaks_nothing(
    shop: Shop, own_workspace: Path, tmp_path: Path, command: str, size: int
) -> None:
    """A file that may not grow beyond its limit fails as on a full disk, without filling one."""
    before = done("patterns", "-w", own_workspace, "--json").out
    few = write_spans(tmp_path / "few.parquet", make_spans(60, 20, seed=1))
    settings = own_workspace / "informer.toml"
    settings.write_text(settings.read_text().replace("= 0.4", "= 1.0"))  # no network to train
    ran = subprocess.run(
        [sys.executable, "-c", BOUNDED, str(size), command, few, "-w", own_workspace],
        capture_output=True,
        text=True,
        env=unmeasured(),
    )
    assert ran.returncode == 2, ran.stderr
    (line,) = ran.stderr.splitlines()
    assert line.startswith("informer: ")
    assert done("patterns", "-w", own_workspace, "--json").out == before
