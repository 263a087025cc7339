"""Log files that grow: every line comes into the spool once, whatever becomes of the file."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from informer.config.settings import SourceSettings
from informer.config.streams import TailSettings
from informer.core.ports import Source
from informer.engines.duckdb import DuckDBEngine
from informer.service.log_file import LONGEST_LINE
from informer.service.marks import LINES, Lines, lines_message, lines_of
from informer.service.segment_sources import frames_of, sources_of
from informer.service.segments import Segment
from informer.service.spool import Spool
from informer.service.tail import GONE_S, LOOK_S, TailStream
from informer.spans.telling import Telling
from informer.spans.unpack import Content


class Tailing:
    """A stream of a folder's logs whose clock is ours."""

    def __init__(
        self, folder: Path, *, start: str = "begin", format: str = "envoy", room: int = 1 << 24
    ) -> None:
        self.now_s = 0.0
        self.spool = Spool(folder / "spool", most_bytes=room, segment_s=0.0)
        settings = TailSettings(paths=(str(folder / "*.log"),), format=format, start=start)
        self.stream = TailStream(settings, self.spool, most_ahead_s=10, clock=lambda: self.now_s)

    def go_on(self, *, for_s: float = LOOK_S) -> list[str]:
        """Read all there is; every line that the spool has."""
        self.now_s += for_s
        while self.stream.turn():
            pass
        return self.lines()

    def lines(self) -> list[str]:
        found = []
        for segment in self.spool.sealed():
            for frame in Content(segment.path).frames():
                if frame.startswith(LINES):
                    found += lines_of(frame).text.decode().splitlines()
        return found

    def kill(self) -> None:
        """End as a killed process does."""
        for file in self.stream._files.values():
            file.file.close()
        self.spool.close()


def write(path: Path, *lines: str, end: str = "\n") -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + end)


@contextmanager
def opened(segment: Segment, settings: SourceSettings) -> Iterator[Sequence[Source]]:
    """All sources in a segment."""
    with sources_of(segment, frames_of(segment, settings, Telling()), settings) as sources:
        yield sources


def test_lines_come_as_they_are_written_and_only_whole(tmp_path: Path) -> None:
    log, tailing = tmp_path / "a.log", Tailing(tmp_path)
    assert tailing.go_on() == []
    write(log, "one", "tw", end="")
    assert tailing.go_on() == ["one"]
    write(log, "o")
    assert tailing.go_on() == ["one", "two"]
    assert tailing.stream.received.spans == 2
    tailing.kill()


