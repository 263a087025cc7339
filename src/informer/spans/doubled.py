"""The same requests under two trace contexts, such as those of proxies and of processes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from informer.spans.meanings import quoted

PROXIES = ("envoy", "istio", "linkerd", "nginx", "traefik", "kong", "haproxy", "apisix")


@dataclass(frozen=True, slots=True)
class Doubled:
    """A service whose requests two scopes report, about equally often, in different traces."""

    service: str
    scope: str
    other_scope: str
    requests: int
    other_requests: int


def doubled_in(rows: Iterable[dict[str, object]]) -> tuple[Doubled, ...]:
    """Rows of `check_doubled.sql` as values."""
    return tuple(
        Doubled(
            str(row["service"]),
            str(row["scope"]),
            str(row["other_scope"]),
            int(str(row["requests"])),
            int(str(row["other_requests"])),
        )
        for row in rows
    )


def is_proxy(scope: str) -> bool:
    """Whether a scope is a proxy's."""
    return any(name in scope.lower() for name in PROXIES)


def one_side(doubled: Sequence[Doubled], reported: Iterable[tuple[str, str]]) -> str:
    """The condition that keeps one report of each request: the side that sees most services.

    `reported` are pairs of scope and service. Proxies win a tie: they see every language, and a
    process cannot make them tell another story.
    """
    services: dict[str, set[str]] = defaultdict(set)
    for scope, service in reported:
        services[scope].add(service)
    rivals = sorted({scope for it in doubled for scope in (it.scope, it.other_scope)})
    best = max(rivals, key=lambda scope: (len(services[scope]), is_proxy(scope), scope))
    others = set().union(*(seen for scope, seen in services.items() if scope != best))
    if services[best] >= others:
        return f"scope = {quoted(best)}"
    worst = min(rivals, key=lambda scope: (len(services[scope]), not is_proxy(scope), scope))
    return f"scope is distinct from {quoted(worst)}"
