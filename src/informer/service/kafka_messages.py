"""Messages of Kafka on their way into the spool."""

from collections.abc import Sequence
from dataclasses import dataclass

from informer.service.reception import Checked, Received, RefusedError, check_message

PIECE_BYTES = 4 << 20  # kept at once; it finds room in a small spool


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that came; without `checked` it is of no use, and left behind."""

    place: str
    next_offset: int
    checked: Checked | None = None


def check_value(value: object, received: Received, most_bytes: int) -> Checked | None:
    """A message that is to be kept; of others it is counted why not."""
    if not isinstance(value, bytes) or not value:
        received.refused["empty"] += 1
        return None
    try:
        return check_message(value, value.startswith(b"{"), most_bytes)
    except RefusedError as refused:
        received.refused[refused.reason] += 1
        return None


def piece_of(waiting: Sequence[Taken]) -> list[Taken]:
    """The first that wait: one at least, and more as long as they are a piece."""
    size = 0
    piece: list[Taken] = []
    for one in waiting:
        size += len(one.checked.message) if one.checked else 0
        if piece and size > PIECE_BYTES:
            break
        piece.append(one)
    return piece
