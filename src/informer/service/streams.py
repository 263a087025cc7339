"""Streams that the service reads on by itself: each in a thread, from its place into the spool."""

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from informer.config.rules import bytes_of
from informer.config.settings import Settings
from informer.service.kafka import KafkaStream
from informer.service.reception import Received
from informer.service.spool import Spool
from informer.service.tail import TailStream

AHEAD = 1 / 3  # of the watermark: nothing comes late because something else was read first
LEAST_AHEAD_S = 1.0


class Stream(Protocol):
    """Something that can be read again from a place: a topic, log files."""

    received: Received
    errors: Counter[str]  # by name, since the start

    def run(self, stop: threading.Event) -> None:
        """Read until `stop`; what is wrong meanwhile is counted and tried again."""

    def lag(self) -> dict[str, float]:
        """By place, what is there and was not read: messages of a topic, bytes of logs."""

    @property
    def name(self) -> str:
        """In one word."""


class Streams:
    """Begun together, ended together."""

    def __init__(self, streams: Sequence[Stream]) -> None:
        self.all = tuple(streams)
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=s.run, args=(self._stop,), name=f"informer-{s.name}")
            for s in streams
        ]

    def start(self) -> None:
        """Begin to read."""
        for thread in self._threads:
            thread.start()

    @property
    def ended(self) -> list[str]:
        """Those that read no more though nobody stopped them."""
        if self._stop.is_set():
            return []
        threads = zip(self.all, self._threads, strict=True)
        return [s.name for s, thread in threads if not thread.is_alive()]

    def stop(self) -> None:
        """End after what is under way."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()


def streams_of(settings: Settings, spool: Spool) -> list[Stream]:
    """The streams that the settings name. Errors: InformerError for settings of no use."""
    ahead_s = max(settings.serve.watermark_s * AHEAD, LEAST_AHEAD_S)
    streams: list[Stream] = []
    if settings.kafka.brokers:
        most = bytes_of(settings.serve.message)
        kafka = KafkaStream(settings.kafka, spool, most_message_bytes=most, most_ahead_s=ahead_s)
        streams.append(kafka)
    if settings.tail.paths:
        streams.append(TailStream(settings.tail, spool, most_ahead_s=ahead_s))
    return streams
