"""What rules look at, a call and its reply; and what comes of it, a decision."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from informer.policies.fields import rpc_text
from informer.policies.syntax import Action

ALLOW, DENY, ANSWER = "allow", "deny", "answer"
DEFAULT = "default"  # in the place of a rule's name; no rule may be called so
NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it is about to be made."""

    time_ns: int
    caller: str  # a service, `outside` or `unknown`
    callee: str
    method: str
    kind: str = "rpc"
    chain: tuple[str, ...] = ()  # `caller>callee:method` from the entry to the call just above
    pattern: str | None = None  # None: not known when the call is made
    headers: Mapping[str, str] = field(default_factory=lambda: NOTHING)  # keys in lower case
    attributes: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    size: int = 0  # bytes
    trace_id: str = ""
    weight: float = 1  # calls that it stands for, in sampled records; limits count them

    @property
    def rpc(self) -> str:
        """caller>callee:method."""
        return rpc_text(self.caller, self.callee, self.method)


@dataclass(frozen=True, slots=True)
class Reply:
    """How a call ended."""

    status: int
    failed: bool = False
    refused: bool = False
    duration_ns: int = 0
    body: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done with a call: the verdict, the rule it is of, and what else is to be done."""

    verdict: str  # allow, deny or answer
    rule: str  # or `default`
    status: int = 0  # of a denial
    answer: str | None = None
    limited: bool = False  # denied because a limit was used up
    effects: tuple[Action, ...] = ()  # in order, their values worked out
