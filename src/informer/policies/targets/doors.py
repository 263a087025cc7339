"""The services that a target can guard, and who comes to each of them."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace

from informer.core.errors import InformerError
from informer.policies.syntax import Deny, Policy
from informer.policies.targets.cells import DEFAULT, Guard, Index, guards, service_names
from informer.policies.targets.compiled import Weakenings, shown
from informer.policies.targets.partial import Leaf
from informer.policies.targets.peers import Asker, Peer, is_open, peers, rpcs
from informer.policies.targets.workloads import OUTSIDE, UNKNOWN, Workload, Workloads

UNNAMED = "services that no rule names as callee stay open"
ONLY_CALLERS = "these call, and no rule says who may call them, so they stay open"
NOBODY = "no rule lets anybody in, so these stay open: write a rule that denies to close them"
UNPLACED = (
    "anybody may make these calls: they come from outside, or their parent was lost, and the file "
    "of workloads does not say which workload they come from"
)
UNTRACED = (
    "what carries no traces was never learned, such as scrapes of metrics: a service that rules "
    "name as callee refuses it, unless a rule allows it"
)
SHARED = "callers that cannot be told apart may do what any of them may"
LeftOut = Callable[[Policy, Weakenings], None]


@dataclass(frozen=True, slots=True)
class Door:
    """One service and who comes to it; the last peer is everybody else."""

    guard: Guard
    peers: tuple[Peer, ...]
    ask: Asker  # says what is weaker at this door
    open: bool  # by default everybody else may call: what rules deny matters

    @property
    def callee(self) -> str:
        """The service's name in the rules."""
        return self.guard.callee


def doors(
    policy: Policy,
    workloads: Workloads,
    identity: Callable[[str], Hashable | None],
    can: Leaf,
    left_out: LeftOut,
    weak: Weakenings,
) -> Iterator[Door]:
    """A door for each service that somebody may call, or that a rule closes.

    `can` is what the target can ask for, `left_out` says which actions it does not carry out; what
    is said of a door by the time the next one is asked for is said in `weak` as well.
    """
    names = service_names(policy.rules)
    left_out(policy, weak)
    if isinstance(policy.default, Deny):
        weak.add(UNNAMED)
        if only := names["caller"] - names["callee"] - {OUTSIDE, UNKNOWN}:
            weak.add(ONLY_CALLERS, *sorted(only))
    by_callee = Index(policy.rules, "callee")
    for guard in guards(policy, workloads.services):
        ask = Asker(can, Weakenings())
        every = tuple(peers(guard, identity))
        door = Door(guard, every, ask, is_open(every[-1]))
        closed = guard.rows[None][None].parts[-1].rule != DEFAULT
        if closed or any(p.allowed(m, ask) for p in every for m in p.methods):
            left_out(replace(policy, rules=tuple(by_callee.of(guard.callee))), ask.weak)
            _tell_shared(door)
            yield door
        else:
            ask.weak.add(NOBODY, guard.callee)
        weak.include(ask.weak)


def check_labels(policy: Policy, workloads: Workloads) -> None:
    """Errors: InformerError for names without workload, and for two services of one workload."""
    names = service_names(policy.rules)
    services = sorted((names["caller"] | names["callee"]) - {OUTSIDE, UNKNOWN})
    workloads.check_labels(services)
    seen: dict[tuple[str, object], str] = {}
    for name in sorted(names["callee"] | set(workloads.services)):
        found = workloads.of(name)
        if found is None:
            continue
        other = seen.setdefault((found.namespace, found.labels), name)
        if other != name:
            raise InformerError(
                f"services {shown(other)} and {shown(name)} have the same namespace and labels: "
                "give each labels of its own in the file of workloads"
            )


def check_accounts(policy: Policy, workloads: Workloads) -> None:
    """Errors: InformerError for callers that can have no account."""
    callers = service_names(policy.rules)["caller"] - {OUTSIDE, UNKNOWN}
    workloads.check_accounts(sorted(callers))


def before_applying(
    policy: Policy, workloads: Workloads, *, labels: bool, accounts: bool
) -> tuple[str, ...]:
    """What cuts services off where it is not so: where they are taken to run, what has no trace."""
    names = service_names(policy.rules)
    known = (names["caller"] | names["callee"]) - {OUTSIDE, UNKNOWN} - set(workloads.services)
    has = [f"pods with the label {workloads.label}=NAME"] * labels
    has += ["the service account NAME"] * accounts
    found = []
    if known:
        found.append(
            f"see that each of these has {' and '.join(has)} in namespace {workloads.namespace}, "
            f"or say where it runs (--workloads): {', '.join(map(shown, sorted(known)))}"
        )
    if isinstance(policy.default, Deny):
        found.append(UNTRACED)
    return tuple(found)


def placed(workloads: Workloads, name: str) -> Workload:
    """Where a service runs that is known to have a workload."""
    found = workloads.of(name)
    if found is None:
        raise ValueError(name)
    return found


def _tell_shared(door: Door) -> None:
    """Say where callers may do more because they cannot be told apart."""
    for peer in door.peers:
        if len(peer.rows) < 2:
            continue
        for method in peer.methods:
            each = [door.ask.allowed(row) for row in peer.of(method)]
            if any(one != each[0] for one in each):
                what = SHARED if peer.identity is not None else UNPLACED
                door.ask.weak.add(what, *rpcs(peer, door.guard, [method]))
