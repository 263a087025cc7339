"""What is known to have happened, held against what a policy denied.

Axes: c call.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from informer.core.errors import InformerError
from informer.core.types import Bools, Json
from informer.pipeline.known_events import ATTACK, Event
from informer.policies.stream import Stream


def read_malicious(path: Path) -> dict[str, str]:
    """Event by trace id. Errors: InformerError."""
    try:
        table = pq.read_table(path, columns=["event_id", "trace_id"])
    except (OSError, pa.ArrowException) as error:
        raise InformerError(f"{path} must be a Parquet file with event_id and trace_id") from error
    return dict(zip(table["trace_id"].to_pylist(), table["event_id"].to_pylist(), strict=True))


@dataclass(frozen=True, slots=True)
class Truth:
    """Which calls belong to which event, and which are certainly harmless, [c]."""

    events: tuple[Event, ...]
    calls: dict[str, Bools]  # by event: its calls, as far as is known
    harmless: Bools


def truth_of(
    stream: Stream, events: list[Event], malicious: Mapping[str, str] | None = None
) -> Truth:
    """Calls of the guilty rpcs, by event.

    With `malicious` they are exactly an attack's own. Without, they are all that were made while it
    lasted: regular ones among them cannot be told apart, so none of these is harmless.
    """
    calls = {e.event_id: _in_window(stream, e) & _guilty(stream, e) for e in events}
    if malicious is not None:
        event = np.array([malicious.get(t, "") for t in stream.trace.values], dtype=object)
        of_call = event[stream.trace.codes] if len(event) else np.zeros(len(stream), dtype=object)
        for e in events:
            if e.flag == ATTACK:
                calls[e.event_id] = (of_call == e.event_id) & _guilty(stream, e)
        return Truth(tuple(events), calls, of_call == "")
    harmless = np.ones(len(stream), dtype=bool)
    for e in events:
        if e.flag == ATTACK:
            harmless &= ~calls[e.event_id]
    return Truth(tuple(events), calls, harmless)


def _in_window(stream: Stream, event: Event) -> Bools:
    return np.asarray((stream.time_ns >= event.start_ns) & (stream.time_ns < event.end_ns))


def _guilty(stream: Stream, event: Event) -> Bools:
    """Calls of a guilty rpc; of an event that names none, all calls."""
    if not event.guilty:
        return np.ones(len(stream), dtype=bool)
    is_guilty = np.array(
        [event.names(caller, callee, method) for caller, callee, method, _ in stream.rpc.values],
        dtype=bool,
    )
    return np.asarray(is_guilty[stream.rpc.codes], dtype=bool)


def told_of(truth: Truth, denied: Bools) -> Json:
    """By event: its calls, and how many of them were denied."""
    told: Json = {}
    for e in truth.events:
        calls = int(truth.calls[e.event_id].sum())
        stopped = int((truth.calls[e.event_id] & denied).sum())
        told[e.event_id] = {
            "kind": e.kind,
            "flag": e.flag,
            "calls": calls,
            "denied": stopped,
            "share": round(stopped / calls, 4) if calls else None,
        }
    return told
