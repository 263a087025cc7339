"""What accepting a change does: incidents with it and without, its price, what it leaves alone."""

import hashlib
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from informer.core.types import NS_PER_S, Grid, Json
from informer.pipeline.accepts import accepts_in
from informer.pipeline.decide import accept_incident
from informer.pipeline.detect import DetectResult, detect
from informer.pipeline.look import list_incidents
from informer.pipeline.teaching import barred_steps
from informer.pipeline.workspace import Workspace
from quality.judge import NO_MISUSE
from quality.lasting import HOUR_NS, Lasting

NOTICED_H = 4  # after the change a person looks, and accepts what is open about it
LOOK_H, LOOKS = 24, 3  # that follow, one after the other, as long as the change stays
BEFORE_H = 24  # that the first look holds before the change


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What was told after the moment of the accept, by a workspace that did, or did not."""

    false_24h: int  # misuse incidents that opened in the next 24 h, whatever they were about
    about_24h: int  # those of them that were about the change
    told_24h: int  # incidents about it of any kind that opened, or were open still
    open_h: float  # of the next 24 in which one of misuse about it was open
    quiet_after_h: float | None  # end of the last of misuse about it; None: not quiet at the end


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One change, accepted and not."""

    change: str
    kinds: tuple[str, ...]  # of the incidents that were accepted; none: nobody was told
    noticed_after_h: float | None  # the first of them opened
    relearned: int  # patterns that the accept trained again
    accept_s: float  # CPU
    learn_s: float  # CPU, of the whole workspace
    ignored: Aftermath
    accepted: Aftermath
    others: int  # patterns that nobody accepted
    others_equal: int  # those whose expected and spread are the same, bit for bit
    others_freed: int  # the rest, where it is as steps are irregular without the accept alone
    files_equal: bool  # and every model file there was before


def accepted(change: Lasting, learned: Path, learn_s: float, folder: Path) -> Acceptance:
    """Look at the change, accept what is told of it, and look on with and without that."""
    shutil.copytree(learned, folder / "ignoring")
    ignoring, accepting = folder / "ignoring", folder / "accepting"
    changed = change.changed_in(ignoring)
    noticed_ns = change.changed_ns + NOTICED_H * HOUR_NS
    _look(change, ignoring, change.changed_ns - BEFORE_H * HOUR_NS, noticed_ns)
    mine = [
        i
        for i in list_incidents(ignoring)
        if i["verdict"] == "open" and _since(change, i) and change.concerns(i, changed)
    ]
    shutil.copytree(ignoring, accepting)
    files = _files(accepting)
    started, models = time.process_time(), dict[str, str]()
    for incident in mine:
        models |= accept_incident(accepting, incident["id"]).models
    accept_s = time.process_time() - started
    kept = {name: digest for name, digest in _files(accepting).items() if name in files}

    aftermaths, first_looks, barred = [], [], []
    for workspace in (ignoring, accepting):
        looks = [_look(change, workspace, *span) for span in _spans(change, noticed_ns)]
        first_looks.append(_by_pattern(looks[0].forecasts))
        barred.append(_barred(workspace, change, looks[0].grid.end_ns))
        aftermaths.append(aftermath(change, list_incidents(workspace), changed, noticed_ns))
    before, after = first_looks
    others = sorted(set(before) - set(models))
    unequal = [p for p in others if not before[p].equals(after[p])]
    return Acceptance(
        change=change.name,
        kinds=tuple(i["kind"] for i in mine),
        noticed_after_h=min(
            ((i["opened_ns"] - change.changed_ns) / HOUR_NS for i in mine), default=None
        ),
        relearned=len(models),
        accept_s=accept_s,
        learn_s=learn_s,
        ignored=aftermaths[0],
        accepted=aftermaths[1],
        others=len(others),
        others_equal=len(others) - len(unequal),
        others_freed=sum(barred[0].get(p, set()) > barred[1].get(p, set()) for p in unequal),
        files_equal=kept == files,
    )