def test_what_was_there_before_the_first_start_is_left_out_when_asked(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    write(log, "old", "half", end="")
    tailing = Tailing(tmp_path, start="end")
    assert tailing.go_on() == []
    tailing.kill()
    write(log, " a line")
    again = Tailing(tmp_path, start="end")
    write(tmp_path / "b.log", "new file")
    assert sorted(again.go_on()) == ["half a line", "new file"]
    again.kill()


def test_a_renamed_file_is_read_to_its_end_and_the_new_one_from_its_beginning(
    tmp_path: Path,
) -> None:
    log, tailing = tmp_path / "a.log", Tailing(tmp_path)
    write(log, "one")
    tailing.go_on()
    log.rename(tmp_path / "a.log.1")
    write(tmp_path / "a.log.1", "two", "cut off", end="")
    write(log, "three")
    assert sorted(tailing.go_on()) == ["one", "three", "two"]
    write(tmp_path / "a.log.1", " late")  # a writer that did not hear of it yet
    assert "cut off late" in tailing.go_on()
    tailing.go_on(for_s=GONE_S + 1)
    assert len(tailing.stream._files) == 1
    assert len(tailing.go_on()) == 4
    assert len([p for p in tailing.spool.places if p.startswith("file/")]) == 1
    tailing.kill()


def test_a_removed_file_is_read_to_its_end(tmp_path: Path) -> None:
    log, tailing = tmp_path / "a.log", Tailing(tmp_path)
    write(log, "one")
    tailing.go_on()
    write(log, "two", "three", end="")
    log.unlink()
    assert tailing.go_on() == ["one", "two"]
    assert tailing.go_on(for_s=GONE_S + 1) == ["one", "two", "three"]
    assert tailing.go_on() == ["one", "two", "three"]
    assert not tailing.stream._files


def test_a_file_that_was_copied_and_emptied_begins_again(tmp_path: Path) -> None:
    log, tailing = tmp_path / "a.log", Tailing(tmp_path)
    write(log, "one", "two")
    tailing.go_on()
    os.truncate(log, 0)
    write(log, "3")
    assert tailing.go_on() == ["one", "two", "3"]
    os.truncate(log, 0)
    write(log, "longer than all that was there before")
    assert tailing.go_on()[3:] == ["longer than all that was there before"]
    assert tailing.stream.errors == {"began_again": 2}
    tailing.kill()


@pytest.mark.parametrize("lost_bytes", [0, 1, 30])
def test_after_a_kill_it_goes_on_where_it_was(tmp_path: Path, lost_bytes: int) -> None:
    log, tailing = tmp_path / "a.log", Tailing(tmp_path)
    write(log, "one")
    tailing.go_on()
    write(log, "two")
    tailing.go_on()
    tailing.kill()
    last = tailing.spool.sealed()[-1].path
    last.write_bytes(last.read_bytes()[: -lost_bytes or None])
    write(log, "three")
    log.rename(tmp_path / "a.log.1")
    write(log, "four")
    again = Tailing(tmp_path)
    assert sorted(again.go_on()) == sorted(["one", "two", "three", "four"])
    again.kill()


def test_another_file_in_the_place_of_a_known_one_is_read_from_its_beginning(
    tmp_path: Path,
) -> None:
    log, tailing = tmp_path / "a.log", Tailing(tmp_path)
    write(log, "one")
    tailing.go_on()
    tailing.kill()
    log.write_text("other, and longer\n")  # the inode is the same
    again = Tailing(tmp_path)
    assert again.go_on() == ["one", "other, and longer"]
    again.kill()


def test_a_full_spool_is_waited_for(tmp_path: Path) -> None:
    log, tailing = tmp_path / "a.log", Tailing(tmp_path, room=1_400)
    write(log, "x" * 300)
    assert len(tailing.go_on()) == 1
    write(log, "y" * 300)
    assert len(tailing.go_on()) == 1
    for segment in tailing.spool.sealed():
        tailing.spool.forget(segment.number)
    assert tailing.go_on() == ["y" * 300]
    tailing.kill()


def test_a_line_without_end_is_left_out_and_counted(tmp_path: Path) -> None:
    log, tailing = tmp_path / "a.log", Tailing(tmp_path)
    write(log, "x" * (LONGEST_LINE + 10), "good")
    assert tailing.go_on()[-1] == "good"
    assert tailing.stream.received.refused == {"line_too_long": 1}
    tailing.kill()


def test_no_log_is_read_far_ahead_of_another(tmp_path: Path) -> None:
    tailing = Tailing(tmp_path)
    minutes = [f"2026-06-01T00:{m:02}:00Z" for m in range(60)]
    write(tmp_path / "busy.log", *[f"{m} {'x' * 9_000}" for m in minutes for _ in range(9)])
    write(tmp_path / "quiet.log", *minutes)
    latest = 0
    for line in tailing.go_on():
        minute = int(line[14:16])
        latest = max(latest, minute)
        assert minute >= latest - 1
    assert len(tailing.lines()) == 600
    tailing.kill()


def test_lines_become_spans_of_the_workloads_that_wrote_them(tmp_path: Path) -> None:
    line = {
        "start_time": "2026-06-01T00:00:00.000Z",
        "method": "GET",
        "path": "/x",
        "response_code": 200,
        "request_id": "r1",
        "response_flags": "-",
    }
    tailing = Tailing(tmp_path)
    write(tmp_path / "reviews-v2.log", orjson.dumps(line).decode(), "no line at all")
    write(tmp_path / "ratings.log", orjson.dumps(line | {"request_id": "r2"}).decode())
    tailing.go_on()
    tailing.kill()
    (segment,) = tailing.spool.sealed()
    with DuckDBEngine(threads=1) as engine, opened(segment, SourceSettings()) as sources:
        spans = sum(n for source in sources for n in source.stage(engine, "staged"))
        assert spans == 2
        found = engine.query("select service, version from staged order by 1").to_pylist()
        assert sum(sum(source.rejected.values()) for source in sources) == 1
    assert found == [
        {"service": "ratings", "version": "ratings"},
        {"service": "reviews", "version": "reviews-v2"},
    ]


def test_rows_of_a_table_keep_the_names_of_their_columns(tmp_path: Path) -> None:
    log, tailing = tmp_path / "a.log", Tailing(tmp_path, format="table")
    write(log, "trace,span,service,start", "t1,s1,shop,1780272000000000000")
    tailing.go_on()
    write(log, "t2,s2,shop,1780272000000000001", 'broken,"')
    tailing.go_on()
    tailing.kill()
    columns = {"trace_id": "trace", "span_id": "span", "service": "service", "start_ns": "start"}
    spans = 0
    for segment in tailing.spool.sealed():
        settings = SourceSettings(columns=columns)
        with DuckDBEngine(threads=1) as engine, opened(segment, settings) as sources:
            spans += sum(n for source in sources for n in source.stage(engine, "staged"))
    assert spans == 2


def test_lines_that_are_no_table_do_not_stop_what_else_came(tmp_path: Path) -> None:
    tailing = Tailing(tmp_path, format="table")
    write(tmp_path / "a.log", "no", "table", "\0\0")
    tailing.go_on()
    tailing.kill()
    (segment,) = tailing.spool.sealed()
    with opened(segment, SourceSettings()) as sources:
        assert sum(sum(source.rejected.values()) for source in sources) == 3


def test_a_name_that_is_no_utf8_is_counted_and_holds_up_no_other(tmp_path: Path) -> None:
    strange = tmp_path / os.fsdecode(b"\xff.log")
    write(strange, "one")
    write(tmp_path / "a.log", "two")
    tailing = Tailing(tmp_path)
    assert tailing.go_on() == ["two"]
    assert tailing.stream.errors["unreadable"] == 1
    tailing.kill()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_renamed_file_that_cannot_be_read_holds_up_no_other(tmp_path: Path) -> None:
    log, rotated = tmp_path / "a.log", tmp_path / "a.log.1"
    tailing = Tailing(tmp_path)
    write(log, "one")
    tailing.go_on()
    tailing.kill()
    write(log, "two")
    log.rename(rotated)
    rotated.chmod(0)
    write(log, "three")
    again = Tailing(tmp_path)
    assert again.go_on() == ["one", "three"]
    assert again.stream.errors["unreadable"] == 1
    rotated.chmod(0o600)
    assert again.go_on() == ["one", "three", "two"]
    again.kill()


def test_lines_that_are_damaged_on_disk_are_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", most_bytes=1 << 24)
    good = lines_message(Lines("envoy", "a.log", b"", b"no line of envoy\n"))
    for damaged in (LINES + b"\x03abc", LINES + b"\x7f", good.replace(b"format", b"fromat")):
        spool.add_group([damaged, good], {"file/1": {}})
    spool.close()
    (segment,) = spool.sealed()
    with DuckDBEngine(threads=1) as engine, opened(segment, SourceSettings()) as sources:
        for source in sources:
            assert sum(source.stage(engine, "staged")) == 0
        assert sources[0].rejected["unreadable_lines"] == 3
        assert sources[1].rejected.total() == 3
