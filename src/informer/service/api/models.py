"""The documents of the API as its OpenAPI describes them; those of lists are the command line's."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from informer.core.table_spec import TableSpec
from informer.core.tables import AUDIT, DELIVERIES, DETECTIONS, NOTICES, RUNS, SPANS

Ns = Annotated[int, Field(description="nanoseconds since 1970, UTC")]
Values = list[float | None]


M = TypeVar("M", bound=BaseModel)


class Document(BaseModel):
    """What is answered has these keys and no other."""

    model_config = ConfigDict(extra="forbid")


def row_of(table: TableSpec) -> Callable[[type[M]], type[M]]:
    """Keys that are columns of a table mean what these mean."""
    means = {column.name: column.means for column in table.columns}

    def described(model: type[M]) -> type[M]:
        for name, field in model.model_fields.items():
            field.description = means.get(name, field.description)
        model.model_rebuild(force=True)
        return model

    return described


class Rpc(Document):
    """A kind of call."""

    caller: str
    callee: str
    method: str


class PatternRef(Document):
    """A pattern, named."""

    id: str
    label: str


class Pattern(Document):
    """A chain pattern and its graph; edges are [from, to, weight], two places in `rpcs`."""

    id: str
    label: str
    entry: str
    chains: float
    share: float
    critical: bool
    state: Literal["learning", "ready", "stale"]
    forecaster: str
    rpcs: list[Rpc]
    edges: list[tuple[int, int, float]]
    why: str


class PatternDetail(Pattern):
    """A pattern, why its forecaster runs, and its models."""

    backtest: dict[str, Any]
    version: str
    versions: list[str]


class GuiltyRpc(Rpc):
    """An rpc to blame, with its share of the score."""

    share: float
    observed: float | None
    expected: float | None
    window_s: float = Field(description="seconds over which these are, where they tell most")


class NamedGuiltyRpc(GuiltyRpc):
    """The same, with what it is blamed for."""

    rpc_id: str
    signal: str


class Incident(Document):
    """An incident; `resolved_ns` is null while it is open."""

    id: str
    kind: str
    severity: Literal["info", "low", "medium", "high", "critical"]
    opened_ns: Ns
    resolved_ns: Ns | None
    score: float
    title: str
    patterns: list[PatternRef]
    rpcs: list[GuiltyRpc]
    examples: list[str]
    verdict: Literal["open", "accepted", "rejected"]


class Attribute(Document):
    """An attribute that the requests of an incident have more often than usual."""

    key: str
    value: str
    share_now: float
    share_before: float


@row_of(DETECTIONS)
class Detection(Document):
    """A cell over its threshold."""

    detection_id: str
    pattern_id: str
    rpc_id: str
    signal: str
    step_start_ns: Ns
    window_steps: int
    observed: float | None
    expected: float | None
    score: float
    threshold: float
    kind: str


class IncidentDetail(Incident):
    """An incident with its evidence."""

    rpcs: list[NamedGuiltyRpc]  # type: ignore[assignment]  # narrower
    explanation: list[str]
    attributes: list[Attribute]
    changes: list[str]
    similar: list[str]
    detections: list[Detection]


@row_of(SPANS)
class ExampleSpan(Document):
    """A span of an example trace; parents come before their children."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    service: str
    operation: str
    kind: str
    start_ns: Ns
    duration_ns: int
    status_code: int | None
    failed: bool
    refused: bool
    depth: int = Field(description="spans above it")


@row_of(RUNS)
class Run(Document):
    """A learning run, and the version of each pattern's model that it put in force."""

    run_id: str
    trained_from_ns: Ns
    trained_to_ns: Ns
    models: dict[str, str]


@row_of(NOTICES)
class Notice(Document):
    """What was to be told of an incident."""

    notice_id: str
    incident_id: str
    sequence: int
    state: Literal["firing", "resolved"]
    severity: str
    former: str | None
    made_ns: Ns
    document: Incident = Field(description="the incident as it was then")


@row_of(DELIVERIES)
class Delivery(Document):
    """A notice on its way to a sink."""

    notice_id: str
    sink: str
    state: Literal["waiting", "delivered", "dead", "skipped"]
    tries: int
    first_ns: Ns
    next_ns: Ns
    last_error: str


@row_of(AUDIT)
class AuditLine(Document):
    """A decision of a person, or a try at one."""

    at_ns: Ns
    who: str
    role: str
    action: Literal["accept", "reject", "revert", "propose", "advance", "step back"]
    object: str
    outcome: Literal["done", "refused", "failed"]
    why: str
    note: str


class RpcSeries(Rpc):
    """An rpc, step by step; null where nothing is known.

    `observed` is null in steps that were not covered. `spread` is of calls alone: variance =
    expected + spread * expected². `score` and `threshold` are of cells over their threshold, and so
    is `expected` of what is not calls.
    """

    observed: Values
    expected: Values
    spread: Values
    score: Values
    threshold: Values


class PatternSeries(Document):
    """A pattern over time: lists have one value for each of `step_start_ns`."""

    pattern: str
    signal: Literal["calls", "failures", "refusals", "latency"]
    step_s: int
    next_from_ns: Ns | None = Field(description="where the next page begins; null = no more")
    step_start_ns: list[int]
    seen: list[bool]
    rpcs: list[RpcSeries]


class SinkStatus(Document):
    """A sink, and how many notices wait for it."""

    name: str
    waiting: int


class Status(Document):
    """How the service is doing."""

    version: str
    started_ns: Ns
    ready: bool
    why: list[str] = Field(description="why it is not ready")
    step_s: int
    stream_ns: Ns = Field(description="start of the newest spans; 0 = there were none")
    closed_ns: Ns = Field(description="end of the last step that was judged; 0 = there was none")
    spans_received: int
    spans_judged: int
    spans_late: int
    spans_sent_away: dict[str, int] = Field(description="to come again; by reason")
    spans_rejected: dict[str, int]
    spool_bytes: int
    patterns: int
    incidents_open: int = Field(description="not resolved yet")
    sinks: list[SinkStatus]


class Said(BaseModel):
    """What goes with a decision."""

    model_config = ConfigDict(extra="forbid")
    note: str = Field("", max_length=1_000, description="why, for the audit log")


class IncidentDecided(Document):
    """An incident's verdict, and the models that are in force because of it."""

    incident: str
    verdict: Literal["accepted", "rejected"]
    models: dict[str, str]


class PatternDecided(Document):
    """The same of a pattern."""

    pattern: str
    verdict: Literal["accepted", "rejected", "reverted"]
    models: dict[str, str]
