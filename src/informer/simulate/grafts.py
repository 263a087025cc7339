"""Grafts: calls that only an attack makes, within running chains of a regular pattern."""

from dataclasses import replace

from informer.simulate.chain import Call, Slot
from informer.simulate.scenario import Event, Pattern, Scenario


def with_grafts(scenario: Scenario) -> Scenario:
    """The same scenario; the guilty call of every graft is a slot of its pattern, never made."""
    patterns = []
    for pattern in scenario.patterns:
        slots = pattern.slots
        for event in scenario.events:
            if event.below and event.patterns == [pattern.name]:
                slots = _grafted(slots, event)
        patterns.append(replace(pattern, slots=slots))
    return replace(scenario, patterns=tuple(patterns))


def grafted_rpc(event: Event) -> tuple[str, str, str]:
    """Caller, callee and method of the guilty call of a graft."""
    callee, _, method = event.guilty.partition(": ")
    return event.below.partition(": ")[0], callee, method


def caller_of_graft(event: Event, slots: tuple[Slot, ...]) -> int | None:
    """The first slot that answers the call named in `below`; None when the pattern has none."""
    named = (
        place
        for place, slot in enumerate(slots)
        if f"{slot.call.callee}: {slot.call.method}" == event.below
        and slot.kind in ("server", "consumer")
    )
    return next(named, None)


def regular_rpcs(pattern: Pattern) -> set[tuple[str, str, str]]:
    """Every rpc that a pattern makes without an attack."""
    return {slot.call.rpc for slot in pattern.slots if slot.call.p > 0}


def _grafted(slots: tuple[Slot, ...], event: Event) -> tuple[Slot, ...]:
    """Slots with one more, the last: the caller makes it after all its other calls."""
    parent, rpc = caller_of_graft(event, slots), grafted_rpc(event)
    if parent is None or any(slot.call.rpc == rpc for slot in slots):
        return slots
    call = Call(*rpc, depth=slots[parent].call.depth + 1, p=0.0)
    return (*slots, Slot(call, "server", parent, 0, len(slots), -1))
