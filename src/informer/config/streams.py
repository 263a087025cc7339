"""Settings of the streams that `informer serve` follows: topics of Kafka and log files."""

from dataclasses import dataclass
from typing import Any

from informer.config.rules import is_port, setting

TAILED = ("envoy", "istio", "otlp", "table")


def _are_texts(values: Any) -> bool:
    return all(isinstance(x, str) and x for x in values)


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """`[kafka]`: spans out of Kafka, as the OpenTelemetry Collector's exporter writes them."""

    brokers: tuple[str, ...] = setting(
        (),
        "Some of the brokers, host:port; none = Kafka is not read.",
        "must be host:port each",
        lambda v: all(isinstance(x, str) and is_port(x.rpartition(":")[2]) for x in v),
    )
    topics: tuple[str, ...] = setting(
        ("otlp_spans",),
        "Topics with messages of OTLP, protobuf or JSON.",
        "must be names of topics",
        lambda v: len(v) > 0 and _are_texts(v),
    )
    group: str = setting(
        "informer",
        "The consumer group; every Informer needs one of its own.",
        "must not be empty",
        lambda v: bool(v),
    )
    start: str = setting(
        "latest",
        "Where to begin in a topic that was never read: `earliest` or `latest`.",
        "must be earliest or latest",
        lambda v: v in ("earliest", "latest"),
    )
    security_file: str = setting(
        "",
        "A file of librdkafka's properties for TLS and SASL, one a line, such as "
        "`ssl.ca.location=/etc/kafka/ca.pem`; empty = none.",
    )


@dataclass(frozen=True, slots=True)
class TailSettings:
    """`[tail]`: access logs that are read on as they grow."""

    paths: tuple[str, ...] = setting(
        (),
        "Files or globs of files; none = no log is read.",
        "must be paths",
        lambda v: _are_texts(v),
    )
    format: str = setting(
        "envoy",
        f"What a line is, one of {', '.join(TAILED)} (by `source.columns`, JSON or CSV).",
        f"must be one of {', '.join(TAILED)}",
        lambda v: v in TAILED,
    )
    start: str = setting(
        "end",
        "Where to begin in files that are there when the service starts for the first time: "
        "`begin` or `end`. Files that come later are read from their beginning.",
        "must be begin or end",
        lambda v: v in ("begin", "end"),
    )
