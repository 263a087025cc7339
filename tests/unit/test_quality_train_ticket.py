"""Captures with cloned logins: the clones are whole requests, and the labels tell all of them."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from informer.config.settings import Settings
from informer.core.types import Json
from nezha_traces import FAILED_SPANS, START_NS, capture, trace
from quality.capture import Capture, build
from quality.clones import RHYTHMS, trace_starts, traces_with
from quality.error_stretches import MINUTE_NS
from quality.train_ticket import (
    CALM_NS,
    LOGIN,
    MULTIPLIER,
    draw_attack,
    write_capture,
    write_faults,
)
from quality.world import Event, read_events

MINUTES = 104
PER_MINUTE = 5


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clean") / "clean.parquet"
    pq.write_table(capture(MINUTES, logins=PER_MINUTE), path)
    return path


@pytest.fixture(scope="module")
def written(clean: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("capture")
    write_capture(folder, 1, clean)
    return folder


@pytest.fixture(scope="module")
def built(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Capture:
    workspace = tmp_path_factory.mktemp("built") / "workspace"
    return build(written, "made", workspace, settings=Settings())


def spans(folder: Path, part: str) -> pa.Table:
    return pq.read_table(folder / part)


def attacks(folder: Path) -> list[Event]:
    return [e for e in read_events(folder / "labels.csv") if e.flag == "attack"]


def forms(table: pa.Table) -> dict[str, list[Json]]:
    """Spans of every trace in order of time, without ids, times counted from its start."""
    starts = {row["TraceID"]: row["start_ns"] for row in trace_starts(table).to_pylist()}
    place: dict[str, dict[str, int]] = {}
    found: dict[str, list[Json]] = {}
    for row in table.sort_by("StartTimeUnixNano").to_pylist():
        known = place.setdefault(row["TraceID"], {})
        known[row["SpanID"]] = len(known)
        found.setdefault(row["TraceID"], []).append(
            {
                "after_ns": row["StartTimeUnixNano"] - starts[row["TraceID"]],
                "lasted_ns": row["EndTimeUnixNano"] - row["StartTimeUnixNano"],
                "parent": known.get(row["ParentID"]),
                "is": (row["PodName"], row["OperationName"], row["Duration"]),
            }
        )
    return found


def test_the_first_half_is_left_as_it_was(clean: Path, written: Path) -> None:
    whole, train = pq.read_table(clean), spans(written, "train")
    early = set(trace_starts(whole)["TraceID"].to_pylist()[: train.num_rows // 3])
    assert set(train["TraceID"].to_pylist()) == early
    begins = trace_starts(whole)["start_ns"].to_pylist()
    half = begins[0] + (begins[-1] - begins[0]) // 2
    assert 0 <= half - trace_starts(train)["start_ns"].to_pylist()[-1] < 2 * MINUTE_NS


def test_the_second_half_holds_every_regular_trace_and_the_clones(
    clean: Path, written: Path
) -> None:
    before = set(pq.read_table(clean)["TraceID"].to_pylist())
    learned, judged = (set(spans(written, p)["TraceID"].to_pylist()) for p in ("train", "test"))
    malicious = set(pq.read_table(written / "malicious.parquet")["trace_id"].to_pylist())
    assert learned | judged == before | malicious
    assert judged & before == before - learned
    assert not malicious & before


def test_a_clone_is_a_whole_real_login_under_new_ids(clean: Path, written: Path) -> None:
    originals = traces_with(pq.read_table(clean), LOGIN)
    real = forms(originals)
    everything = forms(spans(written, "test"))
    malicious = pq.read_table(written / "malicious.parquet")["trace_id"].to_pylist()
    assert malicious
    assert all(everything[name] in real.values() for name in malicious)
    ids = Counter(spans(written, "test")["SpanID"].to_pylist())
    assert max(ids.values()) == 1


def test_labels_count_the_clones_in_their_windows(written: Path) -> None:
    known = trace_starts(spans(written, "test")).to_pylist()
    starts = {row["TraceID"]: row["start_ns"] for row in known}
    rows = pq.read_table(written / "malicious.parquet").to_pylist()
    events = attacks(written)
    assert events
    assert Counter(r["event_id"] for r in rows).keys() == {e.name for e in events}
    for event in events:
        times = [starts[r["trace_id"]] for r in rows if r["event_id"] == event.name]
        assert all(event.start_ns <= t < event.end_ns for t in times)
        background = PER_MINUTE * (event.end_ns - event.start_ns) / MINUTE_NS
        assert event.oracle_z == pytest.approx(len(times) / np.sqrt(background), rel=0.05)


def test_a_seed_decides_everything(clean: Path, written: Path, tmp_path: Path) -> None:
    for name, seed in (("same", 1), ("other", 2)):
        write_capture(tmp_path / name, seed, clean)
    files = ("train/spans.parquet", "test/spans.parquet", "labels.csv", "malicious.parquet")
    assert all((tmp_path / "same" / f).read_bytes() == (written / f).read_bytes() for f in files)
    assert (tmp_path / "other" / files[0]).read_bytes() == (written / files[0]).read_bytes()
    assert (tmp_path / "other" / files[1]).read_bytes() != (written / files[1]).read_bytes()


def test_clones_do_not_stand_at_the_end_of_the_file(written: Path) -> None:
    times = spans(written, "test")["StartTimeUnixNano"].to_numpy()
    assert (np.diff(times) >= 0).all()


def test_attacks_are_as_strong_as_promised_and_keep_off_the_ends() -> None:
    until_ns = START_NS + 52 * MINUTE_NS
    rng = np.random.default_rng(0)
    attacks = [draw_attack(START_NS, until_ns, PER_MINUTE, rng) for _ in range(100)]
    assert all(a.start_ns >= START_NS + CALM_NS for a in attacks)
    assert all(a.end_ns <= until_ns - CALM_NS for a in attacks)
    assert all(MULTIPLIER[0] <= 1 + a.count / a.background <= MULTIPLIER[1] for a in attacks)
    assert {a.rhythm for a in attacks} == set(RHYTHMS)
    z = np.array([a.oracle_z for a in attacks])
    shares = [np.mean(z < 5), np.mean((z >= 5) & (z < 8)), np.mean(z >= 8)]
    assert min(shares) > 0.08
    assert min(shares[1:]) > 0.25


def test_attacks_come_at_any_time_of_the_range() -> None:
    until_ns = START_NS + 52 * MINUTE_NS
    rng = np.random.default_rng(0)
    starts = [draw_attack(START_NS, until_ns, PER_MINUTE, rng).start_ns for _ in range(50)]
    assert min(starts) < START_NS + 10 * MINUTE_NS
    assert max(starts) > START_NS + 36 * MINUTE_NS


def test_a_range_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="a range of 9 minutes is too short"):
        draw_attack(START_NS, START_NS + 9 * MINUTE_NS, PER_MINUTE, np.random.default_rng(0))


def test_a_rate_without_room_for_the_strength_is_refused() -> None:
    with pytest.raises(ValueError, match="logins a minute leave no room"):
        draw_attack(START_NS, START_NS + 52 * MINUTE_NS, 0.01, np.random.default_rng(0))


def test_errors_of_the_second_half_are_labelled_as_faults(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    failed = [
        trace(FAILED_SPANS, START_NS + minute * MINUTE_NS + k * 10**9, rng)
        for minute in (10, 80)
        for k in range(8)
    ]
    pq.write_table(pa.concat_tables([capture(MINUTES), *failed]), tmp_path / "clean.parquet")
    write_capture(tmp_path / "made", 0, tmp_path / "clean.parquet")
    faults = [e for e in read_events(tmp_path / "made" / "labels.csv") if e.flag == "fault"]
    assert [(f.start_ns, f.end_ns) for f in faults] == [
        (START_NS + 80 * MINUTE_NS, START_NS + 81 * MINUTE_NS)
    ]
    below = {"caller": "ts-travel-service", "callee": "ts-basic-service", "method": "POST"}
    assert faults[0].is_guilty(below)


def test_malicious_steps_lie_in_the_login_pattern_alone(built: Capture) -> None:
    world = built.world
    (login,) = (p for p, label in world.labels.items() if LOGIN in label)
    assert {p for p, steps in world.malicious.items() if steps.any()} == {login}
    starts, step_ns = world.test_grid.starts_ns(), world.test_grid.step_ns
    during = np.zeros(len(starts), dtype=bool)
    for event in world.events:
        during |= (starts + step_ns > event.start_ns) & (starts < event.end_ns)
    assert not (world.malicious[login] & ~during).any()
    assert np.mean(world.malicious[login][during]) > 0.5


def test_the_guilty_call_is_one_that_the_login_pattern_makes(built: Capture) -> None:
    world = built.world
    attack = next(e for e in world.events if e.flag == "attack")
    guilty = [r for r in world.rpcs.values() if attack.is_guilty(r)]
    assert [(r["caller"], r["callee"]) for r in guilty] == [
        ("ts-gateway-service", "ts-auth-service")
    ]


def test_login_traffic_is_multiplied_as_the_labels_say(built: Capture) -> None:
    world = built.world
    (login,) = (p for p, label in world.labels.items() if LOGIN in label)
    regular = world.train[login].series.calls[:, 0].mean()
    extra = world.test[login].series.calls[:, 0].sum() - regular * len(world.test_grid.seen)
    told = sum(
        e.oracle_z * np.sqrt(PER_MINUTE * (e.end_ns - e.start_ns) / MINUTE_NS)
        for e in world.events
        if e.flag == "attack" and e.oracle_z
    )
    assert extra == pytest.approx(told, abs=4 * np.sqrt(regular * 52))


def test_the_morning_with_faults_comes_after_what_is_learned(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFORMER_DATA", str(data))
    write_faults(tmp_path)
    last = trace_starts(spans(tmp_path, "train"))["start_ns"].to_pylist()[-1]
    first = trace_starts(spans(tmp_path, "test"))["start_ns"].to_pylist()[0]
    assert last < first
    events = read_events(tmp_path / "labels.csv")
    assert {e.flag for e in events} == {"fault"}
    injected = [e for e in events if e.kind != "errors"]
    assert [e.guilty for e in injected[:2]] == [
        ("*>ts-contacts-service:",),
        ("*>ts-basic-service:",),
    ]
    assert len(injected) == 5
    assert pq.read_table(tmp_path / "malicious.parquet").num_rows == 0


def test_without_data_the_error_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INFORMER_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match="set INFORMER_DATA to the folder that holds"):
        write_capture(tmp_path, 0)
