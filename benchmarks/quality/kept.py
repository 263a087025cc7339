"""Raw figures on disk: a file a source, a line in it for every detector and version.

They are kept as soon as a detector is done, so that what ends early loses one row, and one row can
be measured again without the others. Tables are made of them, and of nothing else.
"""

import fcntl
import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from informer.core.types import Json
from quality.evaluate import Evaluated
from quality.judge import Campaign, EventFigures

HERE = Path(__file__).parents[2]
MEASURED_WITH = ("src", "benchmarks/*.py", "benchmarks/quality")
COLUMNS = tuple(f.name for f in fields(Campaign))
NUMBERS = ("oracle_z", "delay_steps")  # columns of numbers that may have no end

Cell = tuple[str, str]  # version, detector


@dataclass(frozen=True, slots=True)
class Row:
    """One detector on one version of a source, and what it was measured with."""

    evaluated: Evaluated
    commit: str
    world: str  # a name of the traffic and its events: rows of other names do not compare


def file_of(folder: Path, data_set: str, source: str) -> Path:
    """Where the rows of a source are kept.

    >>> file_of(Path("kept"), "bank, sampled at 10 %", "bank 111").as_posix()
    'kept/bank-sampled-at-10/bank-111.json'
    """
    plain = [re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") for name in (data_set, source)]
    return folder / plain[0] / f"{plain[1]}.json"


def kept_rows(path: Path) -> dict[Cell, Row]:
    """All rows of a source; none before the first is kept."""
    if not path.exists():
        return {}
    told = json.loads(path.read_text(encoding="utf-8"))
    return {(r["version"], r["detector"]): _row(r, told["campaign_columns"]) for r in told["rows"]}


def keep(path: Path, cell: Cell, row: Row) -> None:
    """Put a row in place of the one there was; whoever keeps another meanwhile loses nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone_in(path.parent):
        rows = kept_rows(path) | {cell: row}
        lines = ",\n".join(f"  {_line(c, r)}" for c, r in sorted(rows.items(), key=lambda x: x[0]))
        columns = json.dumps(COLUMNS)
        write_whole(path, f'{{\n "campaign_columns": {columns},\n "rows": [\n{lines}\n ]\n}}\n')


def write_whole(path: Path, text: str) -> None:
    """All of a file or nothing: who reads it meanwhile reads the old one."""
    new = path.with_suffix(f".{os.getpid()}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def commit_here() -> str:
    """The commit that measures, `-dirty` where its code was changed; `unknown` outside of git."""

    def git(*words: str) -> str:
        command = ["git", "-C", str(HERE), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--", *MEASURED_WITH)
        return git("describe", "--always") + ("-dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)  # and with it the lock


def _line(cell: Cell, row: Row) -> str:
    found = row.evaluated
    told: Json = {
        "version": cell[0],
        "detector": cell[1],
        "commit": row.commit,
        "world": row.world,
        "seconds": _plain(round(found.seconds, 2)),
        "vus": {p: _plain(v) for p, v in found.vus.items()},
        "budgets": {
            str(budget): {
                "days": _plain(figures.days),
                "false_by_day": figures.false_by_day.tolist(),
                "campaigns": [[_plain(x) for x in astuple(c)] for c in figures.campaigns],
            }
            for budget, figures in found.figures.items()
        },
    }
    return json.dumps(told, allow_nan=False)


def _row(told: Json, columns: list[str]) -> Row:
    figures = {
        int(budget): EventFigures(
            tuple(_campaign(dict(zip(columns, c, strict=True))) for c in of["campaigns"]),
            np.array(of["false_by_day"], dtype=np.int64),
            float(of["days"]),
        )
        for budget, of in told["budgets"].items()
    }
    vus = {p: float(v) for p, v in told["vus"].items()}
    found = Evaluated(figures, vus, float(told["seconds"]))
    return Row(found, told["commit"], told["world"])


def _campaign(told: Json) -> Campaign:
    numbers = {k: None if told[k] is None else float(told[k]) for k in NUMBERS}
    return Campaign(**(told | numbers))


def _plain(value: Any) -> Any:
    """JSON knows no NaN and no infinity: they are words."""
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value
