"""What a policy may ask of gRPC: refuses what cannot be done, and lists what is done in part."""

from informer.core.errors import InformerError
from informer.policies.keys import keys_of
from informer.policies.syntax import (
    Answer,
    Attribute,
    ChainHas,
    Chance,
    Field,
    Limit,
    Mirror,
    Policy,
    Retry,
    Route,
    Rule,
    SetHeader,
    State,
    Timeout,
)
from informer.policies.walk import walk

REFUSED = {
    Answer: "`answer`: an answer of gRPC is a message, not a text",
    Mirror: "`mirror`: there is no channel to the other service",
    Route: "`route`: a channel leads to one place",
    Retry: "`retry`: gRPC has it in its service config",
    Attribute: "`attribute(...)`: there is no span yet",
}
UNKNOWN_FIELDS = {
    "pattern": "`pattern`: it is known after the fact",
    "body": "`body`: an answer of gRPC is a message, not a text",
}
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")
CALLER_ONLY = "happens where the caller runs the interceptor, and nowhere else"


class NotForGrpcError(InformerError):
    """A rule asks for what gRPC has not."""


def rules_about(policy: Policy, service: str | None) -> list[Rule]:
    """The rules that calls to or from a service can meet; of None all."""
    return [
        rule
        for rule in policy.rules
        if keys_of(rule).admits(service, None) or keys_of(rule).admits(None, service)
    ]


def weakened(policy: Policy, service: str | None = None) -> tuple[str, ...]:
    """What it does otherwise than the reference; `NotForGrpcError` for what it cannot do."""
    found: dict[str, None] = {}
    for rule in rules_about(policy, service):
        for node in walk(rule):
            _refuse(node, rule)
            if text := _weakness(node):
                found[text] = None
    if any(isinstance(node, State) for node in policy.states):
        found["a state is what this process has seen, not what the service has"] = None
    return tuple(found)


def _refuse(node: object, rule: Rule) -> None:
    why = REFUSED.get(type(node))
    if isinstance(node, Field):
        why = UNKNOWN_FIELDS.get(node.name)
    if isinstance(node, SetHeader) and not _sendable(node.key):
        why = f"`set header({node.key!r})`: gRPC sends no such header"
    if why:
        raise NotForGrpcError(f"rule {rule.name}: gRPC cannot do {why}")


def _sendable(key: str) -> bool:
    return (
        key != ""
        and not key.startswith(("grpc-", "informer-"))
        and not key.endswith("-bin")
        and set(key) <= LETTERS
    )


def _weakness(node: object) -> str | None:
    match node:
        case Timeout():
            return f"`timeout` {CALLER_ONLY}"
        case SetHeader():
            return f"`set header` {CALLER_ONLY}"
        case Limit():
            return "`limit` counts what this process sees, not what the service sees"
        case Field("size"):
            return "`size` is 0 for calls that stream their requests"
        case Chance():
            return (
                "`chance` goes by the trace id in `traceparent`; calls without one share one fate"
            )
        case ChainHas() | Field("entry" | "previous" | "depth"):
            return "a chain begins anew below a service without the interceptor"
    return None
