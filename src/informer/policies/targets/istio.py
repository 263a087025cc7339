"""AuthorizationPolicy of Istio: who may send which requests to a service."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from informer.policies.syntax import (
    Among,
    Compare,
    Condition,
    Field,
    Header,
    Like,
    Not,
    Policy,
    Text,
)
from informer.policies.targets.compiled import Compiled, Weakenings, head
from informer.policies.targets.doors import (
    Door,
    before_applying,
    check_accounts,
    check_labels,
    doors,
    placed,
)
from informer.policies.targets.headers import set_by_rules
from informer.policies.targets.left_out import tell_left_out
from informer.policies.targets.names import dns_label
from informer.policies.targets.paths import Request
from informer.policies.targets.peers import Peer
from informer.policies.targets.requests import Item, http_asked, let_pass, refuse
from informer.policies.targets.workloads import Workloads
from informer.policies.targets.yaml_text import yaml_text

FILE = "authorizationpolicies.yaml"
FIRST = "AuthorizationPolicies out of rules: who may send which requests to a service."
MANAGED = {"app.kubernetes.io/managed-by": "informer"}
WIDER = "a place that varies stands for a whole segment of the path, at"
NOT_APART = "let pass, as Istio cannot leave these out of a wider path, at"
NOT_REFUSED = "less is refused than rules deny, as Istio cannot tell the paths apart, at"
DRY_RUN = {"istio.io/dry-run": "true"}


def compile_istio(policy: Policy, workloads: Workloads, shadow: bool = False) -> Compiled:
    """One or two AuthorizationPolicies for each service; `shadow`: they are not enforced.

    Errors: InformerError for names that can be no labels or accounts.
    """
    check_labels(policy, workloads)
    check_accounts(policy, workloads)
    weak = Weakenings()
    changed = set_by_rules(policy)
    left_out = partial(tell_left_out, limits=True, status=True)
    documents = []

    def can(leaf: Condition) -> bool:
        return http_asked(leaf, changed) and _is_value(leaf)

    for door in doors(policy, workloads, workloads.principal, can, left_out, weak):
        documents += _Policies(door, workloads, shadow).documents()
    before = before_applying(policy, workloads, labels=True, accounts=True)
    text = head(FIRST, weak.lines(), before=before) + yaml_text(documents)
    return Compiled({FILE: text}, weak.lines(), before=before)


@dataclass(frozen=True, slots=True)
class Operation:
    """Requests as Istio tells them: of a verb, to a path, none of these."""

    verb: str | None = None
    path: str | None = None
    not_paths: tuple[str, ...] = ()
    not_verbs: tuple[str, ...] = ()


ANYTHING = Operation()


class _Policies:
    """The policies of one service while they are put together."""

    def __init__(self, door: Door, workloads: Workloads, shadow: bool) -> None:
        self.door, self.workloads, self.ask, self.shadow = door, workloads, door.ask, shadow

    def documents(self) -> list[dict[str, Any]]:
        """What is denied stands above what is allowed."""
        allowed, denied = _Sources(), _Sources()
        for peer in self.door.peers:
            principals = self._principals(peer)
            if self.door.open:
                self._add(denied, principals, refuse(peer, self.door.guard, self.ask), False)
                continue
            items = let_pass(peer, self.door.guard, self.ask)
            self._add(allowed, principals, items, True)
            if any(item.request is None and item.but_not for item in items):
                own = [i for i in refuse(peer, self.door.guard, self.ask) if i.request]
                self._add(denied, principals, own, False)
        found = [self._document("DENY", denied)] if denied.rules else []
        return found if self.door.open else [*found, self._document("ALLOW", allowed)]

    def _principals(self, peer: Peer) -> tuple[str, tuple[str, ...]] | None:
        if peer.identity is not None:
            return "principals", (str(peer.identity),)
        named = tuple(sorted(str(p.identity) for p in self.door.peers if p.identity is not None))
        return ("notPrincipals", named) if named else None

    def _add(
        self,
        to: "_Sources",
        principals: tuple[str, tuple[str, ...]] | None,
        items: Iterable[Item],
        allowing: bool,
    ) -> None:
        for item in items:
            for operation in self._operations(item, allowing):
                to.add(principals, tuple(map(_when, item.when)), operation)

    def _operations(self, item: Item, allowing: bool) -> list[Operation]:
        """None where it cannot be denied without denying more."""
        request = item.request
        if request is None:
            # What is left out of what is allowed is denied apart.
            return [ANYTHING] if allowing else self._all_but(item.but_not)
        path, same = _path(request)
        if not same:
            self.ask.weak.add(WIDER if allowing else NOT_REFUSED, self.door.callee)
            if not allowing:
                return []
        but_not = []
        for other in item.but_not:
            left_out, same = _path(other)
            exact = same and other.verb in (None, request.verb)
            if left_out is None or (allowing and not exact):
                self.ask.weak.add(NOT_APART if allowing else NOT_REFUSED, self.door.callee)
                if not allowing:
                    return []
                continue
            if not exact:
                self.ask.weak.add(NOT_REFUSED, self.door.callee)
            but_not.append(left_out)
        return [Operation(request.verb, path, tuple(sorted(but_not)))]

    def _all_but(self, left_out: Iterable[Request]) -> list[Operation]:
        """Everything else: other verbs, and other paths with the same verbs."""
        paths: dict[str | None, list[str | None]] = defaultdict(list)
        for request in left_out:
            path, same = _path(request)
            if not same:
                self.ask.weak.add(NOT_REFUSED, self.door.callee)
            paths[request.verb].append(path)
        always = paths.pop(None, [])
        if None in always:
            return []
        kept = {verb: [*its, *always] for verb, its in paths.items() if None not in its}
        others = Operation(None, None, _sorted(always), _sorted(paths))
        return [others, *(Operation(verb, None, _sorted(its)) for verb, its in kept.items())]

    def _document(self, action: str, sources: "_Sources") -> dict[str, Any]:
        here = placed(self.workloads, self.door.callee)
        name = f"informer-{dns_label(self.door.callee)}"
        metadata: dict[str, Any] = {
            "name": name if action == "ALLOW" else f"{name}-deny",
            "namespace": here.namespace,
            "labels": dict(MANAGED),
        }
        if self.shadow:
            metadata["annotations"] = dict(DRY_RUN)
        spec: dict[str, Any] = {"selector": {"matchLabels": dict(here.labels)}, "action": action}
        if sources.rules:
            spec["rules"] = sources.written()
        return {
            "apiVersion": "security.istio.io/v1",
            "kind": "AuthorizationPolicy",
            "metadata": metadata,
            "spec": spec,
        }


class _Sources:
    """Rules of one policy: operations by who may send them, callers with the same ones together."""

    def __init__(self) -> None:
        self.rules: dict[Any, dict[Operation, None]] = defaultdict(dict)

    def add(self, principals: Any, when: Sequence[Any], operation: Operation) -> None:
        """One operation."""
        self.rules[principals, tuple(when)][operation] = None

    def written(self) -> list[dict[str, Any]]:
        """As Istio wants them."""
        together: dict[tuple[Any, Any, Any], list[str]] = defaultdict(list)
        for (principals, when), operations in self.rules.items():
            word, names = principals or (None, ())
            together[word, when, tuple(operations)] += names
        return [_rule(*same, names) for same, names in together.items()]


def _rule(
    word: str | None, when: Any, operations: tuple[Operation, ...], names: list[str]
) -> dict[str, Any]:
    rule: dict[str, Any] = {}
    if word is not None:
        rule["from"] = [{"source": {word: sorted(set(names))}}]
    if ANYTHING not in operations:
        rule["to"] = [{"operation": o} for o in _operations(operations)]
    if when:
        rule["when"] = [{"key": key, which: list(values)} for key, which, values in when]
    return rule


def _operations(operations: Iterable[Operation]) -> list[dict[str, Any]]:
    """Paths with one verb together, and those apart that leave something out."""
    plain: dict[str | None, list[str | None]] = defaultdict(list)
    found: list[dict[str, Any]] = []
    for one in operations:
        if one.not_paths or one.not_verbs:
            apart = {"notMethods": list(one.not_verbs), "notPaths": list(one.not_paths)}
            written = _operation(one.verb, [] if one.path is None else [one.path])
            found.append(written | {key: value for key, value in apart.items() if value})
        else:
            plain[one.verb].append(one.path)
    for verb, paths in plain.items():
        found.append(_operation(verb, [] if None in paths else _sorted(paths)))
    return found


def _operation(verb: str | None, paths: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {} if verb is None else {"methods": [verb]}
    return found | ({"paths": list(paths)} if paths else {})


def _sorted(texts: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({text for text in texts if text is not None}))


def _path(request: Request) -> tuple[str | None, bool]:
    """A path as Istio writes it (None: any), and whether it stands for the same requests."""
    same = all(s.fixed or s.free for s in request.segments)
    path = "".join("/" + (s.texts[0] if s.fixed else "{*}") for s in request.segments)
    if not request.rest:
        return path, same
    if not request.segments and not request.stem:
        return None, True
    if "{*}" in path:
        return path + "/{**}", same and not request.stem
    return f"{path}/{request.stem}*", same


def _is_value(leaf: Condition) -> bool:
    """Whether Istio takes the texts that a header is compared with, and takes them as they are."""
    match leaf:
        case Compare("=" | "!=", _, Text(text)) | Compare("=" | "!=", Text(text), _):
            return _is_exact(text)
        case Among(_, among):
            return all(isinstance(one, Text) and _is_exact(one.value) for one in among)
        case Like(Field(), _):
            return True
        case Like(_, glob):
            inner = glob.removesuffix("*") if glob.endswith("*") else glob.removeprefix("*")
            return _is_exact(inner)
    return False


def _is_exact(text: str) -> bool:
    return text != "" and text.isascii() and text.isprintable() and "*" not in text


def _when(leaf: Condition) -> tuple[str, str, tuple[str, ...]]:
    which = "values"
    if isinstance(leaf, Not):
        leaf, which = leaf.of, "notValues"
    match leaf:
        case Compare(sign, Header(key), Text(text)) | Compare(sign, Text(text), Header(key)):
            values: tuple[str, ...] = (text,)
            if sign == "!=":
                which = "values" if which == "notValues" else "notValues"
        case Among(Header(key), among):
            values = tuple(str(one.value) for one in among)
        case Like(Header(key), glob):
            values = (glob,)
        case _:
            raise ValueError(leaf)
    return f"request.headers[{key}]", which, values
