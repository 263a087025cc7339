"""Request rates of services become traffic of one pattern, without attacks."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from informer.core.types import NS_PER_S, OUTSIDE
from quality.microirc import ENTRY, LONG, PATTERN, SHORT, STEP_S, whole, world
from quality.world import World

START_S = 1_658_458_380  # a full minute
FRONT, CART, CART_2 = "frontend-875b86bb8-a", "cart-75d494679c-b", "cart-75d494679c-c"
NO_READING = ""


def write_rates(folder: Path, rows: Sequence[tuple[int, Mapping[str, float | str]]]) -> None:
    """Seconds after the start, and what each pod served per second then."""
    pods = (FRONT, CART, CART_2)
    lines = [",".join(("timestamp", *pods))]
    lines += [",".join(str(x) for x in (START_S + at, *(v[p] for p in pods))) for at, v in rows]
    (folder / "svc_qps.csv").write_text("\n".join(lines) + "\n")
    (folder / "dependency.csv").write_text(
        "Source,Target,Weight\nfrontend,cart,1\ncart,10.0.0.1,1\nloadgenerator,frontend,1\n"
    )
    (folder / "labels.csv").write_text(
        "start_utc,level,cmdb_id,failure_type,kind\n"
        "2022-07-22 05:44:00,pod,cart-875b86bb8-b,5,pod network loss 100%\n"
        "2022-07-22 05:21:00,service,cart,2,istio delay 4000ms\n"
    )


def steady(minutes: int) -> list[tuple[int, dict[str, float | str]]]:
    return [(at, {FRONT: 10.0, CART: 3.0, CART_2: 1.0}) for at in range(0, minutes * 60, 5)]


@pytest.fixture(scope="module")
def real(data: Path) -> dict[str, World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INFORMER_DATA", str(data))
        return {training: world(training=training) for training in (SHORT, LONG)}


def test_requests_per_second_become_calls_a_minute_of_a_service(tmp_path: Path) -> None:
    write_rates(tmp_path, steady(3))
    series = whole(tmp_path, tmp_path)[0].series
    assert series.graph.rpc_ids == (ENTRY, "cart")
    assert series.start_ns == START_S * NS_PER_S
    np.testing.assert_allclose(series.calls, [[600, 240]] * 3)


def test_a_step_counts_sixty_seconds_however_many_readings_it_has(tmp_path: Path) -> None:
    rows = steady(3)
    rows.insert(14, (67, rows[0][1]))  # an additional reading between two others
    write_rates(tmp_path, rows)
    np.testing.assert_allclose(whole(tmp_path, tmp_path)[0].series.calls[:, 0], 600)


def test_steps_told_in_part_are_cut_off_at_both_ends(tmp_path: Path) -> None:
    write_rates(tmp_path, steady(4)[6:-6])
    series = whole(tmp_path, tmp_path)[0].series
    assert series.start_ns == (START_S + STEP_S) * NS_PER_S
    assert series.steps == 2


def test_a_pod_that_is_not_told_for_a_moment_has_not_stopped(tmp_path: Path) -> None:
    rows = steady(3)
    for at in range(14, 20):
        rows[at][1][CART] = NO_READING
    write_rates(tmp_path, rows)
    series = whole(tmp_path, tmp_path)[0].series
    np.testing.assert_allclose(series.calls[:, 1], 240)
    assert series.seen.all()


def test_a_minute_without_a_word_of_a_pod_was_not_seen(tmp_path: Path) -> None:
    rows = steady(3)
    for at in range(12, 24):
        rows[at][1][CART] = NO_READING
    write_rates(tmp_path, rows)
    series = whole(tmp_path, tmp_path)[0].series
    assert series.seen.tolist() == [True, False, True]
    assert series.calls[1].tolist() == [0, 0]


def test_only_services_with_traffic_are_in_the_graph(tmp_path: Path) -> None:
    write_rates(tmp_path, steady(2))
    graph = whole(tmp_path, tmp_path)[0].series.graph
    assert graph.edges.T.tolist() == [[0, 1]]


def test_faults_last_five_minutes_and_name_the_service(tmp_path: Path) -> None:
    write_rates(tmp_path, steady(2))
    first, second = whole(tmp_path, tmp_path)[1]
    began = datetime(2022, 7, 22, 5, 21, tzinfo=UTC)
    assert first.start_ns == int(began.timestamp()) * NS_PER_S
    assert first.end_ns - first.start_ns == 300 * NS_PER_S
    assert {first.flag, second.flag} == {"fault"}
    assert all(e.guilty == ("*>cart:",) for e in (first, second))


def test_training_ends_before_the_first_fault(real: dict[str, World]) -> None:
    clean = real[SHORT]
    assert clean.train_grid.end_ns == clean.test_grid.start_ns
    assert clean.test_grid.start_ns <= clean.events[0].start_ns
    assert len(clean.events) == 20
    assert len(clean.rpcs) == 10
    assert clean.rpcs[ENTRY]["caller"] == OUTSIDE


def test_the_longer_training_leaves_the_later_faults_to_the_test(real: dict[str, World]) -> None:
    long = real[LONG]
    assert len(long.train_grid.seen) == (len(long.train_grid.seen) + len(long.test_grid.seen)) // 2
    assert 0 < len(long.events) < 20
    assert all(e.end_ns > long.test_grid.start_ns for e in long.events)


def test_there_is_no_attack_in_it(real: dict[str, World]) -> None:
    assert not any(real[SHORT].malicious[PATTERN])
