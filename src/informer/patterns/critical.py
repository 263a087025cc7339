"""Says which patterns are worth a model of their own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from informer.core.errors import InformerError
from informer.patterns.forms import Plain


@dataclass(frozen=True, slots=True)
class Rule:
    """A user's rule over rpcs: a pattern that makes such a call is critical.

    >>> Rule.parse("*>auth:login").matches(("gateway", "auth", "login", "rpc"))
    True
    """

    caller: str
    callee: str
    method: str

    @classmethod
    def parse(cls, text: str) -> "Rule":
        """`caller>callee:method`, each with `*`, `?` and `[...]`; the caller may be left out."""
        services, _, method = text.partition(":")
        caller, arrow, callee = services.rpartition(">")
        if not (method and callee and (caller or not arrow)):
            raise InformerError(
                f"patterns.critical must hold rules like '*>auth:login', got {text!r}"
            )
        return cls(caller or "*", callee, method)

    def matches(self, rpc: Plain) -> bool:
        """Whether a call (caller, callee, method, kind) is one of these."""
        caller, callee, method, _ = rpc
        return (
            fnmatchcase(caller, self.caller)
            and fnmatchcase(callee, self.callee)
            and fnmatchcase(method, self.method)
        )


def is_critical(
    share: float, rpcs: Iterable[Plain], least_share: float, rules: Sequence[Rule]
) -> bool:
    """By its share of all chains, or because one of its rpcs matches a rule."""
    return share >= least_share or any(rule.matches(rpc) for rpc in rpcs for rule in rules)
