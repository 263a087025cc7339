"""Who may call a service, put together by how a target tells callers apart."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass

from informer.policies.syntax import Condition
from informer.policies.targets.cells import Guard, Part, Row
from informer.policies.targets.compiled import Weakenings
from informer.policies.targets.partial import Leaf, bounded, joined, negated
from informer.policies.write import write_condition

Verdict = tuple[str, Condition | bool]  # the rule, and when; True = always
MORE = "more is allowed, as `{}` cannot be asked here"
LESS = "less is denied, as `{}` cannot be asked here"


@dataclass(frozen=True, slots=True)
class Asker:
    """What a target can ask a call for, and where it says what it cannot."""

    can: Leaf
    weak: Weakenings

    def allowed(self, row: Row) -> list[Verdict]:
        """Rules that allow such a call, and when: at least as much as the policy."""
        return self._verdicts(row.parts, True)

    def denied(self, row: Row) -> list[Verdict]:
        """Rules that deny such a call, and when: at most as much as the policy."""
        return self._verdicts(row.parts, False)

    def reached(self, row: Row, above: int, when: Condition | None, rule: str) -> Condition | bool:
        """When a rule's limit is reached that stands below so many parts of a row: at most then."""
        self._tell(Part(rule, False, when))
        its = self._at_most(when)
        passed = [p for p in row.parts[:above] if p.allowed]
        return both(its, *(negated(self._at_least(p.when)) for p in passed))

    def _verdicts(self, parts: tuple[Part, ...], wanted: bool) -> list[Verdict]:
        found: list[Verdict] = []
        above: list[Condition | bool] = []
        for part in parts:
            low = self._at_least(part.when) if part.allowed else self._at_most(part.when)
            if part.allowed is wanted:
                when = both(low, *above)
                if when is not False:
                    found.append((part.rule, when))
                if when is True:
                    break
            else:
                above.append(negated(low))
            if low is True:
                break
        for part in parts:
            self._tell(part)
        return found

    def _at_least(self, when: Condition | None) -> Condition | bool:
        return bounded(True if when is None else when, self.can, _nobody, above=True)

    def _at_most(self, when: Condition | None) -> Condition | bool:
        return bounded(True if when is None else when, self.can, _nobody, above=False)

    def _tell(self, part: Part) -> None:
        if part.when is not None:
            what = MORE if part.allowed else LESS
            tell = lambda lost: self.weak.add(what.format(write_condition(lost)), part.rule)  # noqa: E731
            bounded(part.when, self.can, tell, above=part.allowed)


@dataclass(frozen=True, slots=True)
class Peer:
    """Callers that a target cannot tell apart; without identity: all others."""

    identity: Hashable | None
    names: tuple[str, ...]
    rows: tuple[dict[str | None, Row], ...]  # one for each of them

    @property
    def methods(self) -> tuple[str | None, ...]:
        """Methods that rules name for these callers, then None: any other."""
        return (*sorted({m for rows in self.rows for m in rows if m is not None}), None)

    def of(self, method: str | None) -> list[Row]:
        """What decides calls with a method, for each of the callers."""
        return [rows.get(method, rows[None]) for rows in self.rows]

    def allowed(self, method: str | None, ask: Asker) -> list[Verdict]:
        """What any of them is allowed."""
        return list(dict.fromkeys(v for row in self.of(method) for v in ask.allowed(row)))

    def denied(self, method: str | None, ask: Asker) -> list[Verdict]:
        """What all of them are denied; nothing where they may do different things.

        Of one caller, what is denied is all that is not allowed. So callers that are allowed the
        same are denied the same, whichever rules say so.
        """
        first, *others = self.of(method)
        allowed = ask.allowed(first)
        return ask.denied(first) if all(ask.allowed(row) == allowed for row in others) else []


def peers(guard: Guard, identity: Callable[[str], Hashable | None]) -> list[Peer]:
    """Callers by identity; those without one, and all that rules do not name, come last."""
    found: dict[Hashable | None, list[str | None]] = {}
    for caller in guard.rows:
        found.setdefault(None if caller is None else identity(caller), []).append(caller)
    others = found.pop(None)
    together = [*found.items(), (None, others)]
    return [
        Peer(key, tuple(c for c in callers if c), tuple(dict(guard.rows[c]) for c in callers))
        for key, callers in together
    ]


def is_open(peer: Peer) -> bool:
    """Whether callers may use methods that no rule names, if nothing that rules ask for holds."""
    return any(row.parts[-1].allowed for row in peer.of(None))


def both(*conditions: Condition | bool) -> Condition | bool:
    """All of these."""
    if any(c is False for c in conditions):
        return False
    left = list(dict.fromkeys(c for c in conditions if not isinstance(c, bool)))
    return joined(left, any_of=False) if left else True


def rpcs(peer: Peer, guard: Guard, methods: list[str | None]) -> Iterator[str]:
    """Names of the calls, for people."""
    callers = peer.names or ("any other",)
    for caller in callers:
        yield from (f"{caller}>{guard.callee}:{m or 'any other'}" for m in methods)


def _nobody(lost: Condition) -> None:
    """Told elsewhere."""
