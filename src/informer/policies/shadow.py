"""What a proxy said of calls, in shadow or in force: lines of its access log, and its counters.

The forms are those that exported Envoy configurations write. Lines come from strangers: what is
none, or too long, is counted and skipped.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import orjson

MOST_LINE = 64 * 1024
UNREADABLE, TOO_LONG, UNJUDGED = "no JSON object", "too long", "no rules were asked"
NOT_HTTP = "a fact is missing"
LIMITED_STATUS, LIMITED_DETAILS = 429, "local_rate_limited"
PART = re.compile(r"/\d+$")  # a rule may have been exported in several parts
ALL = re.compile(r"\.rbac\.informer_\.shadow_(allowed|denied)$")
OF_RULE = re.compile(r"\.rbac\.informer_\.policy\.(.+)\.shadow_(allowed|denied)$")
LIMITED = re.compile(r"^(.+)\.http_local_rate_limit\.rate_limited$")


@dataclass(frozen=True, slots=True)
class Seen:
    """One request, and what the rules in the proxy said of it."""

    time_ns: int
    caller: str | None  # the identity that was proved; None: none was
    callee: str
    verb: str
    path: str  # without the query
    denied: bool
    rule: str | None  # that allowed or denied it; None: the default
    over_limit: bool
    trace_id: str


@dataclass(slots=True)
class ShadowLog:
    """Reads an access log; `skipped` counts lines by the reason they were left out for."""

    skipped: Counter[str] = field(default_factory=Counter)

    def read(self, lines: Iterable[bytes]) -> Iterator[Seen]:
        """Every request that rules were asked about."""
        for line in lines:
            if not line.strip():
                continue
            if len(line) > MOST_LINE:
                self.skipped[TOO_LONG] += 1
                continue
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError:
                row = None
            if not isinstance(row, dict):
                self.skipped[UNREADABLE] += 1
                continue
            seen = self._seen(row)
            if seen is not None:
                yield seen

    def _seen(self, row: dict[str, object]) -> Seen | None:
        shadow = row.get("shadow") in ("allowed", "denied")
        outcome, rule = ("shadow", "shadow_rule") if shadow else ("result", "rule")
        limited = row.get("over_limit") == "true" or (
            row.get("status") == LIMITED_STATUS and row.get("details") == LIMITED_DETAILS
        )
        if row.get(outcome) not in ("allowed", "denied") and not limited:
            self.skipped[UNJUDGED] += 1
            return None
        facts = [row.get(name) for name in ("callee", "verb", "path")]
        start = str(row.get("start_ns"))
        if not all(isinstance(f, str) for f in facts) or not re.fullmatch(r"\d{1,19}", start):
            self.skipped[NOT_HTTP] += 1
            return None
        callee, verb, path = map(str, facts)
        caller, named = row.get("caller"), row.get(rule)
        return Seen(
            int(start),
            caller if isinstance(caller, str) else None,
            callee,
            verb,
            path.split("?", 1)[0],
            row.get(outcome) == "denied",
            PART.sub("", named) if isinstance(named, str) else None,
            limited,
            _trace_id(row.get("trace")),
        )


def _trace_id(traceparent: object) -> str:
    """The trace id of a `traceparent` header (W3C Trace Context)."""
    parts = str(traceparent).split("-")
    return parts[1] if len(parts) == 4 and len(parts[1]) == 32 else ""


@dataclass(slots=True)
class Statistics:
    """Envoy's counters, summed over its connection managers."""

    allowed: int = 0
    denied: int = 0
    rules: dict[str, int] = field(default_factory=dict)  # calls each rule allowed (or denied)
    limited: dict[str, int] = field(default_factory=dict)  # by service


def read_statistics(text: bytes) -> Statistics | None:
    """Counters out of `/stats` or `/stats?format=json`; None when there are none of ours."""
    found, any_of_ours = Statistics(), False
    for name, value in _pairs(text):
        if match := ALL.search(name):
            any_of_ours = True
            if match[1] == "allowed":
                found.allowed += value
            else:
                found.denied += value
        elif match := OF_RULE.search(name):
            rule = PART.sub("", match[1])
            found.rules[rule] = found.rules.get(rule, 0) + value
        elif match := LIMITED.search(name):
            any_of_ours = True
            found.limited[match[1]] = found.limited.get(match[1], 0) + value
    return found if any_of_ours else None


def _pairs(text: bytes) -> Iterator[tuple[str, int]]:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        document = None
    if isinstance(document, dict) and isinstance(document.get("stats"), list):
        for one in document["stats"]:
            if isinstance(one, dict) and isinstance(one.get("value"), int):
                yield str(one.get("name")), one["value"]
        return
    for line in text.decode("utf-8", "replace").splitlines():
        name, _, value = line.rpartition(": ")
        if value.strip().isdigit() and len(value) < 20:
            yield name, int(value)
