"""The audit log: who decided what, when, in which role, and what came of it."""

import getpass
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from informer.core.errors import InformerError
from informer.core.tables import AUDIT
from informer.core.types import Json
from informer.pipeline.training import ToTrainError
from informer.pipeline.workspace import Workspace

DECIDE = "decide"  # the role that it takes
DONE, REFUSED, FAILED = "done", "refused", "failed"
MOST_CHARACTERS = 1_000  # of any text in it


@dataclass(frozen=True, slots=True)
class Decider:
    """Who decides, in which role, and what they say of it."""

    who: str
    role: str = DECIDE
    note: str = ""


def local_user(note: str = "") -> Decider:
    """Who runs this process."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as containers have them
        name = str(os.getuid())
    return Decider(f"local user {name}", note=note)


@contextmanager
def audited(home: Workspace, by: Decider | None, action: str, thing: str) -> Iterator[None]:
    """A transaction that is kept together with its line in the audit log.

    What ends in an error is undone, and has a line that says so.
    """
    by = by or local_user()
    home.engine.append(AUDIT.name, AUDIT.empty())  # workspaces of before have none
    try:
        with home.engine.transaction():
            yield
            _write(home, by, action, thing, DONE, "")
    except ToTrainError:
        raise  # nothing was decided yet
    except Exception as error:
        told = isinstance(error, InformerError)
        outcome, why = (REFUSED, str(error)) if told else (FAILED, type(error).__name__)
        with suppress(InformerError):  # the disk may be full: what went wrong first counts more
            _write(home, by, action, thing, outcome, why)
        raise


def _write(home: Workspace, by: Decider, action: str, thing: str, outcome: str, why: str) -> None:
    row: Json = {
        "at_ns": time.time_ns(),
        "who": by.who,
        "role": by.role,
        "action": action,
        "object": thing,
        "outcome": outcome,
        "why": why,
        "note": by.note,
    }
    cut = {k: v[:MOST_CHARACTERS] if isinstance(v, str) else v for k, v in row.items()}
    home.engine.append(AUDIT.name, AUDIT.of([cut]))
