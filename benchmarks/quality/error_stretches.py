"""When a service of a Nezha-style table answered with errors: faults that nobody injected.

Such a table has no status codes, but a Spring service that fails leaves a span of its error
controller. While it does, calls below it are missing: that is a fault and no false alarm.
"""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from informer.core.types import NS_PER_S, Ints

ERROR = "BasicErrorController.error"
REQUEST = "/api"  # what the operations of requests begin with
MINUTE_NS = 60 * NS_PER_S
FEWEST = 5  # errors in a minute
LEAST_SHARE = 0.25  # of the requests of that minute
LARGEST_GAP = 1  # minute between two that belong together


@dataclass(frozen=True, slots=True)
class Stretch:
    """Minutes in which a service often failed."""

    service: str
    start_ns: int
    end_ns: int


def error_stretches(spans: pa.Table) -> list[Stretch]:
    """Every stretch of every service, in order of time."""
    counted = _counted(spans)
    often = counted["errors"] >= FEWEST
    often &= counted["errors"] >= LEAST_SHARE * counted["requests"]
    rows = sorted(zip(*(counted[c][often].tolist() for c in ("service", "minute")), strict=True))
    found = []
    for service, of_service in groupby(rows, key=lambda row: row[0]):
        for first, last in _joined(np.array([minute for _, minute in of_service], np.int64)):
            found.append(Stretch(service, first * MINUTE_NS, (last + 1) * MINUTE_NS))
    return sorted(found, key=lambda s: (s.start_ns, s.service))


def _counted(spans: pa.Table) -> dict[str, npt.NDArray[Any]]:
    """Errors and requests of every service and minute: columns of equal length."""
    rows = pa.table(
        {
            # The pod's name without the hash of its ReplicaSet and its own.
            "service": pc.replace_substring_regex(spans["PodName"], "-[0-9a-f]+-[a-z0-9]+$", ""),
            "minute": pc.divide(spans["StartTimeUnixNano"], MINUTE_NS),
            "errors": pc.cast(pc.equal(spans["OperationName"], ERROR), pa.int64()),
            "requests": pc.cast(pc.starts_with(spans["OperationName"], REQUEST), pa.int64()),
        }
    )
    sums = rows.group_by(["service", "minute"]).aggregate([("errors", "sum"), ("requests", "sum")])
    names = ("service", "minute", "errors", "requests")
    return dict(zip(names, (c.to_numpy() for c in sums.columns), strict=True))


def _joined(minutes: Ints) -> list[tuple[int, int]]:
    """First and last minute of each run."""
    runs = np.split(minutes, np.flatnonzero(np.diff(minutes) > LARGEST_GAP + 1) + 1)
    return [(int(run[0]), int(run[-1])) for run in runs]
