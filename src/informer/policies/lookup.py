"""A compiled policy: what the reference interpreter decides, at the price of one rule.

Rules are gathered once for every caller, callee and method that comes up, with all settled that
these three settle. A call then looks its rules up, and most often finds the decision itself.
"""

from collections.abc import Callable

from informer.policies.calls import ALLOW, ANSWER, DEFAULT, DENY, Call, Decision, Reply
from informer.policies.closures import Headers, Test, key_of, test_of, worth_of
from informer.policies.keys import keys_of, settled
from informer.policies.memory import Memory
from informer.policies.syntax import (
    Action,
    Allow,
    Answer,
    Condition,
    Deny,
    Limit,
    Policy,
    Rule,
    SetHeader,
    SetState,
    Text,
)

MOST_KEPT = 4096  # callers, callees and methods whose rules are kept gathered
Effects = list[Action]
Step = Callable[[Call, dict[str, str], Effects], Decision | None]
Rest = tuple[tuple[Test | None, tuple[Step, ...]], ...]


class PolicyLookup:
    """A policy made ready, with its memory. Not for two threads at a time."""

    def __init__(self, policy: Policy) -> None:
        self.memory = Memory(policy)
        self._rules = [(rule, keys_of(rule)) for rule in policy.rules if not rule.on_reply]
        self._steps = {rule.name: self._steps_of(rule) for rule, _ in self._rules}
        self._gathered: dict[tuple[str, str, str], Decision | Rest] = {}
        self._on_reply = [self._notes_of(rule) for rule in policy.rules if rule.on_reply]
        status = policy.default.status if isinstance(policy.default, Deny) else 0
        self._default = Decision(DENY if status else ALLOW, DEFAULT, status)

    def rules_for(self, caller: str, callee: str, method: str) -> Decision | Rest:
        """The decision, when these three settle it; otherwise the rules that are left to ask."""
        key = (caller, callee, method)
        found = self._gathered.get(key)
        if found is None:
            if len(self._gathered) >= MOST_KEPT:
                self._gathered.clear()
            found = self._gathered[key] = self._gather(caller, callee, method)
        return found

    def decide(self, call: Call) -> Decision:
        """What `interpret.decide` says, and the memory takes in the same."""
        rest = self.rules_for(call.caller, call.callee, call.method)
        return rest if isinstance(rest, Decision) else self.ask(rest, call)

    def ask(self, rest: Rest, call: Call) -> Decision:
        """Ask what `rules_for` left."""
        effects: Effects = []
        headers = dict(call.headers)
        for test, steps in rest:
            if test is None or test(call, headers, call.time_ns, None):
                for step in steps:
                    decided = step(call, headers, effects)
                    if decided is not None:
                        return decided
        return _with(self._default, effects)

    def on_reply(self, call: Call, reply: Reply) -> tuple[Action, ...]:
        """What `interpret.on_reply` says."""
        effects: Effects = []
        now_ns = call.time_ns + reply.duration_ns
        for test, notes in self._on_reply:
            if test is None or test(call, call.headers, now_ns, reply):
                for note in notes:
                    note(call, call.headers, now_ns, reply, effects)
        return tuple(effects)

    def _gather(self, caller: str, callee: str, method: str) -> Decision | Rest:
        facts = {"caller": caller, "callee": callee, "method": method}
        rest: list[tuple[Test | None, tuple[Step, ...]]] = []
        for rule, keys in self._rules:
            if not keys.admits(caller, callee, method):
                continue
            left = True if rule.when is None else settled(rule.when, facts)
            if left is False:
                continue
            if left is True and not rest and (decided := _outright(rule)):
                return decided
            rest.append((self._test_of(left, rule.name), self._steps[rule.name]))
            if left is True and isinstance(rule.actions[-1], Allow | Deny):
                break
        return tuple(rest) or self._default

    def _test_of(self, left: Condition | bool, rule: str) -> Test | None:
        return None if isinstance(left, bool) else test_of(left, rule, self.memory)

    def _steps_of(self, rule: Rule) -> tuple[Step, ...]:
        return tuple(self._step_of(rule.name, i, action) for i, action in enumerate(rule.actions))

    def _step_of(self, rule: str, place: int, action: Action) -> Step:
        match action:
            case Allow():
                allowed = Decision(ALLOW, rule)
                return lambda _c, _h, effects: _with(allowed, effects)
            case Deny(status):
                denied = Decision(DENY, rule, status)
                return lambda _c, _h, effects: _with(denied, effects)
            case Answer(value):
                return self._answered(rule, worth_of(value, self.memory))
            case Limit():
                return self._limited(rule, place, action)
        return self._effect_of(action)

    def _answered(self, rule: str, worth: Callable[..., object]) -> Step:
        def step(call: Call, headers: dict[str, str], effects: Effects) -> Decision | None:
            found = worth(call, headers, call.time_ns, None)
            if found is None:
                return None
            return Decision(ANSWER, rule, answer=str(found), effects=tuple(effects))

        return step

    def _limited(self, rule: str, place: int, limit: Limit) -> Step:
        take, key = self.memory.limits[rule, place].take, key_of(limit.key, self.memory)
        cost = None if limit.cost is None else worth_of(limit.cost, self.memory)
        denied = Decision(DENY, rule, limit.status, limited=True)

        def step(call: Call, headers: dict[str, str], effects: Effects) -> Decision | None:
            now_ns = call.time_ns
            asked = 1 if cost is None else cost(call, headers, now_ns, None)
            known = asked * call.weight if isinstance(asked, int | float) and asked > 0 else 0
            if take(now_ns, key(call, headers, now_ns, None), known):
                return None
            return _with(denied, effects)

        return step

    def _effect_of(self, action: Action) -> Step:
        if isinstance(action, SetHeader):
            worth, name = worth_of(action.value, self.memory), action.key

            def set_header(call: Call, headers: dict[str, str], effects: Effects) -> None:
                found = worth(call, headers, call.time_ns, None)
                if isinstance(found, str):
                    headers[name] = found
                    effects.append(SetHeader(name, Text(found)))

            return set_header
        note = self._note_of(action)

        def step(call: Call, headers: dict[str, str], effects: Effects) -> None:
            note(call, headers, call.time_ns, None, effects)

        return step

    def _notes_of(self, rule: Rule) -> tuple[Test | None, tuple[Callable[..., None], ...]]:
        test = self._test_of(rule.when if rule.when is not None else True, rule.name)
        return test, tuple(self._note_of(action) for action in rule.actions)

    def _note_of(self, action: Action) -> Callable[..., None]:
        if not isinstance(action, SetState):
            return lambda _c, _h, _n, _r, effects: effects.append(action)
        held = self.memory.states[action.name]
        key, worth = key_of(held.state.key, self.memory), worth_of(action.value, self.memory)

        def set_state(c: Call, h: Headers, n: int, r: Reply | None, _effects: Effects) -> None:
            held.set(key(c, h, n, r), worth(c, h, n, r), n)

        return set_state


def _outright(rule: Rule) -> Decision | None:
    """What a rule decides that does nothing else."""
    match rule.actions:
        case (Allow(),):
            return Decision(ALLOW, rule.name)
        case (Deny(status),):
            return Decision(DENY, rule.name, status)
    return None


def _with(decision: Decision, effects: Effects) -> Decision:
    if not effects:
        return decision
    return Decision(
        decision.verdict,
        decision.rule,
        decision.status,
        limited=decision.limited,
        effects=tuple(effects),
    )
