"""The syntax tree of rules: frozen values, equal when the rules are equal.

`docs/reference/rules.md` says what each of them means.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

MOST_BYTES = 4_000_000  # of a file
MOST_RULES = 10_000
MOST_STATES = 100
MOST_DEPTH = 40  # of parentheses, `not` and the like
MOST_ACTIONS = 20  # of one rule
MOST_VALUES = 2_000  # of one list, and of operands joined by one `and` or `or`
MOST_CHARACTERS = 2_000  # of one text
MOST_NUMBER = 10**15
MOST_KEYS = 1_000_000  # that one state or limit may keep apart
DEFAULT_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class Text:
    """A text in quotes."""

    value: str


@dataclass(frozen=True, slots=True)
class Number:
    """A number without unit."""

    value: int | float


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time, such as `250ms`."""

    ns: int


@dataclass(frozen=True, slots=True)
class Field:
    """A fact of the call or its reply; `FIELDS` and `REPLY_FIELDS` in `fields.py` list them."""

    name: str


@dataclass(frozen=True, slots=True)
class Header:
    """A header of the request; nothing when it is absent."""

    key: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of the span; nothing when it is absent."""

    key: str


@dataclass(frozen=True, slots=True)
class StateValue:
    """What a state holds for the call in question."""

    name: str


@dataclass(frozen=True, slots=True)
class Hash:
    """A whole number out of a text, the same everywhere: 0 .. 2**32 - 1."""

    of: "Value"


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`+ - * / %` of two values."""

    operator: str
    left: "Value"
    right: "Value"


Value: TypeAlias = (
    Text | Number | Span | Field | Header | Attribute | StateValue | Hash | Arithmetic
)


@dataclass(frozen=True, slots=True)
class Compare:
    """`= != < <= > >=` of two values of one type; with nothing on a side only `!=` holds."""

    operator: str
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class Among:
    """A value is one of those listed."""

    value: Value
    among: tuple[Text | Number, ...]


@dataclass(frozen=True, slots=True)
class Like:
    """A text fits a glob, in which `*` stands for any run of characters, and nothing else does."""

    value: Value
    glob: str


@dataclass(frozen=True, slots=True)
class ChainHas:
    """An rpc above the call in its chain fits a glob."""

    glob: str


@dataclass(frozen=True, slots=True)
class Present:
    """A header, attribute or keyed state is there."""

    value: Header | Attribute | StateValue


@dataclass(frozen=True, slots=True)
class Truth:
    """A field that is true or false: `failed`, `refused`."""

    name: str


@dataclass(frozen=True, slots=True)
class Chance:
    """True for this share of requests, 0..1: decided by the trace id and the rule, not by dice."""

    share: float


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    of: "Condition"


@dataclass(frozen=True, slots=True)
class And:
    """All of two or more."""

    of: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of two or more."""

    of: tuple["Condition", ...]


Condition: TypeAlias = Compare | Among | Like | ChainHas | Present | Truth | Chance | Not | And | Or


@dataclass(frozen=True, slots=True)
class Allow:
    """Let the call pass; the rules below are not asked."""


@dataclass(frozen=True, slots=True)
class Deny:
    """Refuse the call with a status of HTTP; the rules below are not asked."""

    status: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer in the callee's place; the rules below are not asked."""

    value: Value


@dataclass(frozen=True, slots=True)
class Limit:
    """So much in so long; what goes beyond is denied, what does not goes on to what is next.

    A bucket holds `burst` (None = the largest amount) and begins full. It refills with the amount
    per interval, evenly; `amounts` is one number, or 24: one for every hour of the day in UTC. A
    call takes its `cost` out (nothing = 1), or is denied and takes nothing. `key` gives every
    value a bucket of its own, at most `keys` of them.
    """

    amounts: tuple[int | float, ...]
    per_ns: int
    cost: Value | None = None
    key: Value | None = None
    keys: int = DEFAULT_KEYS
    status: int = 429
    burst: int | float | None = None

    @property
    def capacity(self) -> int | float:
        """How much a bucket holds."""
        return max(self.amounts) if self.burst is None else self.burst


@dataclass(frozen=True, slots=True)
class Log:
    """Write a line."""

    text: str


@dataclass(frozen=True, slots=True)
class Count:
    """Add one to a metric."""

    metric: str


@dataclass(frozen=True, slots=True)
class Mirror:
    """Send a copy to another service; its answer is thrown away."""

    to: str


@dataclass(frozen=True, slots=True)
class Delay:
    """Hold the call up."""

    ns: int


@dataclass(frozen=True, slots=True)
class Route:
    """Send the call to this workload of the callee."""

    to: str


@dataclass(frozen=True, slots=True)
class Timeout:
    """Give the call up after so long."""

    ns: int


@dataclass(frozen=True, slots=True)
class Retry:
    """Try a failed call so many times more."""

    times: int


@dataclass(frozen=True, slots=True)
class SetHeader:
    """Give the request a header."""

    key: str
    value: Value


@dataclass(frozen=True, slots=True)
class SetState:
    """Put a value into a state."""

    name: str
    value: Value


Action: TypeAlias = (
    Allow
    | Deny
    | Answer
    | Limit
    | Log
    | Count
    | Mirror
    | Delay
    | Route
    | Timeout
    | Retry
    | SetHeader
    | SetState
)
VERDICTS = (Allow, Deny, Answer)


@dataclass(frozen=True, slots=True)
class State:
    """A value that lasts from call to call: one, or one per key."""

    name: str
    type: str  # number, text or time
    key: Value | None = None
    keys: int = DEFAULT_KEYS
    forget_ns: int = 0  # after so long without being set; 0 = never


@dataclass(frozen=True, slots=True)
class Note:
    """What is known about a rule; it changes no decision."""

    key: str
    value: str | int | float


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition and what is done where it holds; without condition it always does."""

    name: str
    when: Condition | None
    actions: tuple[Action, ...]
    on_reply: bool = False
    notes: tuple[Note, ...] = ()
    line: int = field(default=0, compare=False)

    def note(self, key: str) -> str | int | float | None:
        """The value of a note, if the rule has it."""
        return next((n.value for n in self.notes if n.key == key), None)


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules in order, and what happens to a call that none of them decides."""

    rules: tuple[Rule, ...]
    default: Allow | Deny
    states: tuple[State, ...] = ()
    notes: tuple[Note, ...] = ()
