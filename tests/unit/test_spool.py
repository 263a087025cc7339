"""The spool: what was taken in is there after a kill, nothing twice, never more than allowed."""

import errno
import os
from pathlib import Path

import pytest

from informer.service.spool import BehindError, Spool, SpoolFullError


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def spool_in(
    folder: Path,
    clock: Clock | None = None,
    *,
    most_bytes: int = 1_000,
    most_wait_s: float = 1_000.0,
) -> Spool:
    return Spool(
        folder,
        most_bytes=most_bytes,
        segment_bytes=50,
        segment_s=1.0,
        most_wait_s=most_wait_s,
        clock=clock or Clock(),
    )


def kill(spool: Spool) -> None:
    """End as a killed process does: nothing is sealed."""
    if spool._file is not None:
        spool._file.close()


def messages(spool: Spool) -> list[bytes]:
    """Every message in sealed segments, in order."""
    found = []
    for segment in spool.sealed():
        data = segment.path.read_bytes()
        while data:
            size = int.from_bytes(data[:4], "big")
            found.append(data[4 : 4 + size])
            data = data[4 + size :]
    return found


def test_messages_come_out_in_the_order_they_came_in(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    sent = [bytes([65 + i]) * 20 for i in range(7)]
    for message in sent:
        spool.add(message)
    spool.close()
    assert messages(spool) == sent
    assert [s.number for s in spool.sealed()] == [1, 2, 3]


def test_a_segment_is_sealed_when_it_is_old(tmp_path: Path) -> None:
    clock = Clock()
    spool = spool_in(tmp_path, clock)
    spool.add(b"one")
    assert spool.sealed() == []
    clock.now = 1.0
    assert messages(spool) == [b"one"]


def test_what_was_added_before_a_kill_is_there_after_it(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.add(b"acknowledged")
    kill(spool)
    assert messages(spool_in(tmp_path)) == [b"acknowledged"]


@pytest.mark.parametrize("cut", [1, 3, 4, 9])
def test_a_message_that_a_kill_cut_off_was_never_there(
    tmp_path: Path, cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    spool = spool_in(tmp_path)
    spool.add(b"whole")
    spool.add(b"cut off")
    kill(spool)
    (path,) = tmp_path.glob("*.otlp")
    path.write_bytes(path.read_bytes()[:-cut])
    again = spool_in(tmp_path)
    assert messages(again) == [b"whole"]
    assert f"000000000001.otlp: {11 - cut} bytes behind the last whole message" in caplog.text
    again.add(b"next")
    again.close()
    assert messages(again) == [b"whole", b"next"]


def test_a_length_that_is_nonsense_ends_a_segment(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "000000000004.otlp").write_bytes(b"\xff\xff\xff\xff" + b"x" * 40)
    spool = spool_in(tmp_path)
    assert messages(spool) == []
    assert "000000000004.otlp: 44 bytes behind the last whole message" in caplog.text


def test_what_is_forgotten_is_gone_and_its_number_is_never_used_again(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    for i in range(3):
        spool.add(bytes([65 + i]) * 60)
    for number in (1, 2, 3):
        spool.forget(number)
    assert not list(tmp_path.glob("*.otlp"))
    again = spool_in(tmp_path)
    again.add(b"x" * 60)
    assert [s.number for s in again.sealed()] == [4]


def test_what_waits_for_too_long_lets_no_more_in_until_it_is_taken_in(tmp_path: Path) -> None:
    clock = Clock()
    spool = spool_in(tmp_path, clock, most_wait_s=10.0)
    spool.add(b"a" * 60)
    clock.now = 4.0
    spool.add(b"b" * 60)
    clock.now = 10.0
    spool.add(b"c")
    assert not spool.is_behind
    clock.now = 10.5
    assert spool.is_behind
    assert spool.waited_s() == 10.5
    with pytest.raises(BehindError):
        spool.add(b"d")
    spool.taken_in(1)  # the next one waits for six and a half seconds: not caught up yet
    with pytest.raises(BehindError):
        spool.add(b"d")
    spool.taken_in(2)  # now the next one came half a second ago
    spool.add(b"d")
    clock.now = 19.0
    assert not spool.is_behind
    spool.close()
    assert messages(spool) == [b"a" * 60, b"b" * 60, b"c", b"d"]


def test_who_can_go_back_waits_before_those_who_cannot_are_sent_away(tmp_path: Path) -> None:
    clock = Clock()
    spool = spool_in(tmp_path, clock, most_wait_s=10.0)
    spool.add_group([b"a" * 60], {"topic/0": 1})
    clock.now = 6.0
    with pytest.raises(SpoolFullError):
        spool.add_group([b"b"], {"topic/0": 2})
    spool.add(b"of somebody else")
    spool.taken_in(1)
    spool.add_group([b"b"], {"topic/0": 2})
    assert spool.places == {"topic/0": 2}


def test_what_waits_while_who_reads_has_more_to_do_is_not_held_against_it(tmp_path: Path) -> None:
    clock = Clock()
    spool = spool_in(tmp_path, clock, most_wait_s=10.0)
    spool.add(b"a" * 60)
    with spool.excused():
        clock.now = 100.0
        spool.add(b"b")
    clock.now = 110.0
    spool.add(b"c")
    clock.now = 111.0
    with pytest.raises(BehindError):
        spool.add(b"d")


def test_what_waits_since_before_the_start_is_old_and_lets_more_in(tmp_path: Path) -> None:
    first = spool_in(tmp_path)
    first.add(b"a" * 60)
    (path,) = tmp_path.glob("*.otlp")
    old = path.stat().st_mtime - 90
    os.utime(path, (old, old))
    clock = Clock()
    spool = spool_in(tmp_path, clock, most_wait_s=10.0)
    assert 90 <= spool.waited_s() < 10_000
    spool.add(b"b")
    clock.now = 11.0
    with pytest.raises(BehindError):
        spool.add(b"c")


def test_a_full_spool_refuses_and_has_room_again_later(tmp_path: Path) -> None:
    spool = spool_in(tmp_path, most_bytes=130)
    spool.add(b"a" * 60)
    spool.add(b"b" * 60)
    with pytest.raises(SpoolFullError):
        spool.add(b"c")
    assert spool.is_full
    assert messages(spool) == [b"a" * 60, b"b" * 60]
    spool.forget(1)
    spool.add(b"c")
    assert spool.size == 64 + 5
    spool.close()


def test_a_full_disk_refuses_and_leaves_no_part_of_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = spool_in(tmp_path)
    spool.add(b"whole")
    disk = full_disk(spool, monkeypatch)
    with pytest.raises(SpoolFullError):
        spool.add(b"lost")
    disk.undo()
    spool.add(b"next")
    spool.close()
    assert messages(spool) == [b"whole", b"next"]


def test_where_a_part_of_a_message_stays_nothing_is_written_or_read_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    spool = spool_in(tmp_path, clock)
    spool.add(b"whole")
    disk = full_disk(spool, monkeypatch, is_stuck=True)
    for message in (b"lost", b"lost too"):
        with pytest.raises(SpoolFullError):
            spool.add(message)
    clock.now = 5.0
    assert spool.sealed() == []
    assert caplog.text.count("No space left") == 1
    disk.undo()
    assert messages(spool) == [b"whole"]
    spool.add(b"next")
    spool.close()
    assert messages(spool) == [b"whole", b"next"]


def test_a_part_of_a_message_that_stays_to_the_end_is_cut_off_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = spool_in(tmp_path)
    spool.add(b"whole")
    full_disk(spool, monkeypatch, is_stuck=True)
    with pytest.raises(SpoolFullError):
        spool.add(b"lost")
    spool.close()
    again = spool_in(tmp_path)
    again.add(b"next")
    again.close()
    assert messages(again) == [b"whole", b"next"]


def full_disk(
    spool: Spool, patch: pytest.MonkeyPatch, *, is_stuck: bool = False
) -> pytest.MonkeyPatch:
    """A disk that takes a part of what is written, until it is undone; one that is stuck keeps it.

    It holds the open segment.
    """
    file = spool._file
    assert file is not None

    class Full:
        def write(self, data: bytes) -> int:
            file.write(data[:3])
            raise OSError(errno.ENOSPC, "No space left on device")

        def truncate(self, size: int) -> int:
            if is_stuck:
                raise OSError(errno.ENOSPC, "No space left on device")
            return file.truncate(size)

        def __getattr__(self, name: str) -> object:
            return getattr(file, name)

    patch.setattr(spool, "_file", Full())
    return patch


def test_a_segment_that_cannot_be_made_sure_of_is_still_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(number: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("informer.service.spool.os.fsync", fails)
    spool = spool_in(tmp_path)
    spool.add(b"x" * 60)
    assert messages(spool) == [b"x" * 60]
