"""A small shop: its traces, what happens in them, and how it is learned."""

from dataclasses import dataclass
from pathlib import Path

from command import done
from traffic_maker import (
    COLUMNS,
    LATERAL,
    LOGIN,
    Event,
)

DAYS = 3  # of training
# One network is enough to see that networks work; the clock forecasts the rest.
SETTINGS = """
[patterns]
critical_share = 0.4
[machine]
processes = 1
"""
ATTACK = Event(LOGIN, first=60, last=65, requests=60, refused=0.9)
NEWS = Event(LATERAL, first=100, last=102, requests=2)


@dataclass(frozen=True)
class Shop:
    """Files of traces, and the workspace that learned the first."""

    train: Path
    attacked: Path  # the day after
    clean: Path  # the same day without events
    workspace: Path  # to look at; ask for `own_workspace` to change one
    day_ns: int  # start of the day after training


def with_settings(workspace: Path) -> Path:
    """An empty workspace folder with settings, ready to learn into."""
    workspace.mkdir(parents=True)
    (workspace / "informer.toml").write_text(SETTINGS, encoding="utf-8")
    return workspace


def learn(traces: Path, workspace: Path) -> None:
    """Learn into a new workspace."""
    with_settings(workspace)
    done("learn", traces, "-w", workspace, "--step", "600s", "--columns", COLUMNS)
