"""Worlds to learn policies from: a simulated cluster, or the real mesh.

Seeds below 100 are for development, as in the evaluation of detection.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

from informer.config.settings import SourceSettings
from informer.core.types import NS_PER_S
from informer.engines.duckdb import DuckDBEngine
from informer.pipeline.learn import learn
from informer.pipeline.policy_export import export_policy
from informer.pipeline.policy_replay import Replayed, replay_policy
from informer.policies.amounts import Margin
from informer.policies.syntax import Policy
from informer.simulate.read import read_scenario
from informer.simulate.write import simulate
from quality.campaigns import FROM_NS, write_scenario
from quality.datasets import settings_of
from quality.real_data import real_data

DAY_NS = 86_400 * NS_PER_S
WHOLE, ORDINARY, CLEAN = "whole", "ordinary", "clean"  # all events, the legitimate ones, none
MESH_HELD_OUT_DAYS = 4  # of the fourteen of training

MESH_MALICIOUS = """
select any_value(r.event_id) as event_id, s.trace_id
from read_parquet($spans) as s
join read_parquet($requests) as r
    on r.request_id = json_extract_string(s.attributes, '/guid:x-request-id')
where r.malicious
group by s.trace_id
"""


@dataclass(frozen=True, slots=True)
class World:
    """A policy learned from the days of training, and what it makes of other days."""

    name: str
    policy: Policy
    parts: dict[str, Replayed]


@dataclass(frozen=True, slots=True)
class Simulated:
    """A drawn scenario: three versions of the days after training."""

    base: str
    seed: int
    days: int
    train_days: int
    volume: float
    step_s: int = 300

    @property
    def name(self) -> str:
        """For tables."""
        return f"{self.base} {self.seed}"

    @contextmanager
    def world(self, margin: Margin) -> Iterator[World]:
        """Learn and replay; the folder goes when it is done."""
        with TemporaryDirectory() as name:
            folder = Path(name)
            workspace = folder / "workspace"
            for version in (WHOLE, ORDINARY, CLEAN):
                self._simulate(folder, version)
            settings = settings_of(self.step_s, models=False)
            learn([folder / WHOLE / "train"], workspace, settings=settings)
            policy = export_policy(workspace, margin).policy
            parts = {
                version: replay_policy(
                    policy,
                    [folder / version / "test"],
                    workspace,
                    labels=folder / version / "labels.csv",
                    malicious=folder / version / "malicious.parquet",
                )
                for version in (WHOLE, ORDINARY, CLEAN)
            }
            yield World(self.name, policy, parts)

    def _simulate(self, folder: Path, version: str) -> None:
        scenario = folder / f"{version}.toml"
        write_scenario(
            scenario,
            self.base,
            self.seed,
            days=self.days,
            train_days=self.train_days,
            attacks=version == WHOLE,
            legit=version != CLEAN,
            volume=self.volume,
        )
        simulate(read_scenario(str(scenario)), folder / version, seed=self.seed, from_ns=FROM_NS)


@dataclass(frozen=True, slots=True)
class Mesh:
    """The real mesh: attacks of segment A, and the last days of training as clean ones."""

    name = "bookinfo-mesh A"
    step_s: int = 600

    @contextmanager
    def world(self, margin: Margin) -> Iterator[World]:
        """The clean days are replayed on what the days before them taught."""
        capture = real_data("bookinfo-mesh")
        train = capture / "days" / "train.parquet"
        events = capture / "days" / "segment_a.parquet"
        held_out_ns = FROM_NS + (14 - MESH_HELD_OUT_DAYS) * DAY_NS
        envoy = SourceSettings(where="scope = 'envoy'")
        settings = replace(settings_of(self.step_s, models=False), source=envoy)
        with TemporaryDirectory() as name:
            folder = Path(name)
            learn([train], folder / "before", settings=settings, until_ns=held_out_ns)
            before = export_policy(folder / "before", margin).policy
            clean = replay_policy(before, [train], folder / "before", from_ns=held_out_ns)
            learn([train], folder / "workspace", settings=settings)
            policy = export_policy(folder / "workspace", margin).policy
            malicious = folder / "malicious.parquet"
            pq.write_table(
                _mesh_malicious(events, capture / "requests_segment_a.parquet"), malicious
            )
            whole = replay_policy(
                policy,
                [events],
                folder / "workspace",
                labels=capture / "days" / "labels_a.csv",
                malicious=malicious,
            )
            yield World(self.name, policy, {WHOLE: whole, CLEAN: clean})


def _mesh_malicious(spans: Path, requests: Path) -> pa.Table:
    with DuckDBEngine() as engine:
        return engine.query(MESH_MALICIOUS, spans=str(spans), requests=str(requests))
