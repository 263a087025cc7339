"""What executors do, without a cluster: rows told, parts folded, whole traces given back."""

from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pytest

from informer.core.cell_counts import CellCounts
from informer.engines.duckdb import DuckDBEngine
from informer.outlines.parts import COUNTS, FORMS, KEPT, SPANS
from informer.pipeline.on_executors import FATES, LINES, PARCELS, SAID, fold, give, tell
from informer.spans import parcels
from informer.spans.parcels import coded, parcel_of, table_of
from informer.spans.received import Selection, Tally
from informer.spans.stored import StoredSource, Telling

KEY = b"a key of executors"
PARTS, PIECE_ROWS, TRACES = 3, 4, 12
Held = dict[str, list[tuple[int, pa.Table]]]


def rows(first: int, count: int, **changed: object) -> pa.Table:
    """Two spans of every trace, a second apart."""
    made = {
        "trace_id": [f"t{n // 2}" for n in range(first, first + count)],
        "span_id": [str(n % 2) for n in range(count)],
        "parent_span_id": [None if n % 2 == 0 else "0" for n in range(count)],
        "service": [("shop", "bank")[n % 2] for n in range(count)],
        "operation": ["GET /"] * count,
        "start_us": [(1_780_272_000 + n) * 1_000_000 for n in range(first, first + count)],
        "duration_us": [5] * count,
    }
    return pa.table({**made, **changed})


def telling(sample: pa.Table) -> Telling:
    source = StoredSource("table:t", "t", sample, lambda *_: iter(()), Selection())
    with DuckDBEngine() as engine:
        return source.telling(engine)


def told(partition: int, table: pa.Table) -> Held:
    batches = tell(telling(table), KEY, PARTS, PIECE_ROWS, partition, table.to_batches(3))
    return held(batches)


def held(batches: Iterable[pa.RecordBatch]) -> Held:
    found: Held = defaultdict(list)
    for batch in batches:
        assert batch.schema == PARCELS
        (row,) = batch.to_pylist()
        found[row["holds"]].append((row["part"], table_of(row["packed"])))
    return found


@pytest.fixture
def everywhere() -> list[Held]:
    """Rows in two places: the first span of every trace, and what it calls."""
    whole = rows(0, 2 * TRACES)
    return [told(n, whole.take(list(range(n, 2 * TRACES, 2)))) for n in range(2)]


def test_all_lines_of_a_trace_go_to_one_part(everywhere: list[Held]) -> None:
    parts = defaultdict(set)
    for place in everywhere:
        for part, lines in place[LINES]:
            for trace_id in lines["trace_id"].to_pylist():
                parts[trace_id].add(part)
    assert len(parts) == TRACES
    assert all(len(where) == 1 for where in parts.values())
    assert len({part for where in parts.values() for part in where}) > 1


def test_what_was_said_has_one_code_wherever_it_was_said() -> None:
    one, other = told(0, rows(0, 8)), told(1, rows(8, 6))
    with DuckDBEngine() as engine:
        merged = coded(engine, (said for place in (one, other) for _, said in place[SAID]))
    assert dict(zip(merged["service"].to_pylist(), merged["lines"].to_pylist(), strict=True)) == {
        "shop": 7,
        "bank": 7,
    }
    codes = set(merged["code"].to_pylist())
    assert {c for _, lines in one[LINES] for c in lines["saying"].to_pylist()} == codes


def test_rows_that_want_sql_are_told_the_same() -> None:
    ready = rows(0, 10, service=["a", None, "a", "b", "b"] * 2)
    texts = [str(n) for n in ready["start_us"].to_pylist()]
    one, other = (held_rows(told(0, t)) for t in (ready, rows_with(ready, "start_us", texts)))
    assert one == other


def held_rows(place: Held) -> dict[str, list[str]]:
    return {
        kind: sorted(repr((part, row)) for part, table in tables for row in table.to_pylist())
        for kind, tables in place.items()
    }


def rows_with(table: pa.Table, name: str, values: list[str]) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, pa.array(values))


