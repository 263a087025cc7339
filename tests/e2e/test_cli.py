"""The command line keeps its contract: documents, columns, exit codes, any range of time."""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import informer
from command import done, run
from informer.core.tables import DETECTIONS, FORECASTS, INCIDENTS, PATTERNS
from shop import Shop, learn, with_settings
from traffic_maker import COLUMNS, DAY_STEPS, STEP_NS, make_spans, write_spans

DETECT_KEYS = ["from_ns", "until_ns", "step_s", "incidents"]
INCIDENT_KEYS = [
    *("id", "kind", "severity", "opened_ns", "resolved_ns", "score", "title"),
    *("patterns", "rpcs", "examples"),
]
GUILTY_KEYS = ["caller", "callee", "method", "share", "observed", "expected", "window_s"]
PATTERN_KEYS = [
    *("id", "label", "entry", "chains", "share", "critical", "state", "forecaster"),
    *("rpcs", "edges", "why"),
]
SCORE_COLUMNS = [
    *("step_start_ns", "pattern_id", "rpc_id", "caller", "callee", "method", "signal"),
    *("observed", "expected", "spread", "score", "threshold"),
]
KINDS = {"volume", "silence", "mix", "demand", "failure", "refusal", "novel", "change"}


@pytest.fixture(scope="module")
def looked(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that looked at the attacked day."""
    workspace = tmp_path_factory.mktemp("looked") / "workspace"
    shutil.copytree(shop.workspace, workspace)
    done("detect", shop.attacked, "-w", workspace)
    return workspace


@pytest.fixture(scope="module")
def found(shop: Shop, looked: Path) -> Any:
    """The document of the attacked day."""
    return done("detect", shop.attacked, "-w", looked, "--json").json


@pytest.fixture(scope="module")
def patterns(shop: Shop) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = done("patterns", "list", "-w", shop.workspace, "--json").json
    return listed


def misuse(document: Any) -> list[dict[str, Any]]:
    return [i for i in document["incidents"] if i["kind"] not in ("demand", "change")]


def test_detect_prints_the_document_of_the_contract(found: Any, shop: Shop) -> None:
    assert list(found) == DETECT_KEYS
    assert found["from_ns"] == shop.day_ns
    assert found["until_ns"] == shop.day_ns + DAY_STEPS * STEP_NS
    assert found["step_s"] == 600
    assert found["incidents"]
    for incident in found["incidents"]:
        assert list(incident) == INCIDENT_KEYS
        assert incident["kind"] in KINDS
        assert incident["severity"] in {"info", "low", "medium", "high", "critical"}
        assert incident["opened_ns"] % STEP_NS == 0
        assert all(list(p) == ["id", "label"] for p in incident["patterns"])
        assert all(list(r) == GUILTY_KEYS for r in incident["rpcs"])
        assert sum(r["share"] for r in incident["rpcs"]) == pytest.approx(1.0)
        assert all(isinstance(e, str) for e in incident["examples"])


def test_the_credential_stuffing_is_found_at_once_and_names_the_login(
    found: Any, shop: Shop
) -> None:
    (stuffing,) = [i for i in misuse(found) if i["rpcs"][0]["callee"] == "auth"]
    assert stuffing["rpcs"][0]["caller"] == "gateway"
    assert stuffing["rpcs"][0]["method"] == "login"
    assert stuffing["opened_ns"] == shop.day_ns + 60 * STEP_NS
    assert stuffing["examples"]


def test_the_lateral_movement_is_found_and_named(found: Any, shop: Shop) -> None:
    (lateral,) = [i for i in misuse(found) if i["kind"] == "novel"]
    guilty = lateral["rpcs"][0]
    assert (guilty["caller"], guilty["callee"], guilty["method"]) == ("gateway", "users", "export")
    assert lateral["opened_ns"] == shop.day_ns + 100 * STEP_NS
    assert lateral["resolved_ns"] == shop.day_ns + 103 * STEP_NS


def test_the_day_without_events_is_quiet(shop: Shop, own_workspace: Path) -> None:
    assert misuse(done("detect", shop.clean, "-w", own_workspace, "--json").json) == []


def test_patterns_list_prints_the_document_of_the_contract(patterns: list[dict[str, Any]]) -> None:
    assert len(patterns) == 4
    for pattern in patterns:
        assert list(pattern) == PATTERN_KEYS
        assert all(list(r) == ["caller", "callee", "method"] for r in pattern["rpcs"])
        nodes = range(len(pattern["rpcs"]))
        assert all(a in nodes and b in nodes and 0 < w <= 1 for a, b, w in pattern["edges"])
    assert sum(p["share"] for p in patterns) == pytest.approx(1.0)
    login = next(p for p in patterns if p["entry"] == "outside > gateway POST /login")
    assert [r["callee"] for r in login["rpcs"]] == ["gateway", "auth", "users"]
    assert [[a, b] for a, b, _ in login["edges"]] == [[0, 1], [1, 2]]


def test_only_critical_patterns_may_have_a_network(patterns: list[dict[str, Any]]) -> None:
    assert [p["critical"] for p in patterns] == [True, False, False, False]
    assert {p["forecaster"] for p in patterns if not p["critical"]} == {"seasonal"}
    assert {p["state"] for p in patterns} == {"ready"}


def test_patterns_show_says_why_its_forecaster_runs(
    shop: Shop, patterns: list[dict[str, Any]]
) -> None:
    chosen = patterns[0]["id"]
    shown = done("patterns", "show", chosen, "-w", shop.workspace, "--json").json
    assert {k: shown[k] for k in PATTERN_KEYS} == patterns[0]
    assert shown["versions"] == [shown["version"]]
    assert set(shown["backtest"]["scores"]) == {"seasonal", "diffusion_gru"}
    text = done("patterns", "show", chosen, "-w", shop.workspace).out
    assert patterns[0]["label"] in text
    assert shown["backtest"]["reason"] in text


def test_incidents_are_listed_and_shown(looked: Path, found: Any) -> None:
    listed = done("incidents", "list", "-w", looked, "--json").json
    assert [i["id"] for i in listed] == [i["id"] for i in found["incidents"]]
    assert {i["verdict"] for i in listed} == {"open"}
    first = listed[0]
    shown = done("incidents", "show", first["id"], "-w", looked, "--json").json
    assert shown["title"] == first["title"]
    assert set(shown) > {"explanation", "attributes", "changes", "similar", "detections", "verdict"}
    assert set(shown["detections"][0]) == set(DETECTIONS.names)
    text = done("incidents", "show", first["id"], "-w", looked).out
    assert first["title"] in text


def test_without_json_people_read_the_same(shop: Shop, looked: Path, found: Any) -> None:
    text = done("detect", shop.attacked, "-w", looked).out
    assert found["incidents"]
    for incident in found["incidents"]:
        assert incident["id"] in text
        assert incident["title"] in text


def test_scores_have_the_columns_of_the_contract_for_every_cell(
    shop: Shop, looked: Path, found: Any, tmp_path: Path
) -> None:
    done("detect", shop.attacked, "-w", looked, "--scores", tmp_path / "scores.parquet")
    scores = pq.read_table(tmp_path / "scores.parquet")
    assert scores.column_names == SCORE_COLUMNS
    starts = scores["step_start_ns"].to_numpy()
    assert (np.diff(starts) >= 0).all()
    assert set(starts) <= set(range(found["from_ns"], found["until_ns"], STEP_NS))
    signals = {"calls", "share", "failures", "refusals", "latency"}
    assert set(scores["signal"].to_pylist()) == signals
    # Latency has rows for the steps in which the rpc was called.
    counted = scores.filter(pc.not_equal(scores["signal"], "latency"))
    cells = counted.group_by(["pattern_id", "rpc_id", "signal"]).aggregate([("score", "count")])
    assert len(set(cells["score_count"].to_pylist())) == 1
    over = scores.filter(pc.greater_equal(scores["score"], scores["threshold"]))
    assert "auth" in over["callee"].to_pylist()


def test_a_report_is_one_file(shop: Shop, looked: Path, tmp_path: Path) -> None:
    said = done("detect", shop.attacked, "-w", looked, "--report", tmp_path / "report.html").out
    assert f"Wrote {tmp_path / 'report.html'}" in said
    assert "POST /login" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("option", ["--scores", "--report"])
def test_a_place_that_cannot_be_written_is_told_before_the_work(
    shop: Shop, option: str, tmp_path: Path
) -> None:
    ran = run(
        *("detect", shop.attacked, "-w", shop.workspace, option, tmp_path / "none" / "x"), "--json"
    )
    assert "cannot be written" in ran.complaint


def test_incidents_may_fail_a_job(shop: Shop, own_workspace: Path) -> None:
    command = ("detect", shop.attacked, "-w", own_workspace, "--fail-on-incident")
    assert run(*command).code == 1
    quiet = ("--until", datetime.fromtimestamp(shop.day_ns / 1e9 + 3 * 3600, UTC).isoformat())
    ran = run(*command, *quiet)
    assert ran.code == 0
    assert "No incidents." in ran.out


@pytest.mark.parametrize("form", ["date", "ns"])
def test_a_range_is_typed_as_dates_or_nanoseconds(
    shop: Shop, own_workspace: Path, form: str
) -> None:
    from_ns, until_ns = shop.day_ns + 55 * STEP_NS, shop.day_ns + 75 * STEP_NS
    typed = {
        "ns": (str(from_ns), str(until_ns)),
        "date": ("2026-06-04T09:10", "2026-06-04T13:30:00+01:00"),
    }[form]
    command = ("detect", shop.attacked, "-w", own_workspace, "--json")
    document = done(*command, "--from", typed[0], "--until", typed[1]).json
    assert (document["from_ns"], document["until_ns"]) == (from_ns, until_ns)
    assert [i["rpcs"][0]["callee"] for i in misuse(document)] == ["auth"]


def test_a_range_before_training_works_and_says_so(own_workspace: Path, tmp_path: Path) -> None:
    early = write_spans(tmp_path / "early.parquet", make_spans(-DAY_STEPS, 60, seed=5))
    ran = done("detect", early, "-w", own_workspace)
    assert "the range lies before what was learned" in ran.err
    assert misuse(done("detect", early, "-w", own_workspace, "--json").json) == []


def test_a_range_long_after_training_works_and_a_gap_is_no_silence(
    own_workspace: Path, tmp_path: Path
) -> None:
    late = write_spans(tmp_path / "late.parquet", make_spans(20 * DAY_STEPS, 60, seed=5))
    assert misuse(done("detect", late, "-w", own_workspace, "--json").json) == []


def test_a_range_inside_training_works_and_says_so(shop: Shop, own_workspace: Path) -> None:
    ran = done("detect", shop.train, "-w", own_workspace, "--from", "2026-06-03")
    assert "the range overlaps what was learned" in ran.err


def test_a_hole_in_the_range_is_told_and_is_no_silence(
    shop: Shop, own_workspace: Path, tmp_path: Path
) -> None:
    spans = pq.read_table(shop.clean)
    step = (spans["StartNs"].to_numpy() - shop.day_ns) // STEP_NS
    holed = write_spans(tmp_path / "holed.parquet", spans.filter((step < 60) | (step >= 72)))
    ran = done("detect", holed, "-w", own_workspace)
    assert "of 144 steps were not covered: no data is not silence" in ran.err
    assert misuse(done("detect", holed, "-w", own_workspace, "--json").json) == []


def test_twenty_minutes_of_training_work_and_say_what_they_lack(tmp_path: Path) -> None:
    short = write_spans(tmp_path / "short.parquet", make_spans(60, 2, seed=3))
    with_settings(tmp_path / "w")
    ran = done("learn", short, "-w", tmp_path / "w", "--step", "60s", "--columns", COLUMNS)
    assert re.search("range has (19|20) minutes: too short for a daily season", ran.err)
    assert "what only runs at other hours will be told as new" in ran.err
    assert "no held-out traffic to calibrate on" in ran.err
    after = write_spans(tmp_path / "after.parquet", make_spans(62, 2, seed=4))
    found = done("detect", after, "-w", tmp_path / "w", "--json").json
    assert misuse(found) == []


def test_a_handful_of_traces_is_too_little_to_learn_from(tmp_path: Path) -> None:
    few = write_spans(tmp_path / "few.parquet", make_spans(0, 1, seed=3).slice(0, 9))
    with_settings(tmp_path / "w")
    ran = run("learn", few, "-w", tmp_path / "w", "--columns", COLUMNS)
    assert "a pattern needs at least 10 alike chains, no form of the 3 chains" in ran.complaint


def test_learn_prints_one_document(shop: Shop, tmp_path: Path) -> None:
    short = write_spans(tmp_path / "short.parquet", make_spans(60, 6, seed=3))
    with_settings(tmp_path / "w")
    document = done(
        *("learn", short, "-w", tmp_path / "w", "--step", "10m", "--columns", COLUMNS, "--json")
    ).json
    assert list(document) == [
        *("run_id", "from_ns", "until_ns", "step_s", "thresholds", "formats", "spans", "chains"),
        *("rejected", "notes", "patterns"),
    ]
    assert document["formats"] == ["table"]
    assert document["spans"] == pq.read_metadata(short).num_rows
    assert [list(p) for p in document["patterns"]] == [PATTERN_KEYS] * len(document["patterns"])


def test_check_prints_one_document_or_a_verdict(shop: Shop) -> None:
    document = done("check", shop.attacked, "--columns", COLUMNS, "--json").json
    assert document["verdict"] in {"fit", "fit with options", "not fit"}
    text = done("check", shop.attacked, "--columns", COLUMNS).out
    assert text.splitlines()[-1].startswith("verdict: ")


def test_without_a_command_patterns_and_incidents_are_listed(
    shop: Shop, patterns: list[dict[str, Any]]
) -> None:
    assert done("patterns", "-w", shop.workspace, "--json").json == patterns
    assert isinstance(done("incidents", "-w", shop.workspace, "--json").json, list)


def test_detect_takes_up_how_learn_read(shop: Shop, own_workspace: Path) -> None:
    assert "StartNs" in (own_workspace / "informer.toml").read_text()
    assert done("detect", shop.clean, "-w", own_workspace, "--json").json["step_s"] == 600


def test_two_learning_runs_give_equal_tables(shop: Shop, tmp_path: Path) -> None:
    learn(shop.train, tmp_path / "again")
    ours, theirs = shop.workspace, tmp_path / "again"
    kept = ("runs", "patterns", "members", "pattern_edges", "shapes", "traffic", "steps")
    for name in (*kept, "workloads", "rpcs"):  # whose attributes are looked at is a secret
        one, other = (_rows(w, name) for w in (ours, theirs))
        assert one == other, name
    for file in sorted(p.relative_to(ours) for p in (ours / "models").rglob("*") if p.is_file()):
        assert (ours / file).read_bytes() == (theirs / file).read_bytes(), file


def _rows(workspace: Path, name: str) -> list[dict[str, Any]]:
    """The rows of a table up to the end of training, but for what a workspace's secret decides."""
    secret = {"code", "example_trace_ids"}
    from informer.pipeline.workspace import Workspace

    with Workspace.open(workspace) as home:
        until_ns = home.get("trained")["end_ns"]
        rows = home.table(name).to_pylist()
    kept = [r for r in rows if r.get("step_start_ns", 0) < until_ns]
    return sorted(({k: v for k, v in r.items() if k not in secret} for r in kept), key=str)


def test_two_detections_print_the_same(shop: Shop, own_workspace: Path, found: Any) -> None:
    command = ("detect", shop.attacked, "-w", own_workspace, "--json")
    assert done(*command).out == done(*command).out
    assert done(*command).json == found


def test_from_python_the_same_comes_as_arrow_tables(
    shop: Shop, own_workspace: Path, found: Any
) -> None:
    result = informer.detect([shop.attacked], own_workspace)
    assert result.incidents.schema.names == INCIDENTS.names
    assert result.detections.schema == DETECTIONS.schema
    assert result.forecasts.schema == FORECASTS.schema
    assert result.incidents["incident_id"].to_pylist() == [i["id"] for i in found["incidents"]]
    expected = result.forecasts["expected"].to_numpy()
    assert np.isfinite(expected).all()
    assert (expected > 0).all()
    assert pc.all(
        pc.less(result.forecasts["made_at_ns"], result.forecasts["step_start_ns"])
    ).as_py()
    with pytest.raises(informer.InformerError, match="is no workspace"):
        informer.detect([shop.attacked], own_workspace / "none")


def test_learn_from_python_gives_its_patterns(tmp_path: Path) -> None:
    from informer.config.load import settings_of

    traces = write_spans(tmp_path / "t.parquet", make_spans(60, 6, seed=3))
    columns = dict(pair.split("=") for pair in COLUMNS.split(","))
    settings = settings_of({"source": {"columns": columns}, "machine": {"processes": 1}}, "test")
    result = informer.learn([traces], tmp_path / "w", settings=settings)
    assert result.patterns.schema == PATTERNS.schema
    assert result.patterns.num_rows == 4


def test_help_answers_without_heavy_imports() -> None:
    code = """
import json, sys
import informer, informer.cli.app
from click.testing import CliRunner
heavy = ("jax", "sklearn", "duckdb", "pyarrow", "numpy", "scipy", "equinox", "safetensors")
print(json.dumps([m for m in heavy if m in sys.modules]))
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=os.environ
    )
    assert json.loads(ran.stdout) == []


@pytest.mark.parametrize(
    "command",
    [
        (),
        *[(c,) for c in ("demo", "check", "learn", "detect", "patterns", "incidents")],
        *[("patterns", c) for c in ("list", "show", "accept", "reject", "revert")],
        *[("incidents", c) for c in ("list", "show", "accept", "reject")],
    ],
    ids=" ".join,
)
def test_every_command_has_help(command: tuple[str, ...]) -> None:
    text = done(*command, "--help").out
    assert text.startswith("Usage: informer")


def test_the_version_is_told() -> None:
    assert done("--version").out.startswith("informer, version ")


def test_a_reader_that_went_away_is_no_defect(shop: Shop) -> None:
    """`informer patterns list | head -1`"""
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "informer",
            "incidents",
            "list",
            "-w",
            str(shop.workspace),
            "--json",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as ran:
        assert ran.stdout is not None
        assert ran.stderr is not None
        ran.stdout.close()
        assert ran.stderr.read() == ""
