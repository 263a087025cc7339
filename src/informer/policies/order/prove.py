"""Whether two rules may change places: proved for every call and every memory, or refused.

If `a b` and `b a` end alike from whatever memory and headers, they do so for the first call of a
stream, and leave the same memory for the second: by induction they do for every stream, whatever
rules stand above and below.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import z3

from informer.policies.order.effects import conflicts
from informer.policies.order.steps import run, same
from informer.policies.order.symbols import Symbols, Term, UnprovableError
from informer.policies.syntax import Policy, Rule

PATIENCE_MS = 2_000  # for one question; no answer by then is a no


@dataclass(frozen=True, slots=True)
class Edge:
    """The calls in question: names that are known, and names that are not these."""

    names: Mapping[str, str] = field(default_factory=dict)  # caller, callee
    others: Mapping[str, set[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether two rules may be swapped, and why or why not."""

    swap: bool
    why: str
    renames: bool = False  # some calls would be decided alike, by the other rule


def may_swap(policy: Policy, first: Rule, second: Rule, edge: Edge | None = None) -> Verdict:
    """Whether no stream of calls can tell the two orders apart; on one edge, or on all."""
    if first.on_reply != second.on_reply:
        return Verdict(swap=True, why="one is asked before the call, the other after")
    reasons = list(conflicts(first, second))
    try:
        alike, named = _asked(policy, first, second, edge or Edge())
    except UnprovableError as error:
        return Verdict(swap=False, why=f"not to be told in symbols: {error}")
    if alike == z3.unsat:
        why = "no call and no memory tells the orders apart" if reasons else "nothing is shared"
        return Verdict(swap=True, why=why, renames=named != z3.unsat)
    if alike == z3.unknown:
        return Verdict(swap=False, why="no answer in time")
    return Verdict(swap=False, why=reasons[0] if reasons else "there is a call that ends otherwise")


def _asked(policy: Policy, first: Rule, second: Rule, edge: Edge) -> tuple[Term, Term]:
    """Is there a call that ends otherwise? And if not, one that another rule decides?"""
    symbols = Symbols(policy, edge.names, edge.others)
    numbers = {first.name: 1, second.name: 2}
    one = run((first, second), numbers, symbols)
    other = run((second, first), numbers, symbols)
    alike = _solved(symbols, z3.Not(same(one, other)))
    if alike != z3.unsat:
        return alike, z3.unknown
    return alike, _solved(symbols, one.decided_by != other.decided_by)


def _solved(symbols: Symbols, question: Term) -> Term:
    solver = z3.Solver()
    solver.set("timeout", PATIENCE_MS)
    solver.add(*symbols.facts(), question)
    return solver.check()
