"""OTLP out of Kafka, as collectors write it: messages go into the spool with their offsets.

Both are kept together or not at all, so nothing is lost or taken twice, whenever the process ends.
To Kafka, offsets are committed when all steps before them are closed: with the spool gone, what was
open can still be read again.

All partitions are ours: one process owns a workspace. So nobody has to agree on who reads what, and
a service that was killed goes on at once instead of when its session has run out.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from informer.config.streams import KafkaSettings
from informer.core.errors import InformerError
from informer.service.kafka_client import consumer_of
from informer.service.kafka_messages import Taken, check_value, piece_of
from informer.service.marks import Places
from informer.service.pace import Progress, limit_s
from informer.service.reception import Received
from informer.service.spool import Spool, SpoolFullError

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

MOST_MESSAGES = 200  # taken at once
WAIT_S = 0.2
COMMIT_S = 1.0
LOOK_S = 15.0  # between two looks for partitions
ASK_S = 5.0  # for what brokers know
AGAIN_S = 5.0  # after an error that ended the consumer
log = logging.getLogger(__name__)


class KafkaStream:
    """Follows topics until it is stopped; everything happens in the thread that runs it."""

    name = "kafka"

    def __init__(
        self,
        settings: KafkaSettings,
        spool: Spool,
        *,
        most_message_bytes: int,
        most_ahead_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """No partition is read more than `most_ahead_s` ahead of another that has more to give.

        Errors: InformerError for settings that Kafka does not know.
        """
        self.received = Received()
        self.errors: Counter[str] = Counter()
        self._settings, self._spool = settings, spool
        self._most_message_bytes, self._most_ahead_s = most_message_bytes, most_ahead_s
        self._clock = clock
        self._consumer: Consumer | None = consumer_of(settings, self._tell)
        self._progress: dict[str, Progress] = {}  # of partitions that are ours
        self._partitions: dict[str, TopicPartition] = {}
        self._next: dict[str, int] = {}  # offsets behind what was taken or waits
        self._held: set[str] = set()  # partitions that are too far ahead
        self._waiting: list[Taken] = []  # not kept yet
        self._is_full = False  # the spool has no room
        self._committed: Places = {}
        self._commit_at = 0.0
        self._lag: dict[str, float] = {}
        self._looked = False  # whether topics were found before

    def lag(self) -> dict[str, float]:
        """Messages in each partition of ours that were not taken yet."""
        return dict(self._lag)

    def run(self, stop: threading.Event) -> None:
        """Read until `stop`. What ends it otherwise is told, and it begins anew."""
        from confluent_kafka import KafkaException

        while not stop.is_set():
            try:
                if self._consumer is None:
                    self._consumer = consumer_of(self._settings, self._tell)
                self._follow(self._consumer, stop)
            except (InformerError, KafkaException, RuntimeError) as error:
                self.errors["ended"] += 1
                log.error("Kafka is read anew: %s", error)
                stop.wait(AGAIN_S)
            self._leave()

    def _follow(self, consumer: "Consumer", stop: threading.Event) -> None:
        look_at = self._clock()
        while not stop.is_set():
            if self._clock() >= look_at:
                self._look_for_partitions(consumer)
                look_at = self._clock() + LOOK_S
            if not self._partitions:
                stop.wait(WAIT_S)
                continue
            for message in consumer.consume(MOST_MESSAGES, WAIT_S):
                self._take(consumer, message)
            self._keep(consumer)
            self._let_go_on(consumer)
            self._look_at_ends(consumer)
            self._commit(consumer)
            if self._is_full:
                stop.wait(WAIT_S)
        self._commit(consumer, now=True)

    def _look_for_partitions(self, consumer: "Consumer") -> None:
        from confluent_kafka import KafkaException, TopicPartition

        try:
            found = [
                TopicPartition(topic, number)
                for topic in self._settings.topics
                for number in consumer.list_topics(topic, timeout=ASK_S).topics[topic].partitions
                if _place(topic, number) not in self._partitions
            ]
            if found:
                self._begin(consumer, found)
        except KafkaException as error:  # brokers that are not there yet, or not now
            self._tell(error.args[0])
            return
        self._looked = True

    def _begin(self, consumer: "Consumer", partitions: "list[TopicPartition]") -> None:
        """Go on behind what the spool has, or else behind what was committed.

        Errors: KafkaException; then none of them has begun.
        """
        places = self._spool.places
        begun: dict[str, TopicPartition] = {}
        ends: dict[str, int] = {}
        new: list[Taken] = []
        committed = consumer.committed(partitions, ASK_S)
        for partition, known in zip(partitions, committed, strict=True):
            place = _place(partition.topic, partition.partition)
            low, high = consumer.get_watermark_offsets(partition, timeout=ASK_S)
            offset = int(places.get(place, known.offset))
            if offset < 0:
                is_late = self._looked or self._settings.start == "earliest"
                offset = low if is_late else high
                new.append(Taken(place, offset))  # so that it is known after a kill
            partition.offset = offset
            begun[place], ends[place] = partition, high
        consumer.incremental_assign(partitions)
        # No sooner: one that is known is not looked for again, and nobody would read it.
        for place, partition in begun.items():
            self._partitions[place], self._next[place] = partition, partition.offset
            self._progress[place] = Progress(heard_s=self._clock())
            self._saw_end(place, ends[place])
        self._waiting += new
        if self._is_full:
            consumer.pause(partitions)

    def _take(self, consumer: "Consumer", message: "Message") -> None:
        from confluent_kafka import KafkaError

        error = message.error()
        place = _place(message.topic(), message.partition())
        if error is not None and error.code() == KafkaError._AUTO_OFFSET_RESET:
            if place not in self._held:
                self._begin_again(consumer, place)
            return
        if error is not None:
            self._tell(error)
            return
        offset = message.offset()
        if place in self._held or offset is None or offset < self._next[place]:
            return  # it comes again
        progress = self._progress[place]
        progress.heard_s = self._clock()
        told, at_ms = message.timestamp()
        if told:
            progress.at_s = at_ms / 1_000
            if self._is_ahead(place, 1.0):
                self._held.add(place)
                # To pause would go on behind what has been handed out.
                consumer.incremental_unassign([self._partitions[place]])
                self._next[place] = offset
                return
        self._next[place] = offset + 1
        checked = check_value(message.value(), self.received, self._most_message_bytes)
        taken = Taken(place, offset + 1, checked)
        self._waiting.append(taken)

    def _begin_again(self, consumer: "Consumer", place: str) -> None:
        """What came next is gone; go on at the oldest message there is."""
        partition = self._partitions[place]
        low, high = consumer.get_watermark_offsets(partition, timeout=ASK_S)
        self.errors["out_of_range"] += 1
        log.error("%s: offset %d is gone, there are %d to %d", place, self._next[place], low, high)
        self._next[place] = partition.offset = low
        consumer.incremental_unassign([partition])
        consumer.incremental_assign([partition])

    def _keep(self, consumer: "Consumer") -> None:
        """Into the spool, piece by piece; where it is full, all partitions wait for it."""
        while self._waiting:
            piece = piece_of(self._waiting)
            good = [one.checked for one in piece if one.checked is not None]
            places = {one.place: one.next_offset for one in piece}
            try:
                self._spool.add_group([c.message for c in good if c.spans], places)
            except SpoolFullError:
                if not self._is_full:
                    self._is_full = True
                    consumer.pause(self._assigned())
                return
            for checked in good:
                self.received.count(checked)
            del self._waiting[: len(piece)]
        if self._is_full:
            self._is_full = False
            consumer.resume(self._assigned())

    def _assigned(self) -> "list[TopicPartition]":
        return [p for n, p in self._partitions.items() if n not in self._held]

    def _is_ahead(self, place: str, share: float) -> bool:
        at_s = self._progress[place].at_s
        most = self._most_ahead_s * share
        limit = limit_s(self._progress, place, most_ahead_s=most, now_s=self._clock())
        return at_s is not None and limit is not None and at_s > limit

    def _let_go_on(self, consumer: "Consumer") -> None:
        for place in list(self._held):
            self._progress[place].heard_s = self._clock()  # it gives nothing, but not by itself
            if not self._is_ahead(place, 0.5):
                self._held.remove(place)
                self._partitions[place].offset = self._next[place]
                consumer.incremental_assign([self._partitions[place]])
                if self._is_full:
                    consumer.pause([self._partitions[place]])

    def _look_at_ends(self, consumer: "Consumer") -> None:
        for place, partition in self._partitions.items():
            found = consumer.get_watermark_offsets(partition, cached=True)
            if found is not None and found[1] >= 0:
                self._saw_end(place, found[1])

    def _saw_end(self, place: str, end: int) -> None:
        self._lag[place] = max(end - self._next[place], 0)
        self._progress[place].at_end = end <= self._next[place]
        if self._progress[place].at_end or self._is_full:
            self._progress[place].heard_s = self._clock()

    def _commit(self, consumer: "Consumer", *, now: bool = False) -> None:
        """Tell Kafka what is in closed steps. What it does not hear, it hears the next time."""
        from confluent_kafka import KafkaException, TopicPartition

        if self._clock() < self._commit_at and not now:
            return
        self._commit_at = self._clock() + COMMIT_S
        newer = {
            place: offset
            for place, offset in self._spool.settled.items()
            if place in self._partitions and self._committed.get(place) != offset
        }
        if not newer:
            return
        ours = [(self._partitions[place], offset) for place, offset in newer.items()]
        try:
            consumer.commit(
                offsets=[TopicPartition(p.topic, p.partition, offset) for p, offset in ours]
            )
            self._committed |= newer
        except KafkaException as error:
            self._tell(error.args[0])

    def _leave(self) -> None:
        """Let the consumer go; what was taken and not kept is read again."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()
        self._waiting, self._is_full = [], False
        self._held.clear()
        for known in (self._partitions, self._next, self._progress, self._lag):
            known.clear()

    def _tell(self, error: "KafkaError") -> None:
        name = error.name().strip("_").lower()
        if not self.errors[name]:
            log.error("Kafka: %s", error.str())
        self.errors[name] += 1


def _place(topic: str | None, partition: int | None) -> str:
    return f"kafka/{topic}/{partition}"
