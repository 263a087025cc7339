"""SQL that turns the columns of a table, whatever their names and units, into those of RECEIVED."""

import re
from collections.abc import Mapping

from informer.spans.layouts import TIMES
from informer.spans.meanings import named, quoted
from informer.spans.received import RECEIVED
from informer.spans.received_rows import Received
from informer.spans.times import Times, times_sql

POD_ALPHABET = "[bcdfghjklmnpqrstvwxz2456789]"  # what Kubernetes makes random names of
DEPLOYMENT_POD = f"-({POD_ALPHABET}{{6,10}})-{POD_ALPHABET}{{5}}$"
OTHER_POD = f"-([0-9]{{1,3}}|{POD_ALPHABET}{{5}})$"  # StatefulSet, DaemonSet
NAMES_PODS = re.compile(r"pod|instance", re.IGNORECASE)
OUTSIDE = "('', 'root', '-1', 'outside')"  # callers that are none
DATABASES = "mongo|mysql|maria|postgres|jdbc|redis|jedis|lettuce|cassandra|elasticsearch|memcache"
QUEUES = "kafka|rabbit|rocketmq|pulsar|activemq"
# Of which ids are made, or what sayings take in another form.
OWN_COLUMNS = (
    *("trace_id", "span_id", "parent_span_id", "attributes", "resource_attributes", "trace_state"),
)
SQL_TYPES = {"int64": "bigint", "double": "double", "bool": "boolean"}


def received_rows(
    scan: str,
    columns: Mapping[str, str],
    types: Mapping[str, str],
    times: Times,
    format: str,
    key: str,
) -> Received:
    """Rows of a scan as the columns of RECEIVED.

    `types` are the column types of the table; absent = text. `key` sets RPC log lines without a
    trace id apart from those of other sources.
    """
    made = _line(columns, key) if "callee" in columns else _span(columns)
    made |= times_sql(columns, times) | _outcome(columns, types)
    made |= {n: _text(columns, n) for n in ("version", "scope", "trace_state") if n in columns}
    for name, into in (("attributes", "attributes"), ("resource_attributes", "resource")):
        if name in columns:
            is_text = types.get(columns[name], "VARCHAR") in ("VARCHAR", "JSON")
            shown = named(columns[name]) if is_text else f"to_json({named(columns[name])})"
            made[into] = f"{shown}::varchar"
    if format == "skywalking":
        made |= _skywalking(columns)
    made = {
        f.name: f"cast({made.get(f.name, 'null')} as {SQL_TYPES.get(str(f.type), 'varchar')})"
        for f in RECEIVED
    }
    own = (*(n for n in columns if n.partition("_")[0] in TIMES), *OWN_COLUMNS)
    said_by = dict.fromkeys(named(column) for n, column in columns.items() if n not in own)
    return Received(scan, made, tuple(said_by))


def _span(columns: Mapping[str, str]) -> dict[str, str]:
    same = ("trace_id", "span_id", "parent_span_id", "kind", "peer")
    made = {name: _text(columns, name) for name in same if name in columns}
    made["service"], made["version"] = _service(columns, "service")
    for name in ("operation", "method"):
        if name in columns:
            made.setdefault("operation", _text(columns, name))
    return made


def _line(columns: Mapping[str, str], key: str) -> dict[str, str]:
    """An RPC log line. Without parent ids, its own id is its callee: it hangs below its caller."""
    callee, version = _service(columns, "callee")
    caller, _ = _service(columns, "caller")
    caller = f"case when {_text(columns, 'caller')} not in {OUTSIDE} then {caller} end"
    made = {**_span({**columns, "service": columns["callee"]}), "kind": "'server'"}
    made |= {"service": callee, "version": version, "peer": caller}
    if "trace_id" not in columns:
        made["trace_id"] = f"{quoted(key + '-')} || row_number() over ()"
    if not {"span_id", "parent_span_id"} <= columns.keys():
        made["span_id"] = callee
        made["parent_span_id"] = f"'?' || ({caller})" if "trace_id" in columns else "null"
    return made


def _outcome(columns: Mapping[str, str], types: Mapping[str, str]) -> dict[str, str]:
    made = {}
    said = {
        "failed": "lower({}) in ('true', 't', '1', 'yes', 'y', 'error')",
        "otlp_status": "upper({}) in ('2', 'ERROR', 'STATUS_CODE_ERROR')",
    }
    failures = [
        named(columns[n]) if types.get(columns[n]) == "BOOLEAN" else rule.format(_text(columns, n))
        for n, rule in said.items()
        if n in columns
    ]
    if failures:
        made["failed"] = " or ".join(f"coalesce({failure}, false)" for failure in failures)
    for name, type in (("status_code", "bigint"), ("weight", "double")):
        if name in columns:
            made[name] = f"try_cast({named(columns[name])} as {type})"
    return made


def _service(columns: Mapping[str, str], name: str) -> tuple[str, str]:
    """A service and its version. `ts-order-6f6cfc45b-d9pnv` is `ts-order`, version `6f6cfc45b`."""
    column = _text(columns, name)
    service = f"regexp_replace({column}, {quoted(DEPLOYMENT_POD)}, '')"
    if NAMES_PODS.search(columns[name]):
        service = (
            f"case when regexp_matches({column}, {quoted(DEPLOYMENT_POD)}) then {service} "
            f"else regexp_replace({column}, {quoted(OTHER_POD)}, '') end"
        )
    return service, f"nullif(regexp_extract({column}, {quoted(DEPLOYMENT_POD)}, 1), '')"


def _skywalking(columns: Mapping[str, str]) -> dict[str, str]:
    """`{POST}/pay` is `POST /pay`; an entry span is its own peer; components tell kinds."""
    component, kind = _text(columns, "scope"), _text(columns, "kind")
    queue = f"regexp_matches(lower({component}), {quoted(QUEUES)})"
    return {
        "operation": f"regexp_replace({_text(columns, 'operation')}, '^[{{]([A-Z]+)[}}]', '\\1 ')",
        "peer": f"nullif({_text(columns, 'peer')}, {_text(columns, 'service')})",
        "kind": f"case when {queue} and {kind} = 'Entry' then 'consumer' "
        f"when {queue} and {kind} = 'Exit' then 'producer' else {kind} end",
        "attributes": f"case when regexp_matches(lower({component}), {quoted(DATABASES)}) "
        f"then json_object('db.system', lower({component}))::varchar end",
    }


def _text(columns: Mapping[str, str], name: str) -> str:
    return f"{named(columns[name])}::varchar"
