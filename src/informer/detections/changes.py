"""Versions that appeared or went: what a deploy looks like in the traffic."""

from dataclasses import dataclass

import numpy as np

from informer.core.types import Floats

SURELY_GONE = 13.8  # calls it should have had, had it still been there: one chance in a million
APPEARED_CALLS = 5.0
BACK_CALLS = 3.0
SMALLEST_SHARE = 0.02  # of its service's calls; below, nobody waits for it


@dataclass(frozen=True, slots=True)
class Change:
    """A version of a service appeared or went, from a step until a step."""

    service: str
    version: str
    what: str  # appeared or gone
    first: int  # step at which it was sure
    last: int  # step, inclusive, until which it explains what moved
    since: int  # step of the first, or after the last, call of the version


def find_changes(
    workloads: dict[str, dict[str, Floats]], learned: dict[str, dict[str, float]]
) -> list[Change]:
    """Changes of versions in a range, in order of time.

    `workloads`: calls of each service and version at every step, [t]. `learned`: share of its
    service's calls that each version had when last learned. A service that was never learned has
    no changes (all of it is novel), nor has one that went as a whole (that is silence).
    """
    found = []
    for service in sorted(set(workloads) & set(learned)):
        versions = workloads[service]
        if not versions:  # none of it is in view any more
            continue
        total = np.sum(list(versions.values()), axis=0)  # [t]
        for version, share in sorted(learned[service].items()):
            calls = versions.get(version, np.zeros_like(total))
            if share >= SMALLEST_SHARE:
                found += _gone(service, version, calls, total, share)
        for version in sorted(set(versions) - set(learned[service])):
            found += _appeared(service, version, versions[version])
    return sorted(found, key=lambda c: (c.first, c.service, c.version))


def _gone(service: str, version: str, calls: Floats, total: Floats, share: float) -> list[Change]:
    found: list[Change] = []
    missed, since, returned, open_from = 0.0, 0, 0.0, -1
    for step in range(len(total)):
        if calls[step] > 0:
            returned += float(calls[step])
            if open_from >= 0 and returned >= BACK_CALLS:
                found.append(Change(service, version, "gone", open_from, step, since))
                open_from = -1
            if open_from < 0:
                missed, since = 0.0, step + 1
            continue
        missed += share * float(total[step])
        if open_from < 0 and missed >= SURELY_GONE:
            open_from, returned = step, 0.0
    if open_from >= 0:
        found.append(Change(service, version, "gone", open_from, len(total) - 1, since))
    return found


def _appeared(service: str, version: str, calls: Floats) -> list[Change]:
    enough = np.flatnonzero(np.cumsum(calls) >= APPEARED_CALLS)
    if len(enough) == 0:
        return []
    first_call = int(np.flatnonzero(calls > 0)[0])
    return [Change(service, version, "appeared", int(enough[0]), len(calls) - 1, first_call)]


def learned_shares(
    workloads: dict[str, dict[str, Floats]], last_steps: int
) -> dict[str, dict[str, float]]:
    """Share of its service's calls that each version had in the last steps of a range.

    Versions that had calls only before, or surely went before the end, are kept with share 0:
    known, but not waited for.
    """
    shares: dict[str, dict[str, float]] = {}
    for service, versions in workloads.items():
        recent = {v: calls[-last_steps:] for v, calls in versions.items()}
        total = np.sum(list(recent.values()), axis=0)  # [t]
        there = {v: float(n.sum()) for v, n in recent.items() if not _went(n, total)}
        whole = sum(there.values())
        shares[service] = {v: there.get(v, 0.0) / whole if whole else 0.0 for v in versions}
    return shares


def _went(calls: Floats, total: Floats) -> bool:
    """Whether a version had no call at the end, where it should have had many."""
    last = int(np.flatnonzero(calls)[-1]) if calls.any() else -1
    all_calls = float(total.sum())
    share = float(calls.sum()) / all_calls if all_calls else 0.0
    return share * float(total[last + 1 :].sum()) >= SURELY_GONE
