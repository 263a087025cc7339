"""Method templates: raw operations to a bounded number of methods per service."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa

from informer.core.errors import InformerError
from informer.core.types import Json
from informer.spans.trie import Node, grown, is_path, segments_of, without_ids

MOST_METHODS = 500  # per service; the rarest of more share the method `{other}`
MOST_NEW = 32  # per service and mapping: methods that were not there when it was learned
OTHER = "{other}"
VERB = re.compile(r"[A-Z]{3,10} (?=/|https?://)")
HOST = re.compile(r"https?://[^/?#]*")
OPERATIONS = "select service, operation, count(*) as calls from spans group by service, operation"
MAPPING = pa.schema([("service", pa.string()), ("operation", pa.string()), ("method", pa.string())])


@dataclass(frozen=True)
class Learned:
    """What was learned of one service: its paths, and its methods with their calls."""

    tree: Node = field(default_factory=Node)
    methods: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def told(self) -> Json:
        """Plain data; it is wanted after each slice, and few services have learned since."""
        return {"tree": self.tree.to_json(), "methods": dict(sorted(self.methods.items()))}


@dataclass(slots=True)
class Templates:
    """The user's rules (the first that matches counts), then what was learned per service.

    A rule is a regular expression, found anywhere in the operation, and the method it stands for,
    which may use its groups (`\\1`).
    """

    rules: tuple[tuple[str, str], ...] = ()
    services: dict[str, Learned] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for pattern, template in self.rules:
            try:
                re.sub(pattern, template, "")
            except (re.error, IndexError) as error:
                raise InformerError(
                    f"a method rule must be a regular expression and its template, "
                    f"got {pattern!r} = {template!r}: {error}"
                ) from error

    def learn(self, operations: pa.Table) -> None:
        """Grow by operations (service, operation, calls); the order of the rows is no matter."""
        for service, calls in _by_service(operations).items():
            before = self.services.get(service, Learned())
            tree = grown(self._paths(calls), before.tree)
            counted: dict[str, float] = defaultdict(float)
            for operation, number in (*before.methods.items(), *calls.items()):
                counted[self._method(operation, tree)] += number
            self.services[service] = Learned(tree, _heaviest(counted, MOST_METHODS))

    def mapping(self, operations: pa.Table) -> pa.Table:
        """The method of every distinct service and operation; columns of MAPPING.

        Nothing is learned. An operation whose method is new keeps it when its service has few new
        ones (those with most calls, when `operations` has `calls`), else it is `{other}`.
        """
        rows = []
        for service, calls in sorted(_by_service(operations).items()):
            methods = self._methods(self.services.get(service, Learned()), calls)
            rows += [(service, operation, methods[operation]) for operation in sorted(calls)]
        columns = zip(*rows, strict=True) if rows else ((), (), ())
        return pa.table([pa.array(c, pa.string()) for c in columns], schema=MAPPING)

    def to_json(self) -> Json:
        """Plain data that `from_json` takes."""
        return {
            "rules": [list(rule) for rule in self.rules],
            "services": {service: it.told for service, it in sorted(self.services.items())},
        }

    @classmethod
    def from_json(cls, data: Json) -> "Templates":
        """What `to_json` gave."""
        services = {
            service: Learned(Node.from_json(it["tree"]), it["methods"])
            for service, it in data["services"].items()
        }
        return cls(tuple((rule[0], rule[1]) for rule in data["rules"]), services)

    def _methods(self, learned: Learned, calls: Mapping[str, float]) -> dict[str, str]:
        methods = {o: self._method(o, learned.tree) for o in calls}
        new = {o: calls[o] for o, method in methods.items() if method not in learned.methods}
        tree = grown(self._paths(new, learned.tree))
        counted: dict[str, float] = defaultdict(float)
        for operation, number in new.items():
            methods[operation] = self._method(operation, learned.tree, tree)
            counted[methods[operation]] += number
        room = max(0, min(MOST_NEW, MOST_METHODS - len(learned.methods)))
        known = {*learned.methods, *_heaviest(counted, room)}
        return {o: method if method in known else OTHER for o, method in methods.items()}

    def _method(self, operation: str, *trees: Node) -> str:
        """By the first rule that matches, else by the trees, one after the other."""
        for pattern, template in self.rules:
            if match := re.search(pattern, operation):
                return match.expand(template)
        verb, path = _parted(operation)
        if not is_path(path):
            return without_ids(operation)
        segments = segments_of(path)
        for tree in trees:
            segments = tree.follow(segments)
        return verb + "/" + "/".join(segments)

    def _paths(
        self, calls: Mapping[str, float], known: Node | None = None
    ) -> Iterator[tuple[list[str], float]]:
        for operation, number in calls.items():
            path = _parted(operation)[1]
            if is_path(path) and not any(re.search(p, operation) for p, _ in self.rules):
                segments = segments_of(path)
                yield known.follow(segments) if known else segments, number


def _parted(operation: str) -> tuple[str, str]:
    """The verb, and a path where there is one; of an address without its host.

    >>> _parted("GET /ratings"), _parted("GET https://shop/ratings")
    (('GET ', '/ratings'), ('GET ', '/ratings'))
    """
    match = VERB.match(operation)
    end = match.end() if match else 0
    verb, path = operation[:end], operation[end:]
    if host := HOST.match(path):
        path = "/" + path[host.end() :].removeprefix("/")
    return verb, path


def _by_service(operations: pa.Table) -> dict[str, dict[str, float]]:
    counted = "calls" in operations.column_names
    calls = operations["calls"].to_pylist() if counted else [1.0] * operations.num_rows
    found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for service, operation, number in zip(
        operations["service"].to_pylist(), operations["operation"].to_pylist(), calls, strict=True
    ):
        found[service][operation] += number
    return found


def _heaviest(counted: Mapping[str, float], most: int) -> dict[str, float]:
    """The entries with most calls, by name where those are equal."""
    return dict(sorted(counted.items(), key=lambda entry: (-entry[1], entry[0]))[:most])