def test_rows_that_are_no_spans_are_told_by_their_reasons() -> None:
    tally = Tally()
    services = ["a", None, "a", "a"]
    place = told(0, rows(0, 4, service=services, duration_us=[5, 5, -5, 5]))
    for _, fates in place[FATES]:
        assert tally.add(fates.to_pylist()) == 3
    assert tally.rejected == Counter(missing_service=1)
    assert tally.mended["negative_duration"] == 1


def test_a_part_counts_whole_traces_and_gives_those_that_are_asked_for(
    everywhere: list[Held],
) -> None:
    with DuckDBEngine() as engine:
        said = coded(engine, (s for place in everywhere for _, s in place[SAID]))
    said = parcel_of(said.append_column("method", said["operation"]).drop_columns("lines"))
    chains = lines = 0
    for number in range(PARTS):
        arriving = [t for place in everywhere for part, t in place[LINES] if part == number]
        given = [batch(number, LINES, table) for table in arriving]
        made = held(fold(said, KEY, 60, number, given))
        if not given:
            assert not made
            continue
        (counted,) = (t for _, t in made[COUNTS])
        ((_, steps),) = made["part_steps"]
        ((part, spans),) = made[SPANS]
        chains += sum(steps["chains"].to_pylist())
        lines += int(CellCounts.of(counted).lines.sum())
        ((_, links),) = made["part_links"]
        assert {(k["service"], k["up_service"]) for k in links.to_pylist()} == {
            ("shop", None),
            ("bank", "shop"),
        }
        wanted = spans["trace"].to_numpy()[:1]
        (given_back,) = held(give(wanted.tobytes(), 0, [batch(number, SPANS, spans)]))[SPANS]
        assert given_back[0] == part == number
        assert given_back[1].num_rows == 2
        assert np.unique(given_back[1]["trace"].to_numpy()) == wanted
    assert (chains, lines) == (TRACES, 2 * TRACES)


def test_a_part_that_is_folded_anew_has_the_same_numbers(everywhere: list[Held]) -> None:
    with DuckDBEngine() as engine:
        said = coded(engine, (s for place in everywhere for _, s in place[SAID]))
    said = parcel_of(said.append_column("method", said["operation"]).drop_columns("lines"))
    for number in range(PARTS):
        arriving = [t for place in everywhere for part, t in place[LINES] if part == number]
        given = [batch(number, LINES, table) for table in arriving]
        once, again = (fold(said, KEY, 60, number, g) for g in (given, given[::-1]))
        assert len(given) > 1
        assert held_rows(held(once)) == held_rows(held(again))


def test_no_parcel_is_large_whatever_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    spans = rows(0, 400, operation=[f"GET /{n}" for n in range(400)])

    def all_held(one: Held) -> Held:
        with DuckDBEngine() as engine:
            said = coded(engine, (s for _, s in one[SAID]))
        said = parcel_of(said.append_column("method", said["operation"]).drop_columns("lines"))
        folded = held(fold(said, KEY, 60, 0, [batch(0, LINES, t) for _, t in one[LINES]]))
        wanted = pa.concat_tables(t for _, t in folded[SPANS])["trace"].to_numpy()
        kept = [batch(part, SPANS, table) for part, table in folded[SPANS]]
        return {**folded, "given": held(give(wanted.tobytes(), 0, kept))[SPANS]}

    def all_told() -> Held:
        return held(tell(telling(spans), KEY, 1, spans.num_rows, 0, spans.to_batches()))

    lines = all_told()
    whole = lines | all_held(lines)
    monkeypatch.setattr(parcels, "PARCEL_BYTES", 300)
    cut = all_told() | all_held(lines)
    assert whole.keys() == cut.keys() > {LINES, SAID, *FORMS, COUNTS, *KEPT}
    for holds, tables in cut.items():
        assert all(t.nbytes <= 300 or t.num_rows == 1 for _, t in tables), holds
        assert len(tables) > len(whole[holds]) or holds in {FATES, COUNTS, "part_steps"}, holds
        assert held_rows({holds: tables}) == held_rows({holds: whole[holds]})


def batch(part: int, holds: str, table: pa.Table) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([[part], [holds], [parcel_of(table)]], schema=PARCELS)
