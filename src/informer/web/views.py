"""What a page shows, as frozen values: the pipeline fills them, the web draws them.

Times are int64 nanoseconds UTC. Names may be hostile: drawing makes them harmless, not this file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from informer.core.types import Floats, Ints

Values: TypeAlias = Floats | Sequence[float | None]  # [t]; NaN or None where not seen


@dataclass(frozen=True, slots=True)
class Rpc:
    """A kind of call, as a node of a pattern graph."""

    rpc_id: str
    caller: str
    callee: str
    method: str


@dataclass(frozen=True, slots=True)
class RpcSeries:
    """One signal of one rpc of one pattern, step by step; every list has the same length, t."""

    rpc_id: str
    step_start_ns: Ints | Sequence[int]  # [t], ascending
    observed: Values
    expected: Values
    low: Values  # lower and upper end of the regular range
    high: Values
    score: Values  # -log10 p
    threshold: Values
    signal: str = "calls"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A chain pattern: its graph, its series, and which forecaster watches it and why."""

    pattern_id: str
    label: str
    entry: str
    chains: float
    share: float  # of all chains, 0..1
    critical: bool
    state: str
    forecaster: str
    reason: str  # why this forecaster
    rpcs: tuple[Rpc, ...]
    edges: tuple[tuple[int, int, float], ...]  # from, to: indices into rpcs; share of chains 0..1
    series: tuple[RpcSeries, ...] = ()  # of rpcs above; the entry's calls first


@dataclass(frozen=True, slots=True)
class PatternRef:
    """A pattern by its id and label; it need not be among the report's patterns."""

    pattern_id: str
    label: str


@dataclass(frozen=True, slots=True)
class GuiltyRpc:
    """An rpc that carries part of an incident's score."""

    caller: str
    callee: str
    method: str
    share: float  # of the incident's score, 0..1
    observed: float | None  # where it tells most, in the signal's unit
    expected: float | None
    window_s: float  # seconds over which these are
    signal: str = ""  # what was counted; '' = what its strongest detection counted
    rpc_id: str = ""  # names its detections when no pattern has it


@dataclass(frozen=True, slots=True)
class Attribute:
    """A span attribute whose value became more or less common during an incident."""

    key: str
    value: str
    share_now: float  # of the calls during the incident, 0..1
    share_before: float


@dataclass(frozen=True, slots=True)
class Detection:
    """A cell over its threshold."""

    step_start_ns: int
    pattern_id: str
    rpc_id: str
    signal: str
    kind: str
    observed: float
    expected: float
    score: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Incident:
    """Detections that belong together, with the evidence for them."""

    incident_id: str
    kind: str
    severity: str
    title: str
    opened_ns: int
    resolved_ns: int | None  # None = still open at the end of the range
    score: float
    patterns: tuple[PatternRef, ...]
    rpcs: tuple[GuiltyRpc, ...]  # the guiltiest first
    examples: tuple[str, ...] = ()  # trace ids
    attributes: tuple[Attribute, ...] = ()
    changes: tuple[str, ...] = ()  # what changed near it, a sentence each
    similar: tuple[str, ...] = ()  # incident ids
    detections: tuple[Detection, ...] = ()
    explanation: tuple[str, ...] = ()  # a sentence each


@dataclass(frozen=True, slots=True)
class Label:
    """What is known to have happened, to hold the incidents against."""

    event: str
    kind: str
    flag: str  # attack, legit or fault
    start_ns: int
    end_ns: int
    outcome: str
    found_by: str | None = None  # incident id


@dataclass(frozen=True, slots=True)
class Report:
    """Everything one report shows."""

    title: str
    made_at_ns: int
    from_ns: int
    until_ns: int
    step_s: int
    source: str  # what was read, for people
    checks: tuple[str, ...]  # what `informer check` found, a line each
    verdict: str  # what it concluded
    patterns: tuple[Pattern, ...]
    incidents: tuple[Incident, ...]
    labels: tuple[Label, ...] = ()
    budget_per_day: float | None = None  # false incidents a day that the thresholds allow
