"""A policy held against what a proxy with its rules said of real calls."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from informer.core.errors import InformerError
from informer.core.types import LEGITIMATE, Json
from informer.pipeline.workspace import Workspace
from informer.policies.agreement import Agreement, agree
from informer.policies.calls import Call
from informer.policies.shadow import MOST_LINE, Seen, ShadowLog, Statistics, read_statistics
from informer.policies.syntax import Policy

MOST_STATISTICS = 64 * 1024 * 1024
ACCEPTED = "accepted"
FOREVER_NS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of it: calls one by one, out of access logs, or sums out of counters."""

    agreement: Agreement | None
    statistics: Statistics | None
    skipped: dict[str, int]  # lines of access logs, by reason

    @property
    def calls(self) -> int:
        """Calls that the proxy decided on."""
        if self.agreement is not None:
            return self.agreement.calls
        return self.statistics.allowed + self.statistics.denied if self.statistics else 0

    @property
    def denied(self) -> int:
        """Calls of them that it denied, or would have denied."""
        if self.agreement is not None:
            return self.agreement.denied
        return self.statistics.denied if self.statistics else 0

    @property
    def told(self) -> int:
        """Denied calls that an incident tells of."""
        return self.agreement.told if self.agreement is not None else 0


def verify(
    policy: Policy,
    files: Sequence[Path],
    *,
    name_of: Callable[[str], str | None],
    told: Callable[[Call], bool] = lambda call: False,
) -> Verified:
    """Compare with access logs, or count what counters say. Errors: InformerError."""
    counters = _counters(files)
    if counters is not None:
        return Verified(None, counters, {})
    log = ShadowLog()

    def seen() -> Iterator[Seen]:
        for path in files:
            yield from log.read(_lines(path))

    agreement = agree(policy, seen(), name_of=name_of, told=told)
    if agreement.calls == 0:
        why = ", ".join(f"{n:,} lines: {reason}" for reason, n in log.skipped.items())
        raise InformerError(
            f"{files[0]} holds no call that rules were asked about and no counters of theirs"
            + (f" ({why})" if why else "")
        )
    return Verified(agreement, None, dict(log.skipped))


def _counters(files: Sequence[Path]) -> Statistics | None:
    """Counters, where one file is given and it holds some."""
    if len(files) != 1:
        return None
    try:
        if files[0].stat().st_size > MOST_STATISTICS:
            return None
        return read_statistics(files[0].read_bytes())
    except OSError as error:
        raise InformerError(f"{files[0]} cannot be read: {error.strerror}") from error


def _lines(path: Path) -> Iterator[bytes]:
    """Lines, cut where they are too long to be one of ours."""
    try:
        with path.open("rb") as file:
            while line := file.readline(MOST_LINE + 1):
                yield line
                while len(line) > MOST_LINE and not line.endswith(b"\n"):
                    line = file.readline(MOST_LINE + 1)
    except OSError as error:
        raise InformerError(f"{path} cannot be read: {error.strerror}") from error


def told_in_incidents(home: Workspace) -> Callable[[Call], bool]:
    """Whether an incident of misuse, that nobody accepted, tells of calls like this one then.

    What is denied in an attack is no broken promise: whoever attacks must not be able to switch
    a policy off.
    """
    windows: dict[tuple[str, str, str], list[tuple[int, int]]] = {}
    for row in home.table("incidents").to_pylist():
        if row["verdict"] == ACCEPTED or row["kind"] in LEGITIMATE:
            continue
        until_ns = FOREVER_NS if row["resolved_ns"] is None else row["resolved_ns"]
        for rpc in orjson.loads(row["evidence"])["rpcs"]:
            key = (rpc["caller"], rpc["callee"], rpc["method"])
            windows.setdefault(key, []).append((row["opened_ns"], until_ns))

    def told(call: Call) -> bool:
        inside = windows.get((call.caller, call.callee, call.method), [])
        return any(first <= call.time_ns < last for first, last in inside)

    return told


def verify_document(found: Verified, promise: Json | None = None) -> Json:
    """What `informer policy verify --json` prints; `promise` is a replay's document."""
    calls = found.calls
    document: Json = {
        "calls": calls,
        "denied": found.denied,
        "denied_share": found.denied / calls if calls else 0.0,
        "promised_share": None,
        "differ": None,
        "skipped": found.skipped,
        "rules": [],
    }
    if promise is not None:
        document["promised_share"] = promise["denied"] / max(promise["calls"], 1)
    if found.statistics is not None:
        names = sorted(found.statistics.rules)
        document["rules"] = [{"rule": n, "calls": found.statistics.rules[n]} for n in names]
        document["limited"] = found.statistics.limited
    if found.agreement is not None:
        document["differ"] = found.agreement.differ
        document["rules"] = [
            {
                "rule": name,
                "calls": r.calls,
                "promised": r.promised,
                "denied": r.denied,
                "differ": r.differ,
                "differ_by_limit": r.limited,
                "examples": [_example(s) for s in r.examples],
            }
            for name, r in found.agreement.rules.items()
            if r.calls
        ]
    return document


def _example(seen: Seen) -> Json:
    return {
        "time_ns": seen.time_ns,
        "caller": seen.caller,
        "callee": seen.callee,
        "method": f"{seen.verb} {seen.path}",
        "denied": seen.denied or seen.over_limit,
        "trace_id": seen.trace_id,
    }
