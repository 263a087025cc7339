"""What Prometheus is told of the service itself."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from informer.service.outbox import HOW
from informer.service.parts import Parts
from informer.service.reception import Received
from informer.service.spool import Spool

NS = 1e9


class Intake(Collector):
    """What comes in, whatever becomes of it."""

    def __init__(self, received: Received, spool: Spool) -> None:
        self._received, self._spool = received, spool

    def collect(self) -> Iterator[Metric]:
        """All metrics of it."""
        received = self._received
        yield _counter("informer_messages_received", "OTLP messages taken.", received.messages)
        yield _counter("informer_spans_received", "Spans in messages taken.", received.spans)
        yield _by_reason(
            "informer_messages_refused", "Messages that were not taken.", received.refused
        )
        yield _by_reason(
            "informer_spans_sent_away",
            "Spans in messages whose sender was told to come again.",
            received.sent_away,
        )
        yield _gauge("informer_spool_bytes", "Bytes that wait on disk.", self._spool.size)


class Figures(Collector):
    """Collected when asked for: nothing is counted twice."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        """All metrics."""
        received, loop = self._parts.received, self._parts.loop.figures
        yield from Intake(received, self._parts.spool).collect()
        rejected = loop.rejected
        yield _by_reason("informer_spans_rejected", "Spans of no use, left out.", rejected)
        yield _counter(
            "informer_spans_late", "Spans whose trace belongs to a closed step.", loop.late
        )
        yield _counter("informer_spans_judged", "Spans in closed steps.", loop.judged)
        yield _counter("informer_steps_closed", "Steps that were judged.", loop.steps)
        yield _counter("informer_chains", "Chains in closed steps.", loop.chains)
        yield _counter(
            "informer_names_shared",
            "New names of services, peers and versions that were too many, and share one.",
            loop.strangers,
        )
        yield _gauge("informer_spans_open", "Spans of steps not closed.", loop.open_spans)
        open_s = (loop.stream_ns - loop.closed_ns) / NS if loop.closed_ns else 0.0
        yield _gauge(
            "informer_lag_seconds",
            "From the end of the last closed step to the newest span, those unread included.",
            max(0.0, open_s) + self._parts.spool.waited_s(),
        )
        yield _gauge(
            "informer_backlog_seconds",
            "How long the oldest spans wait to be taken in.",
            self._parts.spool.waited_s(),
        )
        yield _gauge("informer_look_seconds", "What closing the last steps took.", loop.look_s)
        yield _gauge("informer_look_failures", "Failures in a row.", loop.failures)
        yield _gauge(
            "informer_orphan_share",
            "Of the spans judged last, with a lost parent.",
            loop.orphan_share,
        )
        yield _by_pattern(
            "informer_score",
            "The highest score of a pattern in the last step; from 1 on it is told.",
            loop.scores,
        )
        yield _by_pattern(
            "informer_model_age_seconds",
            "From the last step that a model has learned to the last that was closed.",
            {p: (loop.closed_ns - until) / NS for p, until in loop.learned_until_ns.items()},
        )
        yield from self._of_sinks()
        yield from self._of_streams()

    def _of_sinks(self) -> Iterator[Metric]:
        notices = CounterMetricFamily(
            "informer_notices", "Tries to tell a sink.", labels=["sink", "how"]
        )
        tries = self._parts.outbox.tries
        for sink in sorted(sink.name for sink in self._parts.outbox.sinks):
            for how in HOW:  # from the start, so that the first of a kind is an increase
                notices.add_metric([sink, how], tries[sink, how])
        yield notices

    def _of_streams(self) -> Iterator[Metric]:
        lag = GaugeMetricFamily(
            "informer_stream_lag",
            "What is there and was not read: messages of Kafka, bytes of logs.",
            labels=["stream", "place"],
        )
        errors = CounterMetricFamily(
            "informer_stream_errors", "What went wrong with a stream.", labels=["stream", "what"]
        )
        for stream in self._parts.streams.all:
            for place, behind in sorted(stream.lag().items()):
                lag.add_metric([stream.name, place], behind)
            for what, count in sorted(stream.errors.items()):
                errors.add_metric([stream.name, what], count)
        yield lag
        yield errors


def exposition(metrics: Figures | Intake) -> bytes:
    """The text that Prometheus reads."""
    registry = CollectorRegistry()
    registry.register(metrics)
    return generate_latest(registry)


def _counter(name: str, words: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, words, value=value)


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, value=value)


def _by_pattern(name: str, words: str, values: dict[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=["pattern"])
    for pattern_id, value in sorted(values.items()):
        family.add_metric([pattern_id], value)
    return family


def _by_reason(name: str, words: str, counts: dict[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, words, labels=["reason"])
    for reason, count in sorted(counts.items()):
        family.add_metric([reason], count)
    return family
