"""What of the sources could not be read."""

from collections import Counter
from collections.abc import Sequence

from informer.core.ports import Source

NONE_ASKED_FOR = "none is there, or none of the range and condition that were asked for"


def rejected_of(sources: Sequence[Source]) -> Counter[str]:
    """How often each reason was met, in all of them."""
    return sum((source.rejected for source in sources), Counter())


def nothing_read(sources: Sequence[Source]) -> str:
    """Why there is no span, for the user."""
    reasons = rejected_of(sources).most_common()
    why = ", ".join(f"{n:,} {reason}" for reason, n in reasons) or NONE_ASKED_FOR
    names = ", ".join(name for source in sources for name in source.names[:3])
    return f"no span could be read from {names}: {why}"
