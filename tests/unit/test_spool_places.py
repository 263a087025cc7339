"""Places in the spool: how far a source came is kept with what came, or not at all."""

from pathlib import Path

import pytest

from informer.engines.duckdb import DuckDBEngine
from informer.service.marks import Lines, Mark, lines_message, lines_of, mark_message, mark_of
from informer.service.spool import Spool, SpoolFullError
from informer.spans.open import open_frames


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def spool_in(folder: Path, *, most_bytes: int = 10_000, segment_bytes: int = 10_000) -> Spool:
    return Spool(folder, most_bytes=most_bytes, segment_bytes=segment_bytes, clock=Clock())


def kill(spool: Spool) -> None:
    """End as a killed process does: nothing is sealed."""
    if spool._file is not None:
        spool._file.close()


def test_after_a_kill_a_source_goes_on_behind_what_was_kept(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.add_group([b"a", b"b"], {"topic/0": 2})
    spool.add(b"of somebody else")
    spool.add_group([b"c"], {"topic/0": 3, "topic/1": 7})
    kill(spool)
    assert spool_in(tmp_path).places == {"topic/0": 3, "topic/1": 7}


@pytest.mark.parametrize("lost_bytes", [1, 4, 30, 60])
def test_a_group_that_was_cut_off_moved_no_place(tmp_path: Path, lost_bytes: int) -> None:
    spool = spool_in(tmp_path)
    spool.add_group([b"first"], {"topic/0": 1})
    whole = spool.size
    spool.add_group([b"x" * 20, b"y" * 20, b"z" * 20], {"topic/0": 4})
    kill(spool)
    (path,) = tmp_path.glob("*.otlp")
    data = path.read_bytes()
    path.write_bytes(data[:-lost_bytes])
    again = spool_in(tmp_path)
    assert again.places == {"topic/0": 1}
    assert again.size == whole


def test_places_outlive_the_segments_that_told_them(tmp_path: Path) -> None:
    spool = spool_in(tmp_path, segment_bytes=1)
    for at in (1, 2, 3):
        spool.add_group([b"m"], {"topic/0": at})
    spool.forget(3)  # while older ones are still needed
    spool.forget(1)
    assert spool_in(tmp_path).places == {"topic/0": 3}
    spool.forget(2)
    again = spool_in(tmp_path, segment_bytes=1)
    assert again.places == {"topic/0": 3}
    again.add_group([b"m"], {"topic/0": 4})
    assert spool_in(tmp_path).places == {"topic/0": 4}


def test_a_place_settles_when_nothing_before_it_is_needed(tmp_path: Path) -> None:
    spool = spool_in(tmp_path, segment_bytes=1)
    for at in (1, 2, 3):
        spool.add_group([b"m"], {"topic/0": at})
    spool.forget(2)
    assert spool.settled == {}
    spool.forget(1)
    assert spool.settled == {"topic/0": 2}
    spool.forget(3)
    assert spool.settled == {"topic/0": 3}


def test_a_place_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.add_group([], {"file/1": {"offset": 5}, "file/2": 1})
    spool.add_group([], {"file/1": None})
    assert spool.places == {"file/2": 1}
    kill(spool)
    assert spool_in(tmp_path).places == {"file/2": 1}


def test_a_group_without_room_moves_no_place(tmp_path: Path) -> None:
    spool = spool_in(tmp_path, most_bytes=400)
    with pytest.raises(SpoolFullError):
        spool.add_group([b"x" * 200], {"topic/0": 1})
    assert spool.places == {}
    assert spool.size == 0


def test_sources_that_can_go_back_leave_room_for_those_that_cannot(tmp_path: Path) -> None:
    spool = spool_in(tmp_path, most_bytes=1_000)
    for at in range(4):
        spool.add_group([b"x" * 20], {"topic/0": at})
    with pytest.raises(SpoolFullError):
        spool.add_group([b"x" * 200], {"topic/0": 4})
    spool.add(b"y" * 500)
    assert spool.places == {"topic/0": 3}
    spool.close()


def test_only_segments_of_sources_that_can_go_back_are_replayable(tmp_path: Path) -> None:
    spool = spool_in(tmp_path, segment_bytes=1)
    spool.add_group([b"m"], {"topic/0": 1})
    spool.add(b"m")
    kill(spool)
    assert [s.replayable for s in spool.sealed()] == [True, False]
    assert [s.replayable for s in spool_in(tmp_path).sealed()] == [True, False]


def test_whoever_reads_a_segment_as_otlp_finds_no_spans_in_marks_and_lines(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.add_group([lines_message(Lines("envoy", "a.log", b"", b"{}\n" * 99))], {"a": 1})
    spool.close()
    (segment,) = spool.sealed()
    assert segment.has_lines
    source = open_frames(segment.path, correlate="trace_id", where=None)
    with DuckDBEngine(threads=1) as engine:
        assert sum(source.stage(engine, "staged")) == 0
    assert not source.rejected


def test_marks_and_lines_come_out_as_they_went_in() -> None:
    mark = Mark({"topic/0": 3, "a\nb": None}, 1 << 20)
    assert mark_of(mark_message(mark)) == mark
    lines = Lines("table", "ünder.csv", b"\xffa,b", bytes(range(256)) * 600)
    assert lines_of(lines_message(lines)) == lines
    with pytest.raises(ValueError, match="cut off"):
        lines_of(lines_message(lines)[:-1])


@pytest.mark.parametrize(
    "left",
    [
        *(b"", bytes(30), b"7", b"7\n{", b"7\n[]", b"\xff\n{}", b"x\n{}", b"-7\n{}", b"9" * 400),
        *(b'7\n{"upto":-1,"places":{}}', b'7\n{"upto":9000000000000,"places":{}}'),
        b'1\n{"upto":3,"places":{}}',  # what was forgotten in between is gone, this note not
    ],
)
def test_what_the_power_left_of_a_note_ends_no_start(tmp_path: Path, left: bytes) -> None:
    spool = spool_in(tmp_path)
    spool.add_group([b"m"], {"topic/0": 1})
    spool.close()
    (segment,) = spool.sealed()
    spool.forget(segment.number)
    (tmp_path / "last").write_bytes(left)
    again = spool_in(tmp_path)
    assert again.places == {}
    again.add_group([b"m"], {"topic/0": 2})
    again.close()
    assert spool_in(tmp_path).places == {"topic/0": 2}
