"""Every setting of Informer, with its meaning and its bounds; the reference is made from here."""

import math
import re
from dataclasses import dataclass, field
from typing import Any

from informer.config.console import ConsoleSettings
from informer.config.retention import RetentionSettings
from informer.config.rules import is_size, setting
from informer.config.serve import ServeSettings
from informer.config.sinks import AlertmanagerSettings, WebhookSettings, named_sections
from informer.config.streams import KafkaSettings, TailSettings
from informer.core.formats import FORMATS

ENGINE = r"duckdb|spark|spark:.+|clickhouses?://([^:@/]+@)?[^@/:]+(:\d+)?|chdb:.+"


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """`[source]`: how spans are read. `learn` writes what it was given; `detect` takes it up."""

    format: str = setting(
        "",
        "Format of the input; empty = recognised.",
        f"must be empty or one of {', '.join(FORMATS)}",
        lambda v: v in ("", *FORMATS),
    )
    columns: dict[str, str] = setting(  # noqa: RUF009 (the default is copied for each)
        {},
        "For tables: our column name = their column name.",
        "must be a table of texts",
        lambda v: all(isinstance(x, str) for x in v.values()),
    )
    correlate: str = setting(
        "trace_id",
        "What joins spans into one request: `trace_id` or `attribute:NAME`.",
        "must be trace_id or attribute:NAME",
        lambda v: v == "trace_id" or re.fullmatch(r"attribute:.+", v) is not None,
    )
    where: str = setting("", "A SQL condition over span columns; only what it holds for is read.")
    engine: str = setting(
        "duckdb",
        "Where spans lie and are read: `duckdb` (files, here), `spark`, `spark://HOST:PORT`, "
        "`spark:MASTER`, `clickhouse://[USER@]HOST[:PORT]`, `clickhouses://` (with TLS) or "
        "`chdb:FOLDER`.",
        "must be duckdb, spark, spark://HOST:PORT, spark:MASTER, clickhouse://[USER@]HOST[:PORT], "
        "clickhouses://[USER@]HOST[:PORT] or chdb:FOLDER",
        lambda v: re.fullmatch(ENGINE, v) is not None,
    )


@dataclass(frozen=True, slots=True)
class TrafficSettings:
    """`[traffic]`: how chains become time series."""

    step_s: int = setting(
        60, "Length of a step in seconds.", "must be 1 to 86400", lambda v: 1 <= v <= 86_400
    )


@dataclass(frozen=True, slots=True)
class PatternSettings:
    """`[patterns]`: which patterns get a graph network of their own."""

    critical_share: float = setting(
        0.01,
        "A pattern with at least this share of all chains is critical.",
        "must be 0 to 1",
        lambda v: 0 <= v <= 1,
    )
    critical: tuple[str, ...] = setting(
        (),
        "Rules `caller>callee:method` with `*`; a pattern that uses such an rpc is critical.",
        "must be texts with a `:`",
        lambda v: all(isinstance(x, str) and ":" in x for x in v),
    )


@dataclass(frozen=True, slots=True)
class MethodSettings:
    """`[methods]`: how raw paths become method templates."""

    rules: tuple[tuple[str, str], ...] = setting(
        (),
        "Pairs of a regular expression and the template it becomes; the first that fits counts.",
        "must be pairs of a valid regular expression and a template",
        lambda v: all(_is_rule(x) for x in v),
    )


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """`[alerts]`: how many false alarms you can live with."""

    budget_per_day: float = setting(
        1.0,
        "Misuse incidents that clean traffic may bring a day, over all patterns.",
        "must be > 0 and finite",
        lambda v: 0 < v < math.inf,
    )


@dataclass(frozen=True, slots=True)
class LearningSettings:
    """`[learning]`: what may teach."""

    drift_cap: float = setting(
        0.5,
        "How far usual traffic may move before a person is asked: 0.5 is half as much again.",
        "must be > 0 and finite",
        lambda v: 0 < v < math.inf,
    )


@dataclass(frozen=True, slots=True)
class MachineSettings:
    """`[machine]`: what this machine may be asked for."""

    memory: str = setting(
        "1GB",
        "Memory for tables; beyond it work spills into the workspace. The whole process takes up "
        "to a gigabyte more.",
        "must be a size such as 4GB and at most 1000TB",
        is_size,
    )
    slice_lines: int = setting(
        4_000_000,
        "Spans that learning holds at a time; traces open at the end go into the next slice.",
        "must be >= 1000",
        lambda v: v >= 1000,
    )
    processes: int = setting(
        0, "Processes that train models; 0 = one a core.", "must be >= 0", lambda v: v >= 0
    )
    seed: int = setting(0, "Every random choice comes from it.", "must be >= 0", lambda v: v >= 0)


@dataclass(frozen=True, slots=True)
class Settings:
    """All of `informer.toml`."""

    source: SourceSettings = field(default_factory=SourceSettings)
    traffic: TrafficSettings = field(default_factory=TrafficSettings)
    patterns: PatternSettings = field(default_factory=PatternSettings)
    methods: MethodSettings = field(default_factory=MethodSettings)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    learning: LearningSettings = field(default_factory=LearningSettings)
    serve: ServeSettings = field(default_factory=ServeSettings)
    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    tail: TailSettings = field(default_factory=TailSettings)
    console: ConsoleSettings = field(default_factory=ConsoleSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    alertmanager: AlertmanagerSettings = field(default_factory=AlertmanagerSettings)
    webhook: WebhookSettings = field(default_factory=WebhookSettings)
    alertmanagers: dict[str, AlertmanagerSettings] = named_sections(  # noqa: RUF009 (a field)
        "alertmanager", AlertmanagerSettings
    )
    webhooks: dict[str, WebhookSettings] = named_sections(  # noqa: RUF009 (a field)
        "webhook", WebhookSettings
    )
    machine: MachineSettings = field(default_factory=MachineSettings)


def _is_rule(value: Any) -> bool:
    if not isinstance(value, tuple) or [type(x) for x in value] != [str, str]:
        return False
    try:
        re.compile(value[0])
    except re.error:
        return False
    return True
