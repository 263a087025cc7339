"""Every setting of Informer, with its meaning and its bounds; the reference is made from here."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from informer.core.errors import InformerError
from informer.core.formats import FORMATS

ENGINE = r"duckdb|spark|spark:.+|clickhouses?://([^:@/]+@)?[^@/:]+(:\d+)?|chdb:.+"


def setting(
    default: Any, means: str, rule: str = "", holds: Callable[[Any], bool] | None = None
) -> Any:
    """A field with its documentation and the rule that its value must keep."""
    metadata = {"means": means, "rule": rule, "holds": holds, "default": default}
    if isinstance(default, dict):
        return field(default_factory=default.copy, metadata=metadata)
    return field(default=default, metadata=metadata)


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
        "`spark:MASTER`, `clickhouse://[USER@]HOST[:PORT]` or `chdb:FOLDER`.",
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


SIZE = re.compile(r"(?=.*[1-9])(\d+(?:\.\d+)?)\s*([KMGT])(i?)B")


def bytes_of(size: str) -> int:
    """How many bytes a size such as `4GB` is.

    >>> bytes_of("1.5KiB"), bytes_of("4GB")
    (1536, 4000000000)
    """
    found = SIZE.fullmatch(size)
    if found is None:
        raise InformerError(f"a size must be such as 4GB, got {size!r}")
    number, unit, binary = found.groups()
    factor: int = (1024 if binary else 1000) ** (1 + "KMGT".index(unit))
    return round(float(number) * factor)


def _is_url(value: str) -> bool:
    return value == "" or re.fullmatch(r"https?://[^/\s?#]+(/[^\s?#]*)?", value) is not None


def _is_time_out(value: float) -> bool:
    return 0 < value <= 300


@dataclass(frozen=True, slots=True)
class AlertmanagerSettings:
    """`[alertmanager]`: incidents as alerts in Prometheus' Alertmanager while `serve` runs."""

    url: str = setting(
        "",
        "Where Alertmanager is, without /api/v2/alerts; empty = nobody is told.",
        "must be empty or http:// or https:// with a host, without a query",
        _is_url,
    )
    token_file: str = setting("", "A file with the bearer token to show; empty = none.")
    timeout_s: float = setting(
        10.0, "A try is cut off after so long.", "must be above 0 and at most 300", _is_time_out
    )
    refresh_s: int = setting(
        60,
        "Alerts of open incidents are sent again so often; they lapse after four times as long.",
        "must be 10 to 3600",
        lambda v: 10 <= v <= 3_600,
    )


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """`[webhook]`: incidents posted to an address of yours or to a chat while `serve` runs."""

    url: str = setting(
        "",
        "Where they are posted; empty = nowhere, unless `url_file` says where.",
        "must be empty or http:// or https:// with a host, without a query",
        _is_url,
    )
    url_file: str = setting(
        "", "A file with the address, for addresses that are secret as those of chats are."
    )
    form: str = setting(
        "json",
        "`json` is the whole incident, `cloudevents` the same as a CloudEvent, `slack` a message "
        "for Slack and what reads its form.",
        "must be json, cloudevents or slack",
        lambda v: v in ("json", "cloudevents", "slack"),
    )
    secret_file: str = setting(
        "", "A file with the key that signs what is posted (HMAC-SHA256); empty = not signed."
    )
    token_file: str = setting("", "A file with the bearer token to show; empty = none.")
    timeout_s: float = setting(
        10.0, "A try is cut off after so long.", "must be above 0 and at most 300", _is_time_out
    )


