"""Many calls, in order of time, as columns.

Axes: c call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from informer.core.types import Bools, Floats, Ints
from informer.policies.calls import Call, Reply
from informer.policies.facts import (
    CHAIN,
    HOUR,
    PATTERN,
    RPC,
    SIZE,
    TIME,
    TRACE,
    WEEKDAY,
    Fact,
)
from informer.policies.memory import hour_of, weekday_of
from informer.policies.syntax import Attribute, Header

MOST_CHAIN = 64  # calls above a call; deeper ones are not judged


@dataclass(frozen=True, slots=True)
class Coded:
    """A column of values that repeat; code -1 = nothing."""

    codes: Ints  # [c]
    values: Sequence[Any]

    def at(self, call: int) -> Any:
        """The value of one call."""
        code = int(self.codes[call])
        return None if code < 0 else self.values[code]


@dataclass(frozen=True, slots=True)
class Stream:
    """Calls in order of time. What no rule asks for may be absent."""

    time_ns: Ints  # [c], ascending
    rpc: Coded  # of (caller, callee, method, kind)
    trace: Coded  # of trace ids
    chain: Coded | None = None  # of tuples of rpc texts
    pattern: Coded | None = None
    attributes: Mapping[Attribute | Header, Coded] = field(default_factory=dict)
    size: Ints | None = None
    weight: Floats | None = None  # None: each stands for itself
    status: Ints | None = None  # [c], of the reply; 0 = not known
    failed: Bools | None = None
    refused: Bools | None = None
    duration_ns: Ints | None = None

    def __len__(self) -> int:
        return len(self.time_ns)

    def call(self, i: int) -> Call:
        """One call, as the interpreter sees it."""
        caller, callee, method, kind = self.rpc.at(i)
        known = {key: coded.at(i) for key, coded in self.attributes.items()}
        return Call(
            int(self.time_ns[i]),
            caller,
            callee,
            method,
            kind,
            chain=self.chain.at(i) or () if self.chain is not None else (),
            pattern=self.pattern.at(i) if self.pattern is not None else None,
            headers={k.key: v for k, v in known.items() if isinstance(k, Header) and v is not None},
            attributes={
                k.key: v for k, v in known.items() if isinstance(k, Attribute) and v is not None
            },
            size=int(self.size[i]) if self.size is not None else 0,
            trace_id=self.trace.at(i) or "",
            weight=self.weight[i].item() if self.weight is not None else 1,
        )

    def reply(self, i: int) -> Reply:
        """How it ended."""
        return Reply(
            status=int(self.status[i]) if self.status is not None else 0,
            failed=bool(self.failed[i]) if self.failed is not None else False,
            refused=bool(self.refused[i]) if self.refused is not None else False,
            duration_ns=int(self.duration_ns[i]) if self.duration_ns is not None else 0,
        )

    def alike(self, facts: frozenset[Fact]) -> Ints:
        """[c]: the same number for calls that have the same values of these facts."""
        code = np.zeros(len(self), dtype=np.int64)
        for fact in sorted(facts, key=repr):
            of_fact = self._codes(fact)
            if of_fact is not None:
                both = code * (of_fact.max(initial=0) + 2) + of_fact + 1
                code = np.unique(both, return_inverse=True)[1]
        return code

    def _codes(self, fact: Fact) -> Ints | None:
        """Small numbers for the values of a fact, from -1 on; None: it is the same for all."""
        if isinstance(fact, Header | Attribute):
            return self.attributes[fact].codes
        if fact in (RPC, TRACE):
            return (self.rpc if fact == RPC else self.trace).codes
        if fact in (CHAIN, PATTERN):
            coded = self.chain if fact == CHAIN else self.pattern
            return None if coded is None else coded.codes
        if fact == HOUR:
            return np.asarray(hour_of(self.time_ns))  # type: ignore[arg-type]
        if fact == WEEKDAY:
            return np.asarray(weekday_of(self.time_ns))  # type: ignore[arg-type]
        if fact == TIME:
            return np.unique(self.time_ns, return_inverse=True)[1]
        if fact == SIZE and self.size is not None:
            return np.unique(self.size, return_inverse=True)[1]
        return None
