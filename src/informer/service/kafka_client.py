"""A consumer of Kafka as the settings want it: what it may be told, and what it must not do."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from informer.config.streams import KafkaSettings
from informer.core.errors import InformerError

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError

SECURITY = ("security.", "sasl.", "ssl.", "enable.ssl.")  # what a security file may hold
QUEUED_KB, FETCHED_BYTES = 16 << 10, 16 << 20  # waits in memory, for all partitions together
METADATA_MS = 30_000  # until a topic that is made later is found


def consumer_of(settings: KafkaSettings, tell: Callable[["KafkaError"], None]) -> "Consumer":
    """A consumer that commits nothing by itself. `tell` hears of brokers that are not there.

    Errors: InformerError for a missing package, and for settings that are of no use.
    """
    try:
        from confluent_kafka import Consumer, KafkaException
    except ImportError as error:
        raise InformerError("kafka.brokers needs pip install 'rpc-informer[kafka]'") from error
    config: dict[str, object] = {
        **security_in(settings.security_file),
        "bootstrap.servers": ",".join(settings.brokers),
        "group.id": settings.group,
        "client.id": "informer",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",  # where what came next is gone, we want to hear of it
        "queued.max.messages.kbytes": QUEUED_KB,
        "fetch.max.bytes": FETCHED_BYTES,
        "topic.metadata.refresh.interval.ms": METADATA_MS,
        "error_cb": tell,
        "log_level": 2,  # of librdkafka itself, straight to stderr; errors come by error_cb
    }
    try:
        return Consumer(config)
    except (KafkaException, ValueError, TypeError) as error:
        where = settings.security_file or "[kafka]"
        raise InformerError(f"{where} must be settings that Kafka knows: {error}") from error


def security_in(path: str) -> dict[str, str]:
    """librdkafka's properties for TLS and SASL in a file, `name=value` a line; '' = no file.

    Errors: InformerError, which tells no value.
    """
    if not path:
        return {}
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InformerError(f"kafka.security_file must be a readable file, got {path}") from error
    found = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not name.startswith(SECURITY):
            raise InformerError(
                f"{path}:{number} must be name=value with a name of security.*, sasl.* or ssl.*"
            )
        found[name] = value
    return found