def _look(change: Lasting, workspace: Path, from_ns: int, until_ns: int) -> DetectResult:
    return detect([change.test], workspace, from_ns=from_ns, until_ns=until_ns)


def _spans(change: Lasting, from_ns: int) -> Iterator[tuple[int, int]]:
    for _ in range(LOOKS):
        until_ns = min(from_ns + LOOK_H * HOUR_NS, change.until_ns)
        if from_ns < until_ns:
            yield from_ns, until_ns
        from_ns = until_ns


def aftermath(
    change: Lasting, incidents: Sequence[Json], changed: frozenset[str], from_ns: int
) -> Aftermath:
    """What incidents, as `informer incidents list` tells them, are from then on."""
    day_ns = from_ns + 24 * HOUR_NS
    last_ns = [until_ns for _, until_ns in _spans(change, from_ns)][-1]
    told = [i for i in incidents if i["verdict"] != "accepted" and not _excused(change, i)]
    ends = {i["id"]: i["resolved_ns"] or last_ns for i in told}
    told = [i for i in told if ends[i["id"]] > from_ns]
    about = [i for i in told if _since(change, i) and change.concerns(i, changed)]
    wrong = [i for i in about if i["kind"] not in NO_MISUSE]
    fresh = [i for i in told if i["kind"] not in NO_MISUSE and from_ns <= i["opened_ns"] < day_ns]
    still = any(i["resolved_ns"] is None for i in wrong)
    return Aftermath(
        false_24h=len(fresh),
        about_24h=sum(i in about for i in fresh),
        told_24h=sum(i["opened_ns"] < day_ns for i in about),
        open_h=_covered(
            [(max(i["opened_ns"], from_ns), min(ends[i["id"]], day_ns)) for i in wrong]
        ),
        quiet_after_h=None
        if still
        else max(((ends[i["id"]] - from_ns) / HOUR_NS for i in wrong), default=0.0),
    )


def _barred(workspace: Path, change: Lasting, until_ns: int) -> dict[str, set[int]]:
    """Steps around the change that must not move what is expected, by pattern."""
    step_s = change.settings.traffic.step_s
    start_ns = change.changed_ns - BEFORE_H * HOUR_NS
    grid = Grid(start_ns, step_s, np.ones((until_ns - start_ns) // (step_s * NS_PER_S), dtype=bool))
    with Workspace.open(workspace) as home:
        barred = barred_steps(home, grid, accepts_in(home))
    return {p: set(np.flatnonzero(steps).tolist()) for p, steps in barred.items()}


def _since(change: Lasting, incident: Json) -> bool:
    """Whether it opened since the change, or in the step that it fell into."""
    step_ns = change.settings.traffic.step_s * 10**9
    return bool(incident["opened_ns"] > change.changed_ns - step_ns)


def _excused(change: Lasting, incident: Json) -> bool:
    step_ns = change.settings.traffic.step_s * 10**9
    return any(event.opens(incident, step_ns) for event in change.events)


def _covered(spans: Sequence[tuple[int, int]]) -> float:
    """Hours that at least one span covers."""
    total, reached = 0, 0
    for first, last in sorted(spans):
        total += max(last - max(first, reached), 0)
        reached = max(reached, last)
    return total / HOUR_NS


def _by_pattern(forecasts: pa.Table) -> dict[str, pa.Table]:
    """Expected and spread of every pattern, in one order; which run made them is left out."""
    order = [(name, "ascending") for name in ("pattern_id", "rpc_id", "step_start_ns")]
    rows = forecasts.drop_columns(["run_id"]).sort_by(order)
    patterns = rows["pattern_id"].unique().to_pylist()
    return {p: rows.filter(pc.equal(rows["pattern_id"], p)).combine_chunks() for p in patterns}


def _files(workspace: Path) -> dict[str, str]:
    """Every model file and the hash of what it holds."""
    return {
        str(file.relative_to(workspace)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted((workspace / "models").rglob("*"))
        if file.is_file()
    }
