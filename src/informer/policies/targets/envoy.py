"""Filters of Envoy: RBAC and local rate limits, and a whole configuration to try them with."""

from collections import defaultdict

from informer.policies.syntax import Condition, Policy
from informer.policies.targets.compiled import (
    ESCAPED_SLASH,
    SEMICOLON,
    Compiled,
    Weakenings,
    head,
    shown,
)
from informer.policies.targets.doors import Door, before_applying, check_accounts, doors
from informer.policies.targets.envoy_bootstrap import bootstrap, connection_manager
from informer.policies.targets.envoy_callers import Callers
from informer.policies.targets.envoy_days import tell_either, with_one_limit
from informer.policies.targets.envoy_limits import limit_filters
from informer.policies.targets.envoy_matches import Config, permission
from informer.policies.targets.headers import set_by_rules
from informer.policies.targets.left_out import tell_left_out
from informer.policies.targets.names import dns_label
from informer.policies.targets.requests import http_asked, let_pass, refuse
from informer.policies.targets.workloads import Workloads
from informer.policies.targets.yaml_text import yaml_text

BOOTSTRAP = "bootstrap.yaml"
SHADOW_PREFIX = "informer_"
FIRST = "Envoy's filters out of rules, for the connection manager that takes in calls to"
WHOLE = "A whole configuration of Envoy to try the filters with: a listener for each service."
FORGED = (
    "Callers are told by the header {}: the mesh must set it, and take away what callers set. "
    "Who reaches this listener past the mesh can claim to be anybody."
)
TLS = "Callers are told by the URI in the certificate of the client, which TLS must verify."


def compile_envoy(policy: Policy, workloads: Workloads, shadow: bool = False) -> Compiled:
    """Filters for each service, and a configuration with all of them; `shadow` only counts.

    Errors: InformerError for names that can be no account.
    """
    check_accounts(policy, workloads)
    weak = Weakenings()
    policy, second_of = with_one_limit(policy)
    changed = set_by_rules(policy)
    identity = workloads.principal if workloads.caller_header is None else workloads.account
    order = {rule.name: place for place, rule in enumerate(policy.rules)}
    managers: dict[str, Config] = {}
    files: dict[str, str] = {}
    stricter = (SEMICOLON,) if shadow else (SEMICOLON, ESCAPED_SLASH)
    before = before_applying(policy, workloads, labels=False, accounts=True)
    how = TLS if workloads.caller_header is None else FORGED.format(workloads.caller_header)

    def can(leaf: Condition) -> bool:
        return http_asked(leaf, changed)

    def left_out(of: Policy, weak: Weakenings) -> None:
        tell_left_out(of, weak, limits=False, status=True)
        tell_either(of, second_of, weak)

    for door in doors(policy, workloads, identity, can, left_out, weak):
        callers = Callers(door, workloads)
        filters = [_rules(door, callers, shadow), *limit_filters(door, callers, order, shadow)]
        manager = connection_manager(door.callee, filters, workloads, shadow)
        managers[door.callee] = manager
        first = f"{FIRST} {shown(door.callee)}."
        said = head(first, door.ask.weak.lines(), how, stricter=stricter, before=before)
        files[f"filters/{dns_label(door.callee)}.yaml"] = said + yaml_text([manager])
    whole = bootstrap(managers, workloads)
    said = head(WHOLE, weak.lines(), how, stricter=stricter, before=before)
    files[BOOTSTRAP] = said + yaml_text([whole])
    return Compiled(files, weak.lines(), stricter, before)


def _rules(door: Door, callers: Callers, shadow: bool) -> Config:
    """RBAC: one policy for each rule, or several where its callers may do different things."""
    by_rule: dict[tuple[str, str], tuple[list[Config], list[Config]]] = {}
    for peer in door.peers:
        items = (refuse if door.open else let_pass)(peer, door.guard, door.ask)
        permissions: dict[str, list[Config]] = defaultdict(list)
        for item in items:
            permissions[item.rule].append(permission(item.request, item.but_not, item.when))
        for rule, each in permissions.items():
            _, principals = by_rule.setdefault((rule, repr(each)), (each, []))
            principals.append(callers.principal(peer))
    policies: dict[str, Config] = {}
    parts: dict[str, int] = defaultdict(int)
    for (rule, _), (permissions_of, principals) in by_rule.items():
        parts[rule] += 1
        name = rule if parts[rule] == 1 else f"{rule}/{parts[rule]}"
        policies[name] = {"permissions": permissions_of, "principals": principals}
    rules: Config = {"action": "DENY" if door.open else "ALLOW"}
    if policies:
        rules["policies"] = policies
    typed: Config = {"@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC"}
    if shadow:
        typed |= {"shadow_rules": rules, "shadow_rules_stat_prefix": SHADOW_PREFIX}
    else:
        typed["rules"] = rules
    return {"name": "informer.rules", "typed_config": typed | {"track_per_rule_stats": True}}
