"""What is known to have happened: a file of labels."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from informer.core.errors import InformerError
from informer.policies.globs import fits

ATTACK = "attack"
LEGITIMATE_CHANGE = "legit"
NEEDED = ("event_id", "kind", "flag", "start_ns", "end_ns", "guilty")


@dataclass(frozen=True, slots=True)
class Event:
    """A row of a file of labels."""

    event_id: str
    kind: str
    flag: str  # attack, legit or fault
    start_ns: int
    end_ns: int  # with what was in flight at the end
    guilty: tuple[str, ...]  # caller>callee:part of the method; * stands for anything

    def names(self, caller: str, callee: str, method: str) -> bool:
        """Whether an rpc is one of those that are guilty."""
        for one in self.guilty:
            edge, _, part = one.partition(":")
            if fits(f"{caller}>{callee}", edge) and part in method:
                return True
        return False


def read_events(path: Path) -> list[Event]:
    """Events in order of time. Errors: InformerError that names the file and the line."""
    events = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                missing = [name for name in NEEDED if row.get(name) is None]
                if missing:
                    raise InformerError(f"{path}:{number}: a label needs {missing[0]}")
                events.append(_event(row))
    except OSError as error:
        raise InformerError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InformerError(f"{path} is no file of labels: {error}") from error
    return sorted(events, key=lambda e: e.start_ns)


def _event(row: Mapping[str, str]) -> Event:
    return Event(
        row["event_id"],
        row["kind"],
        row["flag"],
        int(row["start_ns"]),
        int(row.get("effect_end_ns") or row["end_ns"]),
        tuple(filter(None, row["guilty"].split("|"))),
    )
