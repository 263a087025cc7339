"""Spans are gathered once each, packed, and it is enough when the hours or the room are over."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from informer.config.serve import ServeSettings
from informer.config.settings import Settings
from informer.core.errors import InformerError
from informer.pipeline.folder import CACHE, FIRST, SPOOL, make_folder
from informer.pipeline.workspace import Workspace
from informer.service.gathering import (
    LOOK_S,
    PACKED_S,
    Gathering,
    forget_gathered,
    gather,
    prepared,
)
from informer.spans.unpack import Content
from otlp_messages import message

SETTINGS = ServeSettings(first_hours=2.0)
MESSAGES = {number: message(f"call {number}") for number in range(1, 8)}


def gathered(folder: Path) -> list[bytes]:
    """Messages of all files, in order."""
    return [f for path in sorted((folder / FIRST).glob("*.zst")) for f in Content(path).frames()]


def began(folder: Path, later_s: float = 0.0, **settings: str) -> Gathering:
    """A gathering whose clock is so far ahead of that of the files."""
    clock: Callable[[], float] = lambda: newest(folder) + later_s  # noqa: E731
    return Gathering(folder, replace(SETTINGS, **settings), clock=clock)


def newest(folder: Path) -> float:
    return max((p.stat().st_mtime for p in folder.rglob("*.otlp*")), default=0.0)


def give(gathering: Gathering, *numbers: int) -> None:
    """One segment of these messages."""
    for number in numbers:
        gathering.reception.take(MESSAGES[number])
    gathering.spool.close()


def test_segments_are_packed_together_when_they_are_old_or_it_is_enough(tmp_path: Path) -> None:
    gathering = began(tmp_path)
    give(gathering, 1, 2)
    give(gathering, 3)
    gathering.take_over()
    assert gathered(tmp_path) == []
    gathering.take_over(rest=True)
    assert gathered(tmp_path) == [MESSAGES[n] for n in (1, 2, 3)]
    assert gathering.spool.sealed() == []
    later = began(tmp_path, PACKED_S)
    give(later, 4)
    later.take_over()
    assert gathered(tmp_path) == [MESSAGES[n] for n in (1, 2, 3, 4)]


def test_a_kill_between_packing_and_forgetting_gathers_nothing_twice(tmp_path: Path) -> None:
    gathering = began(tmp_path)
    give(gathering, 1, 2)
    (segment,) = gathering.spool.sealed()
    held = segment.path.read_bytes()
    gathering.take_over(rest=True)
    segment.path.write_bytes(held)  # what is there when the kill came before it was forgotten
    again = began(tmp_path)
    give(again, 3)
    again.take_over(rest=True)
    assert gathered(tmp_path) == [MESSAGES[n] for n in (1, 2, 3)]


def test_it_is_enough_when_the_hours_since_the_first_span_are_over(tmp_path: Path) -> None:
    empty = began(tmp_path, 1e9)
    assert not empty.is_enough
    assert "no spans have come" in empty.words()
    give(empty, 1)
    assert not began(tmp_path, 7_199.0).is_enough
    assert began(tmp_path, 7_200.0).is_enough
    empty.take_over(rest=True)
    assert not began(tmp_path, 7_199.0).is_enough
    assert began(tmp_path, 7_200.0).is_enough


def test_it_is_enough_when_the_room_is_used_up(tmp_path: Path) -> None:
    gathering = began(tmp_path, spool="0.5KiB")
    give(gathering, 1)
    gathering.take_over(rest=True)
    assert not gathering.is_enough
    for number in range(2, 8):
        give(gathering, number)
        gathering.take_over(rest=True)
    assert gathering.is_enough


def test_when_the_room_is_used_up_what_comes_waits_in_the_spool_until_it_is_learned(
    tmp_path: Path,
) -> None:
    gathering = began(tmp_path, PACKED_S, spool="0.5KiB")
    for number in range(1, 8):
        give(gathering, number)
        gathering.take_over()
    packed = gathered(tmp_path)
    waiting = [f for s in gathering.spool.sealed() for f in Content(s.path).frames()]
    assert [*packed, *waiting] == list(MESSAGES.values())
    assert waiting
    sizes = [path.stat().st_size for path in sorted((tmp_path / FIRST).iterdir())]
    assert sum(sizes[:-1]) < 512 <= sum(sizes)
    gathering.take_over(rest=True)
    assert gathered(tmp_path) == list(MESSAGES.values())


def test_what_is_packed_is_made_sure_of_before_it_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gathering = began(tmp_path)
    give(gathering, 1)
    sure: list[tuple[int, bool, bool]] = []

    def made_sure_of(number: int) -> None:
        packed = [p.suffix for p in (tmp_path / FIRST).iterdir()]
        sure.append((os.fstat(number).st_ino, packed == [".zst"], bool(gathering.spool.sealed())))

    monkeypatch.setattr("informer.service.gathering.os.fsync", made_sure_of)
    gathering.take_over(rest=True)
    (packed,) = (tmp_path / FIRST).iterdir()
    folder = packed.parent
    assert sure == [(packed.stat().st_ino, False, True), (folder.stat().st_ino, True, True)]


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    with pytest.raises(InformerError, match="holds 'letters'"):
        prepared(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["letters"]


def test_a_new_folder_gets_settings_to_look_at(tmp_path: Path) -> None:
    assert prepared(tmp_path / "new") == Settings()
    assert "first_hours" in (tmp_path / "new" / "informer.toml").read_text("utf-8")


def test_a_first_learning_that_was_cut_off_is_no_stranger(tmp_path: Path) -> None:
    Workspace.create(tmp_path).close()
    began(tmp_path)
    assert prepared(tmp_path) == Settings()


def test_what_was_learned_is_not_kept_any_longer_but_what_others_put_there_is(
    tmp_path: Path,
) -> None:
    gathering = began(tmp_path)
    give(gathering, 1)
    gathering.take_over(rest=True)
    (tmp_path / FIRST / "traces.parquet").touch()
    forget_gathered(tmp_path)
    assert [p.name for p in (tmp_path / FIRST).iterdir()] == ["traces.parquet"]
    (tmp_path / FIRST / "traces.parquet").unlink()
    forget_gathered(tmp_path)
    assert not (tmp_path / FIRST).exists()


def test_where_there_is_no_room_to_pack_spans_wait_in_the_spool(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gathering = began(tmp_path, 7_200.0)
    give(gathering, 1)
    (tmp_path / FIRST / "000000000001.otlp.part").mkdir()  # nothing can be written there

    async def some_looks() -> bool:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(2 * LOOK_S, stop.set)
        return await gather(gathering, stop)

    assert not asyncio.run(some_looks())
    assert gathered(tmp_path) == []
    assert len(gathering.spool.sealed()) == 1
    assert caplog.text.count("cannot be packed") == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("[serve]\nfirst_hours = 0\n", "serve.first_hours"),
        ('[tail]\npaths = ["/var/log/access.log"]\n', "run `informer learn` on the logs"),
        ('[kafka]\nbrokers = ["localhost:9092"]\n', "a file of the topic's messages"),
    ],
)
def test_where_nothing_is_gathered_it_says_what_to_do(
    tmp_path: Path, settings: str, said: str
) -> None:
    (tmp_path / "informer.toml").write_text(settings, encoding="utf-8")
    with pytest.raises(InformerError, match=said):
        prepared(tmp_path)


def test_the_folders_of_the_service_are_no_strangers(tmp_path: Path) -> None:
    for name in (FIRST, SPOOL, CACHE, "lost+found"):
        (tmp_path / name).mkdir()
    make_folder(tmp_path)
