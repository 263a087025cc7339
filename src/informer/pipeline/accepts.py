"""What people accepted, pattern by pattern: what may teach since, and what it takes to undo it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import orjson

from informer.core.tables import ACCEPTS
from informer.core.types import Bools, Grid, Json, PatternTraffic
from informer.pipeline.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Leap:
    """Traffic that changed for good: from when on, and how many times there is of each rpc now."""

    since_ns: int
    times: dict[str, float]  # rpc id: calls now / calls before; those as before are left out


@dataclass(frozen=True, slots=True)
class Accept:
    """One accept, for one of the patterns that learned again by it."""

    pattern_id: str
    version: str  # of the model that it made
    before: str  # the version that was in force
    from_ns: int  # steps that may teach: [from_ns, until_ns)
    until_ns: int
    incidents: tuple[str, ...] = ()  # whose verdict it set
    leaps: tuple[Leap, ...] = ()
    rpcs: tuple[str, ...] = ()  # news that it made known
    shapes: tuple[str, ...] = ()
    version_shares: dict[str, dict[str, float]] = field(default_factory=dict)  # as they were

    def row(self) -> dict[str, object]:
        """As a row of the table."""
        return {
            "pattern_id": self.pattern_id,
            "version": self.version,
            "before": self.before,
            "from_ns": self.from_ns,
            "until_ns": self.until_ns,
            "incidents": list(self.incidents),
            "leaps": orjson.dumps(
                [{"since_ns": x.since_ns, "times": x.times} for x in self.leaps]
            ).decode(),
            "rpcs": list(self.rpcs),
            "shapes": list(self.shapes),
            "version_shares": orjson.dumps(self.version_shares).decode(),
        }


def accepts_in(home: Workspace) -> list[Accept]:
    """All accepts that were not undone, in order of their versions."""
    rows = home.table("accepts").sort_by([("pattern_id", "ascending"), ("version", "ascending")])
    return [_accept(row) for row in rows.to_pylist()]


def keep_accept(home: Workspace, accept: Accept) -> None:
    """Write it down."""
    home.engine.append("accepts", ACCEPTS.of([accept.row()]))


def drop_accept(home: Workspace, accept: Accept) -> None:
    """As if it had never been."""
    home.engine.run(
        "delete from accepts where pattern_id = $pattern_id and version = $version",
        pattern_id=accept.pattern_id,
        version=accept.version,
    )


def accepted_steps(accepts: Sequence[Accept], grid: Grid) -> dict[str, Bools]:
    """Steps of a grid whose irregular traffic was accepted, by pattern; [t] each."""
    starts = grid.starts_ns()
    found: dict[str, Bools] = {}
    for one in accepts:
        inside = (starts >= one.from_ns) & (starts < one.until_ns)
        found[one.pattern_id] = found.get(one.pattern_id, np.zeros_like(inside)) | inside
    return found


def levelled(accepts: Sequence[Accept], traffic: PatternTraffic) -> PatternTraffic:
    """The same traffic with what is known of its level: how high it was beside that of now."""
    series = traffic.series
    starts = series.step_starts_ns()
    level = np.ones_like(series.calls)  # [t, n]
    place = {rpc_id: i for i, rpc_id in enumerate(series.graph.rpc_ids)}
    for leap in leaps_of(accepts, series.graph.pattern_id):
        for rpc_id, times in leap.times.items():
            if rpc_id in place:
                level[starts < leap.since_ns, place[rpc_id]] /= times
    if (level == 1.0).all():
        return traffic
    return replace(traffic, series=replace(series, level=level))


def leaps_of(accepts: Sequence[Accept], pattern_id: str) -> list[Leap]:
    """All leaps of a pattern, in order of time."""
    found = [leap for one in accepts if one.pattern_id == pattern_id for leap in one.leaps]
    return sorted(found, key=lambda leap: leap.since_ns)


def _accept(row: Json) -> Accept:
    return Accept(
        row["pattern_id"],
        row["version"],
        row["before"],
        row["from_ns"],
        row["until_ns"],
        tuple(row["incidents"]),
        tuple(Leap(x["since_ns"], x["times"]) for x in orjson.loads(row["leaps"])),
        tuple(row["rpcs"]),
        tuple(row["shapes"]),
        orjson.loads(row["version_shares"]),
    )