def _is_address(value: str) -> bool:
    host, _, port = value.rpartition(":")
    return value == "" or (bool(host) and port.isdigit() and int(port) <= 65_535)


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """`[serve]`: how spans come to `informer serve`, and how long they are waited for."""

    grpc: str = setting(
        "127.0.0.1:4317",
        "Where OTLP over gRPC is taken, host:port; empty = nowhere.",
        "must be empty or host:port",
        _is_address,
    )
    http: str = setting(
        "127.0.0.1:4318",
        "Where OTLP over HTTP is taken, host:port; empty = nowhere.",
        "must be empty or host:port",
        _is_address,
    )
    web: str = setting(
        "127.0.0.1:8480",
        "Where health and metrics are answered, host:port; empty = nowhere.",
        "must be empty or host:port",
        _is_address,
    )
    watermark_s: int = setting(
        30,
        "How long a step waits for late spans, in seconds of stream time.",
        "must be 0 to 3600",
        lambda v: 0 <= v <= 3_600,
    )
    message: str = setting(
        "16MiB",
        "The largest message that is taken, unpacked.",
        "must be a size such as 16MiB",
        lambda v: SIZE.fullmatch(v) is not None,
    )
    spool: str = setting(
        "4GB",
        "Room on disk for spans of steps that are not closed; full, senders are told to wait.",
        "must be a size such as 4GB",
        lambda v: SIZE.fullmatch(v) is not None,
    )
    tokens_file: str = setting(
        "", "A file of bearer tokens that senders need one of, one a line; empty = none is needed."
    )
    tls_certificate: str = setting("", "Our certificate (PEM); empty = no TLS.")
    tls_key: str = setting("", "The key of our certificate (PEM).")
    tls_clients: str = setting(
        "", "Who signs the certificates of senders (PEM); empty = they need none."
    )
    give_up_hours: float = setting(
        24.0,
        "What a sink did not take for so long is given up, and counted.",
        "must be > 0 and finite",
        lambda v: 0 < v < math.inf,
    )
    relearn_hours: int = setting(
        24,
        "A pattern learns again when its model knows nothing of the last hours; 0 = never.",
        "must be >= 0",
        lambda v: v >= 0,
    )


@dataclass(frozen=True, slots=True)
class MachineSettings:
    """`[machine]`: what this machine may be asked for."""

    memory: str = setting(
        "1500MB",
        "Memory for tables; beyond it work spills into the workspace. The whole process takes up "
        "to half a gigabyte more.",
        "must be a size such as 4GB",
        lambda v: SIZE.fullmatch(v) is not None,
    )
    slice_lines: int = setting(
        2_000_000,
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
    alertmanager: AlertmanagerSettings = field(default_factory=AlertmanagerSettings)
    webhook: WebhookSettings = field(default_factory=WebhookSettings)
    machine: MachineSettings = field(default_factory=MachineSettings)


def check(section: str, values: Any) -> None:
    """Hold every value of a section against its type and rule.

    Errors: InformerError that names the key, the rule and the value.
    """
    for known in fields(values):
        value = getattr(values, known.name)
        rule, holds = known.metadata["rule"], known.metadata["holds"]
        wrong_type = not _fits(value, known.metadata["default"])
        if wrong_type or (holds is not None and not holds(value)):
            needed = rule or f"must be a {type(known.metadata['default']).__name__}"
            raise InformerError(f"{section}.{known.name} {needed}, got {value!r}")
        if not _is_unicode(value):
            raise InformerError(f"{section}.{known.name} must be Unicode text, got {value!r}")


def _fits(value: Any, default: Any) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, float):
        return isinstance(value, int | float)
    return isinstance(value, type(default))


def _is_rule(value: Any) -> bool:
    if not isinstance(value, tuple) or [type(x) for x in value] != [str, str]:
        return False
    try:
        re.compile(value[0])
    except re.error:
        return False
    return True


def _is_unicode(value: Any) -> bool:
    """Whether texts can be written down: bytes that are no UTF-8 reach us as lone surrogates."""
    if isinstance(value, dict):
        return all(_is_unicode(x) for pair in value.items() for x in pair)
    if isinstance(value, tuple):
        return all(_is_unicode(x) for x in value)
    return not isinstance(value, str) or not re.search("[\ud800-\udfff]", value)
