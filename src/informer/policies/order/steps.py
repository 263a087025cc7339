"""One call through rules, in symbols: what `interpret.py` does, for all calls and memories."""

from dataclasses import dataclass, field

import z3

from informer.policies.order.symbols import TEXT, Env, Symbols, Term, Worth, as_text
from informer.policies.syntax import (
    Action,
    Allow,
    Answer,
    Count,
    Deny,
    Limit,
    Log,
    Rule,
    SetHeader,
    SetState,
)

ALLOWED, DENIED, ANSWERED = 1, 2, 3
TRACE = z3.DeclareSort("Trace")
THEN = z3.Function("then", TRACE, TEXT, TEXT, TRACE)  # a trace, and one thing more at its end


@dataclass
class Run:
    """How far a call has come, and what has come of it."""

    symbols: Symbols
    env: Env
    alive: Term = field(default_factory=lambda: z3.BoolVal(True))
    found: dict[str, Term] = field(default_factory=dict)
    decided_by: Term = field(default_factory=lambda: z3.IntVal(0))
    counted: dict[str, Term] = field(default_factory=dict)

    def get(self, what: str) -> Term:
        """Part of the outcome."""
        if what in self.found:
            return self.found[what]
        if what in ("log", "request"):
            return z3.Const(f"before:{what}", TRACE)
        return {
            "verdict": z3.IntVal(0),
            "status": z3.IntVal(0),
            "limited": z3.BoolVal(False),
            "answer": z3.Const("no answer", TEXT),
        }[what]


OUTCOME = ("verdict", "status", "limited", "answer", "log", "request")


def run(rules: tuple[Rule, ...], numbers: dict[str, int], symbols: Symbols) -> Run:
    """Rules one after the other, from an arbitrary call, headers and memory."""
    at = Run(symbols, Env(symbols))
    for rule in rules:
        holds = z3.BoolVal(True)
        if rule.when is not None:
            holds = symbols.holds(rule.when, rule.name, at.env)
        here = z3.And(at.alive, holds)
        for place, action in enumerate(rule.actions):
            here = _act(at, rule, place, action, here, numbers[rule.name])
    return at


def same(one: Run, other: Run) -> Term:
    """Whether two runs end alike: the verdict, what is left behind, and what is remembered."""
    parts = [one.alive == other.alive, *(one.get(what) == other.get(what) for what in OUTCOME)]
    for name in {*one.env.memories, *other.env.memories}:
        parts.append(one.env[name] == other.env[name])
    for name in {*one.counted, *other.counted}:
        zero = z3.IntVal(0)
        parts.append(one.counted.get(name, zero) == other.counted.get(name, zero))
    for key in {*one.env.headers, *other.env.headers}:
        unchanged = one.env.header(key).same(other.env.header(key))
        parts.append(z3.Implies(one.alive, unchanged))
    return z3.And(*parts)


def _act(at: Run, rule: Rule, place: int, action: Action, here: Term, number: int) -> Term:
    """One action where `here` holds; where it still holds for the next."""
    symbols, env = at.symbols, at.env
    match action:
        case Allow():
            return _end(at, here, number, verdict=z3.IntVal(ALLOWED))
        case Deny(status):
            return _end(at, here, number, verdict=z3.IntVal(DENIED), status=z3.IntVal(status))
        case Answer(value):
            found = symbols.worth(value, env)
            known = z3.And(here, found.there)
            _end(at, known, number, verdict=z3.IntVal(ANSWERED), answer=as_text(found.value))
            return z3.And(here, z3.Not(found.there))
        case Limit():
            return _limited(at, f"{rule.name} {place}", action, here, number)
        case SetState(name, value):
            env.memories[name] = z3.If(
                here, symbols.set(name, symbols.worth(value, env), env), env[name]
            )
        case SetHeader(key, value):
            found = symbols.worth(value, env)
            if found.value.sort() == TEXT:  # what is not a text sets nothing
                _leave(at, z3.And(here, found.there), "request", f"set {key}", found.value)
                old, put = env.header(key), z3.And(here, found.there)
                env.headers[key] = Worth(z3.Or(put, old.there), z3.If(put, found.value, old.value))
        case Log(text):
            _leave(at, here, "log", text, symbols.text(""))
        case Count(metric):
            so_far = at.counted.get(metric, z3.IntVal(0))
            at.counted[metric] = so_far + z3.If(here, 1, 0)
        case _:
            _leave(at, here, "request", repr(action), symbols.text(""))
    return here


def _limited(at: Run, name: str, limit: Limit, here: Term, number: int) -> Term:
    symbols, env = at.symbols, at.env
    cost = Worth(z3.BoolVal(True), symbols.number(1))
    if limit.cost is not None:
        cost = symbols.worth(limit.cost, env)
    given = (
        env[name],
        symbols.key(limit.key, env),
        cost.there,
        cost.value,
        symbols.field("now").value,
    )
    sorts = [term.sort() for term in given]
    goes = z3.Function(f"goes:{name}", *sorts, z3.BoolSort())(*given)
    after = z3.Function(f"take:{name}", *sorts, env[name].sort())(*given)
    env.memories[name] = z3.If(here, after, env[name])
    beyond = z3.And(here, z3.Not(goes))
    ended = {"verdict": z3.IntVal(DENIED), "status": z3.IntVal(limit.status)}
    _end(at, beyond, number, **ended, limited=z3.BoolVal(True))
    return z3.And(here, goes)


def _end(at: Run, here: Term, number: int, **outcome: Term) -> Term:
    for what, term in outcome.items():
        at.found[what] = z3.If(here, term, at.get(what))
    at.decided_by = z3.If(here, z3.IntVal(number), at.decided_by)
    at.alive = z3.And(at.alive, z3.Not(here))
    return z3.BoolVal(False)


def _leave(at: Run, here: Term, where: str, what: str, value: Term) -> None:
    trace = at.get(where)
    at.found[where] = z3.If(here, THEN(trace, at.symbols.text(f"{where} {what}"), value), trace)
