"""What a look at spans found, as a value, as JSON and as lines for people."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from informer.core.types import NS_PER_S, Json
from informer.spans.doubled import Doubled

SHOWN = 5
FIT, WITH_OPTIONS, NOT_FIT = "fit", "fit with options", "not fit"


@dataclass(frozen=True, slots=True)
class Check:
    """What was found. Times are ns; a share is 0..1."""

    spans: int
    traces: int
    lone_traces: int  # of one span
    services: int
    from_ns: int | None
    until_ns: int | None
    rejected: Mapping[str, int]
    gaps: tuple[tuple[int, int], ...]  # from_ns, until_ns
    orphans: int
    orphaned_traces: int
    duplicates: int
    links: int  # spans whose parent is there
    links_across: int  # of them, with a parent in another service
    outside_parents: int  # of them, beginning outside their parent's time
    with_peer: int
    with_kind: int
    weighted: int  # spans that stand for more than one
    mean_weight: float
    operations: int  # distinct, before templating
    methods: int  # distinct, after it
    widest: tuple[tuple[str, int, int], ...]  # services with most operations: before, after
    versioned: tuple[str, ...]  # services that name a version
    unversioned: tuple[str, ...]
    doubled: tuple[Doubled, ...]
    verdict: str
    reasons: tuple[str, ...]  # why it is not simply fit
    options: tuple[str, ...]  # each as it is typed

    def to_json(self) -> Json:
        """Plain data, as `informer check --json` prints it."""
        return asdict(self)

    def lines(self) -> list[str]:
        """The same for people, the verdict last."""
        said = [f"{self.spans:,} spans in {self.traces:,} traces of {self.services:,} services"]
        if self.from_ns is not None and self.until_ns is not None:
            said.append(f"from {_moment(self.from_ns)} to {_moment(self.until_ns)}")
        if self.rejected:
            counts = ", ".join(f"{n:,} {why}" for why, n in sorted(self.rejected.items()))
            said.append(f"rejected: {counts}")
        longest = sorted(self.gaps, key=lambda gap: gap[0] - gap[1])[:SHOWN]
        said += [f"no span from {_moment(a)} to {_moment(b)}" for a, b in longest]
        if len(self.gaps) > SHOWN:
            said.append(f"and {len(self.gaps) - SHOWN:,} shorter gaps")
        said.append(
            f"{self.links:,} spans have their parent, {self.links_across:,} in another service; "
            f"{self.orphans:,} lost it (in {self.orphaned_traces:,} traces); "
            f"{self.duplicates:,} came twice"
        )
        said.append(
            f"{self.outside_parents:,} begin outside their parent's time (clock skew, or work "
            "that goes on after the answer); chains follow links, never clocks"
        )
        said.append(
            f"{self.weighted:,} spans are sampled, mean weight {self.mean_weight:.2f}"
            if self.weighted
            else "no sign of sampling"
        )
        widest = "; ".join(f"{service} {a:,} to {b:,}" for service, a, b in self.widest)
        said.append(f"{self.operations:,} operations become {self.methods:,} methods ({widest})")
        said.append(
            f"{len(self.versioned)} of {self.services} services name a version"
            + (f", not {_listed(self.unversioned)}" if self.unversioned else "")
        )
        said += [
            f"{it.service}: {it.scope} reports {it.requests:,} requests, {it.other_scope} "
            f"{it.other_requests:,}, in different traces"
            for it in self.doubled[:SHOWN]
        ]
        said += list(self.reasons)
        options = f": {' '.join(self.options)}" if self.options else ""
        return [*said, f"verdict: {self.verdict}{options}"]


def _moment(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns // NS_PER_S, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
