"""The methods of operations, slice by slice: templates learn where something new is said."""

from collections import defaultdict

import pyarrow as pa

from informer.spans.templates import MAPPING, Templates

MOST_KNOWN = 500_000  # operations; where there are more, all of them teach, every time


class Methods:
    """Templates that learn of a service when a slice holds an operation of it that is new.

    What a service says again and again would teach nothing, and takes longer than its lines.
    """

    def __init__(self, templates: Templates, known: pa.Table | None) -> None:
        """`known`: the operations (service, operation) that were learned from before."""
        self._templates = templates
        self._methods: dict[str, dict[str, str]] = {}
        self._known: set[tuple[str, str]] = set()
        if known is not None:
            columns = (known[name].to_pylist() for name in ("service", "operation"))
            self._known.update(zip(*columns, strict=True))

    def of(self, operations: pa.Table) -> pa.Table:
        """Learn from operations (service, operation, calls); gives MAPPING with all of them."""
        pairs = list(
            zip(operations["service"].to_pylist(), operations["operation"].to_pylist(), strict=True)
        )
        everything = len(self._known) > MOST_KNOWN
        teaches = {s for s, o in pairs if everything or (s, o) not in self._known}
        if not everything:
            self._known.update(pairs)
        self._templates.learn(_of_services(operations, pairs, teaches))
        for service in teaches:
            self._methods.pop(service, None)
        asked = teaches | {s for s, o in pairs if o not in self._methods.get(s, {})}
        mapped = self._templates.mapping(_of_services(operations, pairs, asked))
        told = defaultdict(dict, self._methods)
        for row in mapped.to_pylist():
            told[row["service"]][row["operation"]] = row["method"]
        self._methods = {} if everything else dict(told)
        methods = [told[s][o] for s, o in pairs]
        columns = [operations["service"], operations["operation"], pa.array(methods, pa.string())]
        return pa.table(columns, schema=MAPPING)


def _of_services(
    operations: pa.Table, pairs: list[tuple[str, str]], services: set[str]
) -> pa.Table:
    """The rows of some services."""
    if not services:
        return operations.slice(0, 0)
    return operations.filter(pa.array([service in services for service, _ in pairs]))
