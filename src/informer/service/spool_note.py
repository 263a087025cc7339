"""The note of a spool: which numbers of segments were used, and up to where its sources came."""

import logging
import os
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from informer.service.marks import Places

NAME = "last"
NUMBERS = range(10**12)  # as many digits as names of segments have
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SpoolNote:
    """Numbers are never used again: what was closed says up to which one it came."""

    last: int = 0  # that was used and forgotten
    upto: int = 0  # segment up to which the places are
    places: Places = field(default_factory=dict)


def read_note(folder: Path) -> SpoolNote:
    """The note in a folder; an empty one where there is none, or what the power left of one."""
    path = folder / NAME
    if not path.exists():
        return SpoolNote()
    try:
        number, _, told = path.read_bytes().partition(b"\n")
        match int(number), orjson.loads(told or b"{}"):
            case last, {} as none if last in NUMBERS and not none:
                return SpoolNote(last)
            case last, {"upto": int() as upto, "places": dict() as places} if (
                last in NUMBERS and upto in NUMBERS
            ):
                return SpoolNote(last, upto, places)
    except ValueError:
        pass
    log.error("%s is damaged: sources that go back begin where they say themselves", path)
    return SpoolNote()


def write_note(folder: Path, note: SpoolNote) -> None:
    """Put it in place of the one before, whole or not at all. Errors: OSError."""
    path = folder / NAME
    unfinished = path.with_suffix(".part")
    told = orjson.dumps({"upto": note.upto, "places": note.places})
    with unfinished.open("wb") as file:
        file.write(b"%d\n" % note.last + told)
        if note.places:  # a place that went with the power would bring back what was judged
            file.flush()
            os.fsync(file.fileno())
    unfinished.rename(path)
