"""What a learning run says of itself, for people."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from informer.chains.build import Chains
from informer.core.ports import Engine
from informer.core.types import LEAST_CHAINS, NS_PER_S, Grid, Ints, PatternGraph
from informer.detections.calibrate import SECONDS_A_DAY, Calibration

HOUR_S = 3_600
MUCH = 0.05  # of all chains: so many in no pattern are told


def notes_on_patterns(patterns: pa.Table) -> Iterator[str]:
    """How many chains are in none. `patterns` are those of the run, the retired with no share."""
    apart = 1 - float(pc.sum(patterns["share"]).as_py() or 0)
    if apart >= MUCH:
        yield (
            f"{apart:.0%} of the chains are like too few others for a pattern: of these only what "
            "is new is told, not that more or fewer come"
        )


def notes_on_range(calibration: Calibration, grid: Grid, scratch: Engine) -> Iterator[str]:
    """What the range was too short for, and what was taken for idle in it."""
    days = float(grid.seen.sum()) * grid.step_s / SECONDS_A_DAY
    if days < 2:
        short = f"{24 * days:.1f} hours" if days > 1 / 12 else f"{1440 * days:.0f} minutes"
        unmet = "; what only runs at other hours will be told as new" if days < 1 else ""
        yield (
            f"the training range has {short}: too short for a daily season, so the level "
            f"of the last steps is all that is expected{unmet}"
        )
    elif days < 14:
        yield f"the training range has {days:.1f} days: too short for a weekly season"
    if calibration.days == 0:
        yield "no held-out traffic to calibrate on: the threshold is a careful guess"
    busy = scratch.query("select distinct step_start_ns from chain_steps")["step_start_ns"]
    if hours := idle_hours(grid, busy.to_numpy()):
        yield (
            f"nothing came {' and '.join(hours)} UTC on any day: these hours were learned as idle; "
            "where spans were only not kept then, learn whole days"
        )


def idle_hours(grid: Grid, busy_ns: Ints) -> list[str]:
    """Hours of the day in which no chain began on any of two days or more, though covered."""
    if len(grid.seen) * grid.step_s < 2 * SECONDS_A_DAY or grid.step_s > HOUR_S:
        return []
    idle = np.ones(24, bool)
    idle[_hours(busy_ns)] = False
    idle[_hours(grid.starts_ns()[~grid.seen])] = False
    if idle.all() or not idle.any():
        return []
    # Around the clock from an hour that is not idle.
    first = int(np.flatnonzero(~idle)[0])
    around = np.concatenate([np.roll(idle, -first), [False]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(around)) + 1
    stretches = list(pairwise(edges))[::2]
    return [f"from {(a + first) % 24:02}:00 to {(b + first) % 24:02}:00" for a, b in stretches]


def untaught_patterns(graphs: Sequence[PatternGraph], kept: Mapping[str, str]) -> list[str]:
    """What to say of patterns whose every step was irregular or rejected."""
    unwatched = [g.pattern_id for g in graphs if g.pattern_id not in kept]
    notes = []
    if kept:
        names = ", ".join(sorted(kept))
        notes.append(f"no step of {names} may teach: their earlier models stay in force")
    if unwatched:
        names = ", ".join(sorted(unwatched))
        notes.append(f"no step of {names} may teach: they have no model and are not watched")
    return notes


def why_no_pattern(chains: Chains) -> str:
    """Of chains that no pattern was found in."""
    if chains.partial_chains == chains.chains:
        return (
            f"all {chains.chains:,} chains begin below a span that is not there: export whole "
            "traces, callers and callees"
        )
    return (
        f"a pattern needs at least {LEAST_CHAINS} alike chains, no form of the {chains.chains:,} "
        "chains has so many"
    )


def _hours(times_ns: Ints) -> Ints:
    return times_ns // (HOUR_S * NS_PER_S) % 24
