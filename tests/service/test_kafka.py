"""Kafka: what a collector wrote into topics comes into the spool, once, whatever happens."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from informer.config.streams import KafkaSettings
from informer.core.errors import InformerError
from informer.service.kafka import KafkaStream
from informer.service.marks import Mark, mark_message
from informer.service.segments import Segment
from informer.service.spool import Spool
from informer.spans.unpack import Content
from otlp_messages import json_message, message
from real_parts import eventually

kafka = pytest.importorskip("confluent_kafka")
PARTITIONS = 4  # of a topic that librdkafka's broker makes by itself
TOPIC = "otlp_spans"
SECOND_MS = 1_000


class Topic:
    """Who writes into the topic."""

    def __init__(self, brokers: str) -> None:
        self._producer = kafka.Producer({"bootstrap.servers": brokers, "linger.ms": 1})

    def write(
        self,
        *values: bytes | None,
        partition: int = 0,
        at_s: Sequence[int] = (),
        topic: str = TOPIC,
    ) -> None:
        for i, value in enumerate(values):
            told = {"timestamp": at_s[i] * SECOND_MS} if at_s else {}
            self._producer.produce(topic, value, partition=partition, **told)
        assert self._producer.flush(20) == 0


@contextmanager
def following(
    brokers: str, spool: Spool, *, start: str = "earliest", most_ahead_s: float = 10.0
) -> Iterator[KafkaStream]:
    settings = KafkaSettings(brokers=tuple(brokers.split(",")), topics=(TOPIC,), start=start)
    stream = KafkaStream(settings, spool, most_message_bytes=1 << 16, most_ahead_s=most_ahead_s)
    stop = threading.Event()
    thread = threading.Thread(target=stream.run, args=(stop,))
    thread.start()
    try:
        yield stream
    finally:
        stop.set()
        thread.join()
        assert "ended" not in stream.errors


def spool_in(folder: Path, *, most_bytes: int = 1 << 24) -> Spool:
    return Spool(folder, most_bytes=most_bytes, segment_s=0.0)


def names(spool: Spool) -> list[str]:
    """The names of all spans in the spool, in order."""
    return names_in(spool.sealed())


def names_in(segments: Sequence[Segment]) -> list[str]:
    found = []
    for segment in segments:
        for frame in Content(segment.path).frames():
            if frame.startswith(b"{"):
                found.append("json")
                continue
            request = ExportTraceServiceRequest.FromString(frame)
            found += [
                s.name for r in request.resource_spans for p in r.scope_spans for s in p.spans
            ]
    return found


def is_read(spool: Spool, wanted: int) -> Callable[[], bool]:
    return lambda: len(names(spool)) >= wanted


def test_protobuf_and_json_of_every_partition_are_taken(brokers: str, tmp_path: Path) -> None:
    topic = Topic(brokers)
    for partition in range(PARTITIONS):
        topic.write(*[message(f"{partition}-{i}") for i in range(50)], partition=partition)
    topic.write(json_message("json"))
    spool = spool_in(tmp_path)
    with following(brokers, spool) as stream:
        eventually(is_read(spool, 201))
        assert stream.received.spans == 201
        assert not stream.received.refused
        eventually(lambda: set(stream.lag().values()) == {0.0})
    expected = {f"{p}-{i}" for p in range(PARTITIONS) for i in range(50)} | {"json"}
    assert set(names(spool)) == expected
    assert len(names(spool)) == 201


def test_hostile_messages_are_counted_and_hold_up_nobody(brokers: str, tmp_path: Path) -> None:
    topic = Topic(brokers)
    topic.write(
        message("before"),
        None,
        b"",
        b"\x0a\xff\xff\xff\xff\x0f",
        b"{" * 1_000,
        b"[1]",
        b"x" * (1 << 17),
        mark_message(Mark({"kafka/other/0": 7}, 0)) + message("of a sender who forges marks"),
        message("after"),
    )
    spool = spool_in(tmp_path)
    with following(brokers, spool) as stream:
        eventually(is_read(spool, 2))
        assert stream.received.refused == {"empty": 2, "malformed": 4, "too_large": 1}
        assert "kafka/other/0" not in spool_in(tmp_path).places  # as after a kill
    assert names(spool) == ["before", "after"]


def test_after_a_kill_nothing_is_lost_or_taken_twice(brokers: str, tmp_path: Path) -> None:
    topic = Topic(brokers)
    topic.write(*[message(f"a{i}") for i in range(300)])
    spool = spool_in(tmp_path)
    with following(brokers, spool):
        eventually(is_read(spool, 100))
    spool.close()
    assert spool.settled == {}  # so Kafka knows of nothing
    last = spool.sealed()[-1].path
    last.write_bytes(last.read_bytes()[:-5])  # as a kill leaves it
    again = spool_in(tmp_path)
    topic.write(*[message(f"b{i}") for i in range(20)])
    with following(brokers, again):
        eventually(is_read(again, 320))
    assert names(again) == [f"a{i}" for i in range(300)] + [f"b{i}" for i in range(20)]


def test_offsets_are_committed_when_their_steps_are_closed(brokers: str, tmp_path: Path) -> None:
    topic = Topic(brokers)
    topic.write(*[message(f"{i}") for i in range(10)])
    spool = spool_in(tmp_path)
    group = kafka.Consumer({"bootstrap.servers": brokers, "group.id": "informer"})
    place = [kafka.TopicPartition(TOPIC, 0)]
    with following(brokers, spool):
        eventually(is_read(spool, 10))
        assert group.committed(place, 10)[0].offset < 0
        for segment in spool.sealed():
            spool.forget(segment.number)
        eventually(lambda: group.committed(place, 10)[0].offset == 10)
    group.close()
    # Also who lost the spool goes on behind closed steps.
    topic.write(message("next"))
    anew = spool_in(tmp_path / "anew")
    with following(brokers, anew):
        eventually(is_read(anew, 1))
    assert names(anew) == ["next"]


def test_a_full_spool_holds_the_topic_up_and_loses_nothing(brokers: str, tmp_path: Path) -> None:
    topic = Topic(brokers)
    topic.write(*[message(f"{i}", padding=1_000) for i in range(1_000)])
    spool = spool_in(tmp_path, most_bytes=900_000)
    found: list[str] = []
    with following(brokers, spool) as stream:
        eventually(lambda: stream._is_full)
        while len(found) < 1_000:
            eventually(lambda: bool(spool.sealed()))
            segments = spool.sealed()  # more may be sealed while these are read
            found += names_in(segments)
            for segment in segments:
                spool.forget(segment.number)
        assert not stream.received.refused
    assert found == [f"{i}" for i in range(1_000)]


def test_no_partition_is_read_far_ahead_of_another(brokers: str, tmp_path: Path) -> None:
    topic = Topic(brokers)
    minutes = [60 * i for i in range(1, 41)]
    for partition in range(PARTITIONS):
        topic.write(*[message(f"{m}") for m in minutes], partition=partition, at_s=minutes)
    spool = spool_in(tmp_path)
    with following(brokers, spool, most_ahead_s=180):
        eventually(is_read(spool, 40 * PARTITIONS))
    read = [int(name) for name in names(spool)]
    latest = 0
    for at_s in read:
        latest = max(latest, at_s)
        assert at_s >= latest - 180


def test_partitions_that_come_later_are_read_from_their_beginning(
    brokers: str, tmp_path: Path
) -> None:
    topic = Topic(brokers)
    topic.write(message("old"))
    spool = spool_in(tmp_path)
    with following(brokers, spool, start="latest") as stream:
        eventually(lambda: len(spool.places) == PARTITIONS)
        topic.write(message("new"))
        eventually(is_read(spool, 1))
        assert stream.received.spans == 1
    assert names(spool) == ["new"]


def test_partitions_whose_ends_cannot_be_told_at_first_are_read_later(
    brokers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Faltering(kafka.Consumer):  # type: ignore[misc]  # the library tells no types
        asked = 0

        def get_watermark_offsets(self, *given: object, **named: object) -> tuple[int, int]:
            """Fails once, for the second partition."""
            self.asked += 1
            if self.asked == 2:
                raise kafka.KafkaException(kafka.KafkaError(kafka.KafkaError._TIMED_OUT))
            return super().get_watermark_offsets(*given, **named)

    monkeypatch.setattr(kafka, "Consumer", Faltering)
    monkeypatch.setattr("informer.service.kafka.LOOK_S", 0.1)
    topic = Topic(brokers)
    for partition in range(PARTITIONS):
        topic.write(message(f"{partition}"), partition=partition)
    spool = spool_in(tmp_path)
    with following(brokers, spool) as stream:
        eventually(is_read(spool, PARTITIONS), lambda: names(spool))
        assert stream.errors["timed_out"] == 1
    assert sorted(names(spool)) == [f"{partition}" for partition in range(PARTITIONS)]


def test_where_offsets_are_gone_reading_goes_on_at_the_oldest_message(
    brokers: str, tmp_path: Path
) -> None:
    topic = Topic(brokers)
    topic.write(*[message(f"{i}") for i in range(10)])
    spool = spool_in(tmp_path)
    spool.add_group([], {f"kafka/{TOPIC}/0": 1_000})  # of a topic of this name that was deleted
    with following(brokers, spool) as stream:
        eventually(is_read(spool, 10))
        topic.write(message("10"))
        eventually(is_read(spool, 11))
        assert stream.errors["out_of_range"] == 1
    assert names(spool) == [f"{i}" for i in range(11)]
    assert spool.places[f"kafka/{TOPIC}/0"] == 11


def test_brokers_that_are_not_there_are_waited_for(tmp_path: Path) -> None:
    with following("127.0.0.1:1", spool_in(tmp_path)) as stream:
        eventually(lambda: sum(stream.errors.values()) > 0)


def test_a_wrong_security_file_is_told_at_the_start(tmp_path: Path) -> None:
    secrets = tmp_path / "kafka.properties"
    for text, words in [
        ("sasl.password=hush\nplugin.library.paths=x.so", r":2 must be name=value"),
        ("security.protocol=hush", "must be settings that Kafka knows"),
    ]:
        secrets.write_text(text)
        settings = KafkaSettings(brokers=("127.0.0.1:1",), security_file=str(secrets))
        with pytest.raises(InformerError, match=words):
            KafkaStream(
                settings, spool_in(tmp_path / "spool"), most_message_bytes=1, most_ahead_s=1
            )


def test_a_real_broker_delivers(broker: str, tmp_path: Path) -> None:
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": broker})
    admin.create_topics([NewTopic(TOPIC, 2, 1)])[TOPIC].result(30)
    topic = Topic(broker)
    for i in range(20):
        topic.write(message(f"{i}"), partition=i % 2)
    spool = spool_in(tmp_path)
    with following(broker, spool):
        eventually(is_read(spool, 20))
    assert sorted(names(spool), key=int) == [f"{i}" for i in range(20)]
