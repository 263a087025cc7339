"""Where the services of rules run: namespaces, labels, accounts and ports."""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from informer.core.errors import InformerError
from informer.policies.targets.compiled import shown
from informer.policies.targets.headers import is_value
from informer.policies.targets.names import DNS_LABEL, DNS_NAME, LABEL_KEY, LABEL_VALUE

CERTIFICATES = "/etc/informer/certificates"
OUTSIDE, UNKNOWN = "outside", "unknown"
MOST_TOLD = 5


@dataclass(frozen=True, slots=True)
class Workload:
    """Where one service runs."""

    namespace: str
    labels: tuple[tuple[str, str], ...]
    service_account: str
    ports: tuple[int, ...] = ()  # on which it listens; none: not known


@dataclass(frozen=True, slots=True)
class Workloads:
    """Where services run. What the file does not say is `label=NAME`, account NAME, one namespace.

    `outside` is nobody unless the file says which workload lets the world in.
    """

    namespace: str = "default"
    label: str = "app"
    trust_domain: str = "cluster.local"
    caller_header: str | None = None  # for Envoy without mTLS
    certificates: str = CERTIFICATES  # for Envoy's bootstrap
    services: Mapping[str, Workload] = field(default_factory=dict)

    def of(self, name: str) -> Workload | None:
        """Where a service runs; None for who has no workload."""
        if name in self.services:
            return self.services[name]
        if name in (OUTSIDE, UNKNOWN):
            return None
        return Workload(self.namespace, ((self.label, name),), name)

    def check_labels(self, names: Iterable[str]) -> None:
        """Errors: InformerError with the names that can be no label."""
        label = f"value of the label {self.label}"
        self._check(names, lambda name: LABEL_VALUE.fullmatch(name) is not None, label)

    def check_accounts(self, names: Iterable[str]) -> None:
        """Errors: InformerError with the names that can be no account, or no value of a header."""
        if self.caller_header is None:
            form = lambda name: DNS_NAME.fullmatch(name) is not None  # noqa: E731
            self._check(names, form, "service account")
        else:
            self._check(names, is_value, f"value of the header {self.caller_header}")

    def account(self, name: str) -> str | None:
        """The account of a service, which a mesh may set a header to."""
        found = self.of(name)
        return None if found is None else found.service_account

    def principal(self, name: str) -> str | None:
        """TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT, as Istio writes it."""
        found = self.of(name)
        if found is None:
            return None
        return f"{self.trust_domain}/ns/{found.namespace}/sa/{found.service_account}"

    def name_of(self, identity: str, names: Iterable[str]) -> str | None:
        """Which of these services an identity in an access log of Envoy belongs to."""
        bare = identity if self.caller_header else identity.removeprefix("spiffe://")
        known = self.account if self.caller_header else self.principal
        return next((n for n in names if known(n) == bare), None)

    def _check(self, names: Iterable[str], fits: Callable[[str], bool], what: str) -> None:
        bad = [n for n in names if n not in self.services and not fits(n)]
        if bad:
            more = f" and {len(bad) - MOST_TOLD} more" if len(bad) > MOST_TOLD else ""
            raise InformerError(
                f"these names can be no {what}, so the file of workloads must have an entry "
                f"[services.NAME] for each: {', '.join(map(shown, bad[:MOST_TOLD]))}{more}"
            )


def read_workloads(
    file: Path | None = None, namespace: str | None = None, label: str | None = None
) -> Workloads:
    """What a TOML file says; `namespace` and `label`, if given, stand above it."""
    data = {} if file is None else _read(file)
    if namespace is not None:
        data["namespace"] = namespace
    if label is not None:
        data["label"] = label
    return workloads_of(data, "workloads" if file is None else str(file))


def workloads_of(data: dict[str, Any], where: str) -> Workloads:
    """What a file says, once it is read; `where` is its name, for mistakes in it."""
    data = dict(data)
    envoy = dict(_table(data, "envoy", where))
    made = Workloads(
        namespace=_text(data, "namespace", "default", where, DNS_LABEL),
        label=_text(data, "label", "app", where, LABEL_KEY),
        trust_domain=_text(data, "trust_domain", "cluster.local", where, DNS_NAME),
        caller_header=envoy.pop("caller_header", None),
        certificates=_text(envoy, "certificates", CERTIFICATES, f"{where}: envoy"),
    )
    header = made.caller_header
    if header is not None and not (isinstance(header, str) and DNS_LABEL.fullmatch(header)):
        raise InformerError(f"{where}: envoy.caller_header must be a header's name in lower case")
    _none_left(envoy, f"{where}: envoy")
    services = {
        name: _service(name, table, made, where)
        for name, table in _table(data, "services", where).items()
    }
    _none_left(data, where)
    return Workloads(
        made.namespace,
        made.label,
        made.trust_domain,
        made.caller_header,
        made.certificates,
        services,
    )


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InformerError(f"{file}: {error}") from error


def _service(name: str, table: object, defaults: Workloads, where: str) -> Workload:
    place = f"{where}: services.{shown(name)}"
    if not isinstance(table, dict):
        raise InformerError(f"{place} must be a table")
    if name == UNKNOWN:
        raise InformerError(f"{place}: calls whose parent was lost come from no workload")
    left = dict(table)
    labels = left.pop("labels", {defaults.label: name})
    good = isinstance(labels, dict) and labels
    if not good or not all(_is_label(k, v) for k, v in labels.items()):
        raise InformerError(f"{place}.labels must be labels of pods, got {labels!r}")
    ports = left.pop("ports", [])
    if not isinstance(ports, list) or not all(type(p) is int and 0 < p < 65_536 for p in ports):
        raise InformerError(f"{place}.ports must be numbers from 1 to 65535, got {ports!r}")
    made = Workload(
        _text(left, "namespace", defaults.namespace, place, DNS_LABEL),
        tuple(sorted(labels.items())),
        _text(left, "service_account", name, place, DNS_NAME),
        tuple(sorted(set(ports))),
    )
    _none_left(left, place)
    return made


def _text(data: dict[str, Any], key: str, default: str, where: str, form: Any = None) -> str:
    found = data.pop(key, default)
    if not isinstance(found, str) or not found or (form and not form.fullmatch(found)):
        raise InformerError(f"{where}: {key} must be a valid name, got {found!r}")
    return found


def _table(data: dict[str, Any], key: str, where: str) -> dict[str, Any]:
    found = data.pop(key, {})
    if not isinstance(found, dict):
        raise InformerError(f"{where}: {key} must be a table, got {found!r}")
    return found


def _none_left(data: Mapping[str, object], where: str) -> None:
    if data:
        raise InformerError(f"{where}: there is no key {shown(next(iter(data)))}")


def _is_label(key: object, value: object) -> bool:
    return (
        isinstance(key, str)
        and isinstance(value, str)
        and LABEL_KEY.fullmatch(key) is not None
        and LABEL_VALUE.fullmatch(value) is not None
    )
