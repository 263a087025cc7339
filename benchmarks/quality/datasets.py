"""The data sets of the evaluation: which worlds each holds, and how they are made.

Seeds below 100 and the shipped scenarios are for development. The evaluation draws its campaigns
from seeds that nothing was chosen on.
"""

import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from informer.config.settings import (
    MachineSettings,
    PatternSettings,
    Settings,
    SourceSettings,
    TrafficSettings,
)
from informer.core.types import Json
from informer.simulate.read import read_scenario
from informer.simulate.write import simulate
from quality import microirc
from quality.campaigns import FROM_NS, write_scenario
from quality.capture import Capture, build, build_again
from quality.evaluate import DETECTORS, OURS, OURS_COUNTS, OURS_SERVICES
from quality.real_data import real_data
from quality.train_ticket import write_capture
from quality.world import World

TELLING = (OURS, "random", "gradient boosting", "sixty lines")  # where one of each kind is enough
WHOLE, ORDINARY, CLEAN = "whole", "ordinary", "clean"  # all events, the legitimate ones, none
DEFECTS: dict[str, Json] = {
    "as it is": {},
    "sampled at 10 %": {"sampling": 0.1},
    "sampled at 1 %": {"sampling": 0.01},
    "20 % of spans lost": {"lost": 0.2},
    "clocks 2 s apart": {"skew_ms": 2000},
}


@dataclass(frozen=True, slots=True)
class Simulated:
    """A simulated cluster: learned once, judged on several versions of the days that follow."""

    base: str
    seed: int
    days: int
    train_days: int
    step_s: int
    versions: tuple[str, ...] = (WHOLE, ORDINARY, CLEAN)
    defect: str = "as it is"

    @property
    def name(self) -> str:
        """For tables and folders."""
        return f"{self.base} {self.seed}"

    def captures(
        self, folder: Path, versions: Collection[str], *, models: bool
    ) -> Iterator[tuple[str, Capture]]:
        """Those versions, with what Informer learned from the days before the first there is."""
        workspace = folder / "workspace"
        for version in self.versions:
            first = version == self.versions[0]
            if not first and version not in versions:
                continue
            data = self._simulated(folder, version)
            if first:
                settings = settings_of(self.step_s, models=models)
                made = build(data, self.name, workspace, settings=settings)
            else:
                made = build_again(data, self.name, workspace, made)
            shutil.rmtree(data)
            yield version, made

    def _simulated(self, folder: Path, version: str) -> Path:
        scenario = folder / f"{version}.toml"
        write_scenario(
            scenario,
            self.base,
            self.seed,
            days=self.days,
            train_days=self.train_days,
            attacks=version == WHOLE,
            legit=version != CLEAN,
            defects=DEFECTS[self.defect] or None,
        )
        simulate(read_scenario(str(scenario)), folder / version, seed=self.seed, from_ns=FROM_NS)
        return folder / version


@dataclass(frozen=True, slots=True)
class Mesh:
    """The real mesh: fourteen clean days, then five with events; development data, not held out."""

    name = "bookinfo-mesh A"
    step_s: int = 600
    versions: tuple[str, ...] = (WHOLE,)

    def captures(
        self, folder: Path, versions: Collection[str], *, models: bool
    ) -> Iterator[tuple[str, Capture]]:
        """The one version there is."""
        days = real_data("bookinfo-mesh") / "days"
        for part, file in (("train", "train.parquet"), ("test", "segment_a.parquet")):
            (folder / part).mkdir(parents=True)
            (folder / part / file).symlink_to(days / file)
        envoy = SourceSettings(where="scope = 'envoy'")
        given = replace(settings_of(self.step_s, models=models), source=envoy)
        labels = days / "labels_a.csv"
        yield (
            WHOLE,
            build(folder, self.name, folder / "workspace", settings=given, labels=labels),
        )


@dataclass(frozen=True, slots=True)
class Rates:
    """microirc: request rates of services as ready-made traffic, without spans, without attacks."""

    name = "clean hours learned"
    versions: tuple[str, ...] = (WHOLE,)

    def captures(
        self, folder: Path, versions: Collection[str], *, models: bool
    ) -> Iterator[tuple[str, World]]:
        """The one version there is; nothing is learned of it before a detector does."""
        yield WHOLE, microirc.world()


def settings_of(step_s: int, *, models: bool) -> Settings:
    """The defaults, with steps of that length, on one core.

    Without `models`, no network is trained: baselines need patterns and series alone.
    """
    made = replace(
        Settings(), traffic=TrafficSettings(step_s=step_s), machine=MachineSettings(processes=1)
    )
    return made if models else replace(made, patterns=PatternSettings(critical_share=1.0))


@dataclass(frozen=True, slots=True)
class Clones:
    """Real Train-Ticket traffic with cloned logins, at strengths that are known."""

    seed: int
    step_s: int
    versions: tuple[str, ...] = (WHOLE,)

    @property
    def name(self) -> str:
        """For tables and folders."""
        return f"train-ticket {self.seed}"

    def captures(
        self, folder: Path, versions: Collection[str], *, models: bool
    ) -> Iterator[tuple[str, Capture]]:
        """The one version there is."""
        write_capture(folder, self.seed)
        settings = settings_of(self.step_s, models=models)
        yield WHOLE, build(folder, self.name, folder / "workspace", settings=settings)


Source = Simulated | Mesh | Clones | Rates


@dataclass(frozen=True, slots=True)
class DataSet:
    """Worlds whose figures are told together, and the detectors that are run on them."""

    about: str
    sources: tuple[Source, ...]
    detectors: tuple[str, ...] = DETECTORS


def _simulated(base: str, seeds: range, days: int, train_days: int, step_s: int) -> DataSet:
    about = f"simulated, {train_days} days of training, steps of {step_s} s, {len(seeds)} seeds"
    return DataSet(about, tuple(Simulated(base, s, days, train_days, step_s) for s in seeds))


def _degraded(base: str, seed: int) -> dict[str, DataSet]:
    return {
        f"{base}, {name}": DataSet(
            f"simulated, telemetry {name}",
            (Simulated(base, seed, 13, 7, 300, (WHOLE, CLEAN), name),),
            TELLING,
        )
        for name in DEFECTS
    }


DATA_SETS: dict[str, DataSet] = {
    "bookinfo-mesh A": DataSet("real Envoy mesh, steps of 600 s, development data", (Mesh(),)),
    "bank": _simulated("bank", range(101, 103), 21, 14, 300),
    "social": _simulated("social", range(101, 103), 19, 14, 300),
    "shop": _simulated("shop", range(101, 103), 12, 7, 300),
    "train-ticket 60 s": DataSet(
        "real traffic with cloned logins", tuple(Clones(s, 60) for s in range(101, 104))
    ),
    "train-ticket 30 s": DataSet(
        "real traffic with cloned logins", tuple(Clones(s, 30) for s in range(101, 104))
    ),
    "microirc": DataSet(
        "real request rates of ten services, one pattern, no attacks, 20 faults",
        (Rates(),),
        tuple(name for name in DETECTORS if name not in (OURS_COUNTS, OURS_SERVICES)),
    ),
    **_degraded("bank", 111),
}
