"""What rules remember from call to call; never more than they say."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from informer.policies.syntax import Limit, Policy, State

Remembered = int | float | str | None
HOURLY_NS = 3_600_000_000_000
NO_KEY = ""  # calls without the header or attribute that a key is made of share one


@dataclass(slots=True)
class Buckets:
    """What is left of a limit, for each key.

    All is counted in `per_ns`-ths of a call, so that whole amounts give whole numbers and two
    readers of the same calls never differ by a rounding. A bucket that was not used for longest
    makes room once it is full again: it is as good as new.
    """

    limit: Limit
    by_key: dict[str, tuple[int | float, int | float]] = field(default_factory=dict)
    rest: tuple[int | float, int | float] | None = None  # shared by the keys without room
    now: int | float = -1  # all that was refilled until the last call, as in the pairs above

    def take(self, now_ns: int, key: str, cost: int | float) -> bool:
        """Whether a call goes; one that does not takes nothing. A clock that goes back refills
        nothing."""
        self.now = now = max(self.now, self._refilled(now_ns))
        own = key in self.by_key or self._has_room(now)
        before = self.by_key.pop(key, None) if own else self.rest
        full = self.limit.capacity * self.limit.per_ns
        left = full if before is None else min(full, before[0] + now - before[1])
        wanted = cost * self.limit.per_ns
        goes = left >= wanted
        after = (left - wanted if goes else left, now)
        if own:
            self.by_key[key] = after
        else:
            self.rest = after
        return goes

    def __len__(self) -> int:
        return len(self.by_key)

    def _has_room(self, now: int | float) -> bool:
        if len(self.by_key) < self.limit.keys:
            return True
        oldest = next(iter(self.by_key))
        left, until = self.by_key[oldest]
        if left + now - until < self.limit.capacity * self.limit.per_ns:
            return False
        del self.by_key[oldest]
        return True

    def _refilled(self, ns: int) -> int | float:
        """All that would have been refilled from 1970 to a moment."""
        amounts = self.limit.amounts
        if len(amounts) == 1:
            return ns * amounts[0]
        hours, rest = divmod(ns, HOURLY_NS)
        days, hour = divmod(hours, 24)
        return (days * sum(amounts) + sum(amounts[:hour])) * HOURLY_NS + rest * amounts[hour]


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
            (rule.name, place): Buckets(limit)
            for rule in policy.rules
            for place, limit in limits_of(rule.actions)
        }


def limits_of(actions: Iterable[object]) -> list[tuple[int, Limit]]:
    """The limits among actions, with their places."""
    return [(i, a) for i, a in enumerate(actions) if isinstance(a, Limit)]
