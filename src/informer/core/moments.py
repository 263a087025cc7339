"""Moments as people write them: a date, or a date and a time, in UTC unless they say otherwise."""

from datetime import UTC, datetime

LAST_NS = 2**63 - 1


def moment_ns(text: str) -> int:
    """Nanoseconds since 1970 UTC. Errors: ValueError for no moment, or one not from 1970 to 2262.

    >>> moment_ns("2026-06-15T14:00+02:00") == moment_ns("2026-06-15T12:00")
    True
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    found_ns = round(moment.timestamp() * 1_000_000) * 1_000
    if not 0 <= found_ns <= LAST_NS:
        raise ValueError(f"a moment must be from 1970 to 2262, got {text!r}")
    return found_ns
