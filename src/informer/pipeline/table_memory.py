"""How much of `machine.memory` the engine of a reading may have, in bytes.

The lines of a slice, in arrays, take the rest; the engine would fill all that it may have with
tables that are only written.
"""

from informer.config.rules import bytes_of
from informer.config.settings import MachineSettings

FOLDING_SHARE, FOLDING_LEAST = 0.25, 100_000_000  # bytes, which a table of JSON takes to be read
FOLDED_SHARE = 0.4


def while_folding(machine: MachineSettings) -> int:
    """While lines are folded."""
    least = min(FOLDING_LEAST, when_folded(machine))
    return max(least, round(bytes_of(machine.memory) * FOLDING_SHARE))


def when_folded(machine: MachineSettings) -> int:
    """When all lines are, and what comes of them is made by SQL."""
    return round(bytes_of(machine.memory) * FOLDED_SHARE)
