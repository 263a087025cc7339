"""What rules do beside allowing and denying, which no target but `grpc` does."""

from informer.policies.syntax import (
    Allow,
    Answer,
    Count,
    Delay,
    Deny,
    Limit,
    Log,
    Mirror,
    Policy,
    Retry,
    Route,
    SetHeader,
    SetState,
    Timeout,
)
from informer.policies.targets.compiled import Weakenings

WORDS = {
    Log: "log",
    Count: "count",
    Mirror: "mirror",
    Delay: "delay",
    Route: "route",
    Timeout: "timeout",
    Retry: "retry",
    SetHeader: "set header",
    SetState: "set",
}
FORBIDDEN = 403


def tell_left_out(policy: Policy, weak: Weakenings, *, limits: bool, status: bool) -> None:
    """Say which actions are left out; with `limits` these too, with `status` those but 403."""
    for rule in policy.rules:
        for action in rule.actions:
            match action:
                case Allow():
                    pass
                case Limit():
                    if limits:
                        weak.add("what goes beyond the limit is let pass, in rule", rule.name)
                case Deny(code):
                    if status and code != FORBIDDEN:
                        weak.add("refused with 403, whatever status is said by rule", rule.name)
                case Answer():
                    weak.add("the call is made and not answered in its place, in rule", rule.name)
                case _:
                    weak.add(f"`{WORDS[type(action)]}` is left out of rule", rule.name)
    if status and isinstance(policy.default, Deny) and policy.default.status != FORBIDDEN:
        weak.add("the default refuses with 403, whatever status it says")
