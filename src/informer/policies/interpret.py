"""The reference interpreter: what a policy decides about calls that come one after the other.

The same policy and the same calls give the same decisions. It is written to be plainly right;
whatever is faster is held against it.
"""

from collections.abc import Mapping

from informer.policies.calls import ALLOW, ANSWER, DEFAULT, DENY, Call, Decision, Reply
from informer.policies.evaluate import Moment, holds, value_of
from informer.policies.memory import Memory
from informer.policies.syntax import (
    Action,
    Allow,
    Answer,
    Deny,
    Limit,
    Policy,
    Rule,
    SetHeader,
    SetState,
    Text,
)


def decide(policy: Policy, memory: Memory, call: Call) -> Decision:
    """Ask the rules in order; the first verdict counts, and `memory` takes in what they set."""
    effects: list[Action] = []
    headers = dict(call.headers)
    for rule in policy.rules:
        if rule.on_reply:
            continue
        at = Moment(call, headers, memory, call.time_ns, rule=rule.name)
        if rule.when is None or holds(rule.when, at):
            verdict = _carry_out(rule, at, headers, effects)
            if verdict is not None:
                return verdict
    if isinstance(policy.default, Deny):
        return Decision(DENY, DEFAULT, policy.default.status, effects=tuple(effects))
    return Decision(ALLOW, DEFAULT, effects=tuple(effects))


def on_reply(policy: Policy, memory: Memory, call: Call, reply: Reply) -> tuple[Action, ...]:
    """What rules on reply do, all of those whose condition holds."""
    effects: list[Action] = []
    headers: Mapping[str, str] = call.headers
    for rule in policy.rules:
        if not rule.on_reply:
            continue
        now_ns = call.time_ns + reply.duration_ns
        at = Moment(call, headers, memory, now_ns, reply, rule.name)
        if rule.when is None or holds(rule.when, at):
            for action in rule.actions:
                _effect(action, at, {}, effects)
    return tuple(effects)


def _carry_out(
    rule: Rule, at: Moment, headers: dict[str, str], effects: list[Action]
) -> Decision | None:
    """The actions of a rule in order; the decision, if it makes one."""
    for place, action in enumerate(rule.actions):
        match action:
            case Allow():
                return Decision(ALLOW, rule.name, effects=tuple(effects))
            case Deny(status):
                return Decision(DENY, rule.name, status, effects=tuple(effects))
            case Answer(value):
                found = value_of(value, at)
                if found is not None:  # what is not known cannot be answered: the call is made
                    return Decision(ANSWER, rule.name, answer=str(found), effects=tuple(effects))
            case Limit():
                if not _goes(action, place, at):
                    return Decision(
                        DENY, rule.name, action.status, limited=True, effects=tuple(effects)
                    )
            case _:
                _effect(action, at, headers, effects)
    return None


def _goes(limit: Limit, place: int, at: Moment) -> bool:
    cost = 1 if limit.cost is None else value_of(limit.cost, at)
    bucket = at.memory.limits[at.rule, place]
    known = cost * at.call.weight if isinstance(cost, int | float) and cost > 0 else 0
    return bucket.take(at.now_ns, at.key(limit.key), known)


def _effect(action: Action, at: Moment, headers: dict[str, str], effects: list[Action]) -> None:
    match action:
        case SetState(name, value):
            held = at.memory.states[name]
            held.set(at.key(held.state.key), value_of(value, at), at.now_ns)
        case SetHeader(key, value):
            found = value_of(value, at)
            if isinstance(found, str):
                headers[key] = found
                effects.append(SetHeader(key, Text(found)))
        case _:
            effects.append(action)
