"""What accepting a change does: incidents with it and without, its price, what it leaves alone."""

import hashlib
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from informer.core.types import Forecast, Json
from informer.forecasts.select import forecast_with
from informer.pipeline.decide import accept_incident
from informer.pipeline.detect import detect
from informer.pipeline.history import joined
from informer.pipeline.judge import gather
from informer.pipeline.look import list_incidents
from informer.pipeline.memory import models_in_force
from informer.pipeline.progress import silent
from informer.pipeline.read import read_chains, sources_of
from informer.pipeline.workspace import Workspace
from informer.spans.templates import Templates
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
    others_equal: int  # those whose expected and spread of the next day are the same, bit for bit
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

    aftermaths, expected = [], []
    for workspace in (ignoring, accepting):
        spans = list(_spans(change, noticed_ns))
        expected.append(_expected(change, workspace, *spans[0]))
        for span in spans:
            _look(change, workspace, *span)
        aftermaths.append(aftermath(change, list_incidents(workspace), changed, noticed_ns))
    before, after = expected
    others = sorted(set(before) - set(models))
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
        others_equal=sum(_same(before[p], after[p]) for p in others),
        files_equal=kept == files,
    )


def _look(change: Lasting, workspace: Path, from_ns: int, until_ns: int) -> None:
    detect([change.test], workspace, from_ns=from_ns, until_ns=until_ns)


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


def _expected(change: Lasting, workspace: Path, from_ns: int, until_ns: int) -> dict[str, Forecast]:
    """What a workspace expects of a range before it judges any of it, by pattern."""
    with Workspace.open(workspace) as home, home.scratch() as scratch:
        sources = sources_of([change.test], home.settings, from_ns=from_ns, until_ns=until_ns)
        templates = Templates.from_json(home.get("templates"))
        read_chains(scratch, home, sources, templates, silent)
        gathered, models = gather(home, scratch, silent), models_in_force(home)[1]
        found = {}
        for pattern_id, now in gathered.traffic.items():
            series, skip = joined(gathered.past.get(pattern_id), now)
            found[pattern_id] = forecast_with(models[pattern_id], series).slice(skip)
        return found


def _same(one: Forecast, other: Forecast) -> bool:
    pairs = ((one.expected, other.expected), (one.spread, other.spread))
    return all(np.array_equal(a, b) for a, b in pairs)


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


def _files(workspace: Path) -> dict[str, str]:
    """Every model file and the hash of what it holds."""
    return {
        str(file.relative_to(workspace)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted((workspace / "models").rglob("*"))
        if file.is_file()
    }
