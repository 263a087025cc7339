"""What rules remember from call to call; never more than they say."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from informer.policies.syntax import Limit, Policy, State

Remembered = int | float | str | None
HOURLY_NS = 3_600_000_000_000
NO_KEY = ""  # calls without the header or attribute that a key is made of share one


@dataclass(slots=True)
class Counts:
    """How much of a limit is used in the interval that is running."""

    limit: Limit
    interval: int = -1
    used: dict[str, int | float] = field(default_factory=dict)
    rest: int | float = 0  # of all keys that came when `keys` of them were there

    def take(self, now_ns: int, key: str, cost: int | float) -> bool:
        """Whether it goes; what does not go uses nothing up.

        A clock that goes back opens no interval anew.
        """
        interval = now_ns // self.limit.per_ns
        if interval > self.interval:
            self.interval, self.rest = interval, 0
            self.used.clear()
        amount = amount_in(self.limit, self.interval)
        own = key in self.used or len(self.used) < self.limit.keys
        used = self.used.get(key, 0) if own else self.rest
        goes = used + cost <= amount
        if own:
            self.used[key] = used + cost if goes else used
        elif goes:
            self.rest = used + cost
        return goes


def amount_in(limit: Limit, interval: int) -> int | float:
    """How much goes in an interval, by the hour it begins in."""
    if len(limit.amounts) == 1:
        return limit.amounts[0]
    return limit.amounts[hour_of(interval * limit.per_ns)]


def hour_of(ns: int) -> int:
    """Hour of the day in UTC, 0..23."""
    return ns // HOURLY_NS % 24


def weekday_of(ns: int) -> int:
    """Day of the week in UTC: 0 = Monday."""
    return (ns // 86_400_000_000_000 + 3) % 7


@dataclass(slots=True)
class Held:
    """The values of one state, those set longest ago first."""

    state: State
    values: dict[str, tuple[Remembered, int]] = field(default_factory=dict)

    def get(self, key: str, now_ns: int) -> tuple[bool, Remembered]:
        """Whether it was set and is not forgotten; and the value, which is 0 or nothing if not."""
        found = self.values.get(key)
        if found is not None and not self._forgotten(found[1], now_ns):
            return True, found[0]
        return False, None if self.state.type == "text" else 0

    def set(self, key: str, value: Remembered, now_ns: int) -> None:
        """Remember; beyond `keys` what was set longest ago goes."""
        self.values.pop(key, None)
        if len(self.values) >= self.state.keys:
            del self.values[next(iter(self.values))]
        self.values[key] = (value, now_ns)

    def _forgotten(self, set_ns: int, now_ns: int) -> bool:
        return 0 < self.state.forget_ns < now_ns - set_ns


class Memory:
    """All that a policy remembers: its states, and how much of its limits is used."""

    def __init__(self, policy: Policy) -> None:
        self.states = {state.name: Held(state) for state in policy.states}
        self.limits = {
            (rule.name, place): Counts(limit)
            for rule in policy.rules
            for place, limit in limits_of(rule.actions)
        }


def limits_of(actions: Iterable[object]) -> list[tuple[int, Limit]]:
    """The limits among actions, with their places."""
    return [(i, a) for i, a in enumerate(actions) if isinstance(a, Limit)]
