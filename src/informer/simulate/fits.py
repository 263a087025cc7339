"""Whether an event fits its scenario."""

from informer.core.errors import InformerError
from informer.simulate.grafts import caller_of_graft, grafted_rpc, regular_rpcs
from informer.simulate.scenario import (
    CALL_FAULTS,
    CAMPAIGNS,
    CHANGES,
    DEMANDS,
    EVERY,
    Event,
    Pattern,
    Scenario,
)


def check_event(event: Event, scenario: Scenario, where: str) -> None:
    """An event has what its kind needs, and every name in it is there.

    Errors: InformerError that names the key, the rule and the value.
    """
    patterns = {p.name: p for p in scenario.patterns}
    for name in (*event.patterns, *([event.to] if event.to else [])):
        if name not in patterns and name != EVERY:
            raise InformerError(f"{where}: there is no pattern {name}")
    if event.service and event.service not in scenario.services:
        raise InformerError(f"{where}: there is no service {event.service}")
    if event.kind in (*CAMPAIGNS, *CALL_FAULTS):
        if len(event.patterns) != 1 or EVERY in event.patterns:
            raise InformerError(f"{where}.patterns must name one pattern, got {event.patterns}")
        pattern = patterns[event.patterns[0]]
        if event.below and event.kind in CAMPAIGNS:
            _check_graft(event, pattern, where)
        elif not any(event.is_about(slot.call) for slot in pattern.slots):
            raise InformerError(
                f"{where}.guilty must be `callee: METHOD` of {pattern.name}, got {event.guilty!r}"
            )
        elif event.kind in CAMPAIGNS:
            _check_strength(event, pattern, where)
    if event.below and event.kind not in CAMPAIGNS:
        raise InformerError(f"{where}.below is for attacks, got {event.below!r}")
    if event.kind == "slow" and event.times_slower == 1:
        raise InformerError(f"{where}.times_slower must be > 1, got {event.times_slower}")
    if event.kind in DEMANDS and not event.patterns:
        raise InformerError(f"{where}.patterns must name what is in demand")
    if event.kind in CHANGES:
        _check_change(event, where)
    if event.kind == "autoscaling" and not event.service:
        raise InformerError(f"{where}.service must be given")


def _check_graft(event: Event, pattern: Pattern, where: str) -> None:
    if caller_of_graft(event, pattern.slots) is None:
        raise InformerError(
            f"{where}.below must be `callee: METHOD` of {pattern.name}, got {event.below!r}"
        )
    if not all(grafted_rpc(event)):
        raise InformerError(f"{where}.guilty must be `callee: METHOD`, got {event.guilty!r}")
    if grafted_rpc(event) in regular_rpcs(pattern):
        raise InformerError(
            f"{where}.guilty must be a call that `below` does not make, got {event.guilty!r}"
        )


def _check_strength(event: Event, pattern: Pattern, where: str) -> None:
    if event.per_minute or event.growth_per_day:
        return
    least = event.multiplier[0] if isinstance(event.multiplier, list) else event.multiplier
    if least <= 1:
        raise InformerError(f"{where}.multiplier must be > 1, got {event.multiplier}")
    if not pattern.per_minute:
        raise InformerError(f"{where}.per_minute must be given: the pattern has no traffic")


def _check_change(event: Event, where: str) -> None:
    if not event.to and not (event.service and event.version):
        raise InformerError(f"{where} must have service and version, or patterns and to")
    if bool(event.to) != bool(event.patterns) or EVERY in event.patterns:
        raise InformerError(
            f"{where} must name the patterns that become `to`, got {event.patterns}"
        )
