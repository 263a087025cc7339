"""The chain of a pattern, read from an indented tree, as slots: every call it could make.

A line is `callee: METHOD  key=value ...`; its caller is the line it is indented below. A call that
may be made several times or again takes several slots, each with all that hangs below it.
"""

from dataclasses import dataclass, replace
from typing import Any

from informer.core.errors import InformerError
from informer.core.types import OUTSIDE

KINDS = ("rpc", "db", "external", "queue")
MOST_SLOTS = 400
MOST_COPIES = 20


@dataclass(frozen=True, slots=True)
class Call:
    """One line of the tree. Probabilities are 0..1, given that the caller is called."""

    caller: str
    callee: str
    method: str
    depth: int
    kind: str = "rpc"
    p: float = 1.0
    cache: float = 0.0  # probability that a cache answers instead
    times: tuple[int, int] = (1, 1)  # how often it is made, uniform, both ends included
    ms: float = 5.0  # median of its own time
    fail: float = 0.0
    retry: int = 0  # how often it is tried again after a failure
    refuse: float = 0.0
    code: int = 401  # the status of a refusal

    @property
    def rpc(self) -> tuple[str, str, str]:
        """Caller, callee and method."""
        return self.caller, self.callee, self.method


@dataclass(frozen=True, slots=True)
class Slot:
    """A call that the chain could make: at most one span. Numbers are places in the chain."""

    call: Call
    kind: str  # server, client, producer, consumer
    parent: int  # -1 = the entry
    copy: int  # of a repeated call
    first: int  # the slot of copy 0, first attempt, which draws for all copies
    again: int  # the slot of the attempt before; -1 = the first attempt


def parse_chain(tree: str, where: str) -> tuple[Slot, ...]:
    """The slots of a tree, every caller before its callees.

    Errors: InformerError that names the line.
    """
    lines = [line for line in tree.splitlines() if line.strip()]
    calls: list[Call] = []
    above: list[tuple[int, str]] = []
    for line in lines:
        indent = len(line) - len(line.lstrip())
        while above and above[-1][0] >= indent:
            above.pop()
        if not above and calls:
            raise InformerError(f"{where}.chain must have one entry, got a second: {line.strip()}")
        call = _call(line.strip(), above[-1][1] if above else OUTSIDE, len(above), where)
        above.append((indent, call.callee))
        calls.append(call)
    if not calls:
        raise InformerError(f"{where}.chain must have a line")
    if calls[0].kind != "rpc" or calls[0].times != (1, 1) or calls[0].p * (1 - calls[0].cache) != 1:
        raise InformerError(f"{where}.chain must begin with one rpc that is always called")
    slots: list[Slot] = []
    _lay(calls, 0, -1, slots, where)
    return tuple(slots)


def _lay(calls: list[Call], at: int, parent: int, slots: list[Slot], where: str) -> None:
    """Slots for the call at a place in the tree and for everything below it."""
    call = calls[at]
    first = len(slots)
    for copy in range(call.times[1]):
        again = -1
        for _ in range(1 + call.retry):
            me = len(slots)
            if me >= MOST_SLOTS:
                raise InformerError(f"{where}.chain may make at most {MOST_SLOTS} calls")
            kind = {"rpc": "server", "queue": "producer"}.get(call.kind, "client")
            slots.append(Slot(call, kind, parent, copy, first, again))
            again, below = me, me
            if call.kind == "queue":
                below = len(slots)
                slots.append(Slot(call, "consumer", me, 0, below, -1))
            for child in range(at + 1, len(calls)):
                if calls[child].depth <= call.depth:
                    break
                if calls[child].depth == call.depth + 1:
                    _lay(calls, child, below, slots, where)


def _call(line: str, caller: str, depth: int, where: str) -> Call:
    callee, colon, rest = line.partition(": ")
    words = rest.split()
    options = [w for w in words if "=" in w]
    method = " ".join(w for w in words if "=" not in w)
    if not colon or not callee or not method:
        raise InformerError(f"{where}.chain: a line must be `callee: METHOD key=value`, got {line}")
    call = Call(caller, callee, method, depth)
    for option in options:
        name, _, value = option.partition("=")
        call = _with(call, name, value, f"{where}.chain: {callee}: {method}: {name}")
    return call


def _with(call: Call, name: str, value: str, where: str) -> Call:
    if name == "kind":
        if value not in KINDS:
            raise InformerError(f"{where} must be one of {', '.join(KINDS)}, got {value}")
        return replace(call, kind=value)
    if name == "times":
        low, _, high = value.partition("-")
        ends = [int(x) if x.isdecimal() else -1 for x in (low, high or low)]
        if not 0 <= ends[0] <= ends[1] <= MOST_COPIES or ends[1] == 0:
            raise InformerError(f"{where} must be N or N-M up to {MOST_COPIES}, got {value}")
        return replace(call, times=(ends[0], ends[1]))
    bounds = {
        **dict.fromkeys(("p", "cache", "fail", "refuse"), (0.0, 1.0)),
        "ms": (0.01, 60_000.0),
        "retry": (0, 5),
        "code": (400, 499),
    }
    if name not in bounds:
        raise InformerError(f"{where} is unknown, there are kind, times, {', '.join(bounds)}")
    (low_, high_), cast = bounds[name], (int if name in ("retry", "code") else float)
    try:
        number = cast(value)
    except ValueError:
        number = -1
    if not low_ <= number <= high_:
        raise InformerError(f"{where} must be {low_:g} to {high_:g}, got {value}")
    changed: dict[str, Any] = {name: number}
    return replace(call, **changed)
