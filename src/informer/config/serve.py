"""Settings of `informer serve`: what it listens on, and what it keeps."""

import math
from dataclasses import dataclass

from informer.config.rules import is_port, is_size, setting

HOURS_A_YEAR = 8_760
MOST_MESSAGE_BYTES = 2_000_000_000  # gRPC counts them in 32 bits


def _is_address(value: str) -> bool:
    host, _, port = value.rpartition(":")
    return value == "" or (bool(host) and is_port(port))


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
        "Where the API, health and metrics are answered, host:port; empty = nowhere.",
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
        "must be a size such as 16MiB and at most 2GB",
        lambda v: is_size(v, MOST_MESSAGE_BYTES),
    )
    spool: str = setting(
        "4GB",
        "Room on disk for spans of steps that are not closed; full, senders are told to wait.",
        "must be a size such as 4GB and at most 1000TB",
        is_size,
    )
    backlog_steps: float = setting(
        1.0,
        "When what came waits for longer than so many steps to be taken in, senders are told to "
        "come again, and those steps count as not covered.",
        "must be > 0 and finite",
        lambda v: 0 < v < math.inf,
    )
    tokens_file: str = setting(
        "", "A file of bearer tokens that senders need one of, one a line; empty = none is needed."
    )
    api_tokens_file: str = setting(
        "",
        "A file of lines `read TOKEN [NAME]` or `decide TOKEN [NAME]` for the API, a token as it "
        "is or as sha256:HEX; empty = on this machine nobody needs one, from elsewhere nobody "
        "gets in.",
    )
    tls_certificate: str = setting("", "Our certificate (PEM); empty = no TLS.")
    tls_key: str = setting("", "The key of our certificate (PEM).")
    tls_clients: str = setting(
        "", "Who signs the certificates of senders (PEM); empty = they need none."
    )
    blind_after_s: int = setting(
        900,
        "Without spans for so long, an incident says that nothing is watched; longer than your "
        "longest idle time, 0 = never.",
        "must be >= 0",
        lambda v: v >= 0,
    )
    give_up_hours: float = setting(
        24.0,
        "What a sink did not take for so long is given up, and counted.",
        "must be > 0 and at most 8760",
        lambda v: 0 < v <= HOURS_A_YEAR,
    )
    first_hours: float = setting(
        24.0,
        "Where nothing was learned yet, spans are gathered for so long and then learned; sooner "
        "when they fill the room of `spool`, packed. 0 = learn yourself.",
        "must be 0 to 8760",
        lambda v: 0 <= v <= HOURS_A_YEAR,
    )
    relearn_hours: int = setting(
        24,
        "A pattern learns again when its model knows nothing of the last hours; 0 = never.",
        "must be >= 0",
        lambda v: v >= 0,
    )
