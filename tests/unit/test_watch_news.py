"""What a version explains while steps come one by one, and the window has passed its coming."""

from itertools import groupby

import numpy as np

from informer.core.types import Bools, Grid, PatternTraffic
from informer.detections.budget import KINDS
from informer.detections.calibrate import Calibration
from informer.detections.detect import Learned, Observed
from informer.detections.novelty import LEAST_CALLS, News, Novel
from informer.detections.scan import WINDOWS
from informer.detections.streams import Rates
from informer.detections.tail import Tail
from informer.forecasts.seasonal import Seasonal
from informer.pipeline.judge import Gathered
from informer.pipeline.watch import Watch
from pattern_traffic import DAY, START_NS, STEP_S, traffic_of

WINDOW = 27  # steps that are looked at together
CAME = 20  # the step in which version 2 comes
HOUR = 3_600 // STEP_S
END = CAME + 4 * WINDOW
TOLD_AT_ONCE = News((0.01,) * len(LEAST_CALLS), (0,) * len(LEAST_CALLS), 7.0)
LEARNED = Learned(
    Calibration(
        dict.fromkeys(KINDS, Tail(6.0, 0.01, 1.0)), 5.0, WINDOW, (2000.0,) * len(WINDOWS), {}
    ),
    Rates({("p", "in"): 1e5}, {}),
    {"edge": TOLD_AT_ONCE},
    {"auth": {"v1": 1.0}},
    {"p": frozenset({"auth"})},
    1.0,
)


def calm(steps: int) -> PatternTraffic:
    return traffic_of("p", {"in": np.full(steps, 20.0)})


def gathered(first: int, last: int, called: Bools) -> Gathered:
    """Steps first..last-1, with the new edge auth > vault in those where it is `called`."""
    grid = Grid(START_NS + first * STEP_S * 10**9, STEP_S, np.ones(last - first, bool))
    calls = called[first:last].astype(float)
    novel = [Novel("edge", "new", "p", "new", calls, calls)] if calls.any() else []
    came = np.arange(first, last) >= CAME
    workloads = {"auth": {"v1": np.where(came, 0.0, 20.0), "v2": np.where(came, 20.0, 0.0)}}
    return Gathered(
        grid,
        {"p": calm(END).slice(first, last)},
        {},
        Observed(grid, novel, workloads, {}, {"new": ("auth", "vault")}),
    )


def kinds_told(*called: int) -> list[str]:
    """How the new edge is told, step by step, when it is called in these; without repeats."""
    steps = np.isin(np.arange(END), called)
    model = Seasonal().fit(calm(15 * DAY).series, seed=0)
    watch = Watch(gathered(0, CAME, steps), {}, {"p": model})
    kinds = []
    for step in range(CAME, END):
        _, judged = watch.look(gathered(step, step + 1, steps), LEARNED)
        now_ns = START_NS + step * STEP_S * 10**9
        kinds += [
            row["kind"]
            for row in judged.found.detections.to_pylist()
            if row["signal"] == "novelty" and row["step_start_ns"] == now_ns
        ]
    return [kind for kind, _ in groupby(kinds)]


def test_what_came_with_a_version_stays_its_work_when_both_are_out_of_view() -> None:
    seldom = (CAME + HOUR, CAME + 2 * WINDOW, CAME + 3 * WINDOW)
    assert kinds_told(*seldom) == ["change"]
    assert kinds_told(*range(CAME + 1, END)) == ["change"]


def test_what_came_long_after_a_version_is_never_its_work() -> None:
    late = CAME + 2 * HOUR + 1
    assert kinds_told(*range(late, END)) == ["novel"]
    assert kinds_told(CAME + 2 * WINDOW, CAME + 3 * WINDOW) == ["novel"]
