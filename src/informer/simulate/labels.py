"""Labels: what happened, when, how strong, and which rpc is guilty."""

import csv
import io
import re

import numpy as np

from informer.simulate.blocks import Simulation
from informer.simulate.grafts import regular_rpcs
from informer.simulate.happenings import Campaign, Happening
from informer.simulate.scenario import CHANGES, Event, Scenario

COLUMNS = (
    *("event_id", "kind", "flag", "start_ns", "end_ns", "effect_end_ns", "guilty"),
    *("multiplier", "n_malicious", "background_expected", "oracle_z"),
)
AFTER_MS = 10_000  # what was in flight at the end of a fault is done


def labels_csv(sim: Simulation) -> str:
    """One row for every event, in order of time."""
    text = io.StringIO()
    rows = csv.DictWriter(text, COLUMNS, lineterminator="\n", restval="")
    rows.writeheader()
    for it in sorted(sim.found, key=lambda it: it.first):
        rows.writerow(_label(sim, it))
    return text.getvalue()


def _label(sim: Simulation, it: Happening) -> dict[str, object]:
    start_ns, end_ns = it.covers(sim.from_ns)
    label: dict[str, object] = {
        "event_id": it.event.id,
        "kind": it.event.kind,
        "flag": it.event.flag,
        "start_ns": start_ns,
        "end_ns": end_ns,
    }
    if it.event.flag == "fault":
        label["effect_end_ns"] = end_ns + AFTER_MS * 1_000_000
        label["guilty"] = _met(sim.scenario, it.event.guilty)
    if it.event.kind in CHANGES:
        label["guilty"] = _changed(sim.scenario, it.event)
    if it.event.flag == "legit" and it.multiplier != 1:
        label["multiplier"] = it.multiplier
    for attack, malicious in zip(sim.attacks, sim.malicious, strict=True):
        if attack.happening is it:
            label |= _campaign(sim.scenario, attack, malicious)
    return label


def _campaign(scenario: Scenario, attack: Campaign, malicious: int) -> dict[str, object]:
    """How strong an attack was. `oracle_z` is what the telemetry shows of it: empty when new."""
    told: dict[str, object] = {
        "guilty": "|".join(_named(scenario, rpc) for rpc in _on_the_way(scenario, attack)),
        "n_malicious": malicious,
        "background_expected": round(attack.background, 1),
    }
    if attack.background > 0:
        shown = scenario.defects.sampling * (1 - scenario.defects.lost)
        told["multiplier"] = round(1 + malicious / attack.background, 3)
        told["oracle_z"] = round(malicious / np.sqrt(attack.background) * np.sqrt(shown), 1)
    return told


def _on_the_way(scenario: Scenario, attack: Campaign) -> list[tuple[str, str, str]]:
    """The guilty rpc, then its callers in the chain that no other regular pattern makes.

    Of a graft it alone: its callers are made as often as ever.
    """
    slots = scenario.patterns[attack.pattern].slots
    if attack.happening.event.below:
        return [attack.guilty]
    others = {
        rpc
        for i, p in enumerate(scenario.patterns)
        for rpc in regular_rpcs(p)
        if i != attack.pattern and (p.per_minute or p.cron)
    }
    at = next(i for i, s in enumerate(slots) if s.call.rpc == attack.guilty)
    found = [attack.guilty]
    while slots[at].parent >= 0:
        at = slots[at].parent
        rpc = slots[at].call.rpc
        if rpc not in others and rpc not in found:
            found.append(rpc)
    return found


def _changed(scenario: Scenario, event: Event) -> str:
    """Calls of the service that is deployed, and rpcs that only one side of the change makes."""
    rpcs = {p.name: regular_rpcs(p) for p in scenario.patterns}
    after = rpcs.get(event.to, set())
    changed = {rpc for name in event.patterns for rpc in rpcs[name] ^ after}
    named = [_named(scenario, rpc) for rpc in sorted(changed)]
    return "|".join([*([f"*>{event.service}:"] if event.service else []), *named])


def _met(scenario: Scenario, guilty: str) -> str:
    """Every rpc that is the named call, whoever makes it."""
    calls = {s.call.rpc for p in scenario.patterns for s in p.slots}
    met = sorted(rpc for rpc in calls if f"{rpc[1]}: {rpc[2]}" == guilty)
    return "|".join(_named(scenario, rpc) for rpc in met)


def _named(scenario: Scenario, rpc: tuple[str, str, str]) -> str:
    """`caller>callee:` and a fixed part of the method, one that tells it from others there."""
    caller, callee, method = rpc
    calls = {s.call.rpc for p in scenario.patterns for s in p.slots}
    others = [m for a, b, m in calls if (a, b) == (caller, callee) and m != method]
    parts = [part for part in re.split(r"\{\w*\}", method) if part]
    telling = (part for part in parts if not any(part in other for other in others))
    return f"{caller}>{callee}:{next(telling, parts[0])}"
