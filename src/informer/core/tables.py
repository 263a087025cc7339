"""Every table of Informer and its columns, listed here and nowhere else.

Times are int64 nanoseconds UTC; a unit is in the column's name. A `?` after a type below
means that the column may be null.
"""

import pyarrow as pa

from informer.core.table_spec import Column, TableSpec

TEXT = pa.string()
INT = pa.int64()
REAL = pa.float64()
BOOL = pa.bool_()
TEXTS = pa.list_(pa.string())
REALS = pa.list_(pa.float64())

SPANS = TableSpec(
    "spans",
    "a span as received",
    (
        Column("trace_id", TEXT, "the correlation key: what joins spans into one request"),
        Column("span_id", TEXT, "unique within the trace"),
        Column(
            "parent_span_id",
            TEXT,
            "the span that caused this one; null = root; a leading `?` marks a link guessed by "
            "name: where nothing answers to it, the span is a root and no orphan",
            nullable=True,
        ),
        Column("service", TEXT, "who reported the span"),
        Column("operation", TEXT, "the method as reported, already preferring the route template"),
        Column("kind", TEXT, "server, client, producer, consumer, internal or unspecified"),
        Column(
            "peer",
            TEXT,
            "the other side as the span itself names it: the callee of a client span, the caller "
            "of a server span",
            nullable=True,
        ),
        Column("start_ns", INT, "when it began"),
        Column("duration_ns", INT, "how long it took, never negative"),
        Column("status_code", INT, "HTTP or gRPC status", nullable=True),
        Column("failed", BOOL, "OTLP ERROR, HTTP >= 500 or a gRPC server error"),
        Column(
            "refused",
            BOOL,
            "HTTP 4xx or a gRPC client error: a wrong password is no fault of the service",
        ),
        Column("weight", REAL, "1 / sampling rate"),
        Column(
            "version",
            TEXT,
            "`service.version`, else the workload or the pod template",
            nullable=True,
        ),
        Column("scope", TEXT, "who made the span: instrumentation scope or proxy", nullable=True),
        Column("attributes", TEXT, "a JSON object of strings, bounded in keys and length"),
    ),
)

RPCS = TableSpec(
    "rpcs",
    "a kind of call",
    (
        Column("rpc_id", TEXT, "the same for the same caller, callee, method and kind, everywhere"),
        Column("caller", TEXT, "a service, `outside` (entry) or `unknown` (its parent was lost)"),
        Column("callee", TEXT, "the service that is called"),
        Column("method", TEXT, "a template, never a raw path"),
        Column("kind", TEXT, "rpc, messaging, db or external"),
        Column("first_seen_ns", INT, "start of the first call"),
        Column("code", INT, "a 40-bit value, secret to the workspace; chains sum them"),
    ),
)

SHAPES = TableSpec(
    "shapes",
    "a distinct form of chain",
    (
        Column("shape_id", TEXT, "the same for the same entry, rpcs and log-multiplicities"),
        Column("entry_rpc_id", TEXT, "the call that began the chain"),
        Column("rpc_ids", TEXTS, "the distinct rpcs, sorted"),
        Column("multiplicities", REALS, "mean calls per chain of each rpc, in the same order"),
        Column("depths", REALS, "calls between the entry (0) and each rpc, in the same order"),
        Column("edges", TEXTS, "`from_rpc_id>to_rpc_id`, sorted"),
        Column("chains", REAL, "weighted count"),
        Column("failed_chains", REAL, "weighted count of chains with a failed call"),
        Column("partial", BOOL, "a span's parent was lost"),
        Column("first_seen_ns", INT, "start of the first chain"),
        Column("last_seen_ns", INT, "start of the last chain"),
        Column("example_trace_ids", TEXTS, "a few traces of this form"),
    ),
)

PATTERNS = TableSpec(
    "patterns",
    "a chain pattern of a learning run",
    (
        Column("run_id", TEXT, "the learning run"),
        Column("pattern_id", TEXT, "stable from run to run"),
        Column("label", TEXT, "the entry rpc and what sets the pattern apart, for people"),
        Column("entry_rpc_id", TEXT, "the call that begins its chains"),
        Column("medoid_shape_id", TEXT, "the most central shape"),
        Column("chains", REAL, "weighted count"),
        Column("share", REAL, "of all chains, 0..1"),
        Column("critical", BOOL, "worth a model of its own"),
        Column("state", TEXT, "learning, ready, stale or retired"),
    ),
)

MEMBERS = TableSpec(
    "members",
    "a shape's place in a pattern",
    (
        Column("run_id", TEXT, "the learning run"),
        Column("shape_id", TEXT, "the shape"),
        Column("pattern_id", TEXT, "its pattern; -1 = noise, near nothing"),
        Column("distance", REAL, "to the medoid, 0..1"),
    ),
)

PATTERN_EDGES = TableSpec(
    "pattern_edges",
    "an edge of a pattern graph",
    (
        Column("run_id", TEXT, "the learning run"),
        Column("pattern_id", TEXT, "the pattern"),
        Column("from_rpc_id", TEXT, "the rpc that leads"),
        Column("to_rpc_id", TEXT, "the rpc it leads to"),
        Column("weight", REAL, "share of the pattern's chains that use the edge, 0..1"),
    ),
)

TRAFFIC = TableSpec(
    "traffic",
    "pattern x rpc x step",
    (
        Column("pattern_id", TEXT, "the pattern"),
        Column("rpc_id", TEXT, "the rpc"),
        Column("step_start_ns", INT, "start of the step in which the chain began"),
        Column("calls", REAL, "weighted count"),
        Column("failures", REAL, "weighted count of failed calls"),
        Column("refusals", REAL, "weighted count of refused calls"),
        Column("latency_p50_ms", REAL, "from the fixed logarithmic histogram", nullable=True),
        Column("latency_p95_ms", REAL, "from the fixed logarithmic histogram", nullable=True),
        Column("latency_mean_ms", REAL, "geometric mean of the same histogram", nullable=True),
        Column("seen", BOOL, "the step was covered: zero calls are then a zero, not a gap"),
    ),
)

HOURS = TableSpec(
    "hours",
    "pattern x rpc x hour, to draw long ranges",
    (
        Column("pattern_id", TEXT, "the pattern"),
        Column("rpc_id", TEXT, "the rpc"),
        Column("hour_start_ns", INT, "start of the hour"),
        Column("steps", REAL, "covered steps in it"),
        Column("calls", REAL, "sum over these steps"),
        Column("failures", REAL, "sum over these steps"),
        Column("refusals", REAL, "sum over these steps"),
        Column("latency_mean_ms", REAL, "mean of the steps' means", nullable=True),
        Column("expected", REAL, "calls that were expected in these steps", nullable=True),
        Column("variance", REAL, "sum of the variances of these steps", nullable=True),
    ),
)

STEPS = TableSpec(
    "steps",
    "a step of a range that was looked at",
    (
        Column("step_start_ns", INT, "start of the step"),
        Column("seen", BOOL, "the step was covered"),
    ),
)

IRREGULAR_STEPS = TableSpec(
    "irregular_steps",
    "a step of a pattern that must not teach",
    (
        Column("pattern_id", TEXT, "the pattern"),
        Column("step_start_ns", INT, "start of the step"),
    ),
)

WORKLOADS = TableSpec(
    "workloads",
    "service x version x step",
    (
        Column("service", TEXT, "the callee"),
        Column("version", TEXT, "its version, workload or pod template"),
        Column("step_start_ns", INT, "start of the step"),
        Column("calls", REAL, "weighted count of calls it answered"),
    ),
)

FORECASTS = TableSpec(
    "forecasts",
    "an expectation",
    (
        Column("run_id", TEXT, "the learning run whose model made it"),
        Column("pattern_id", TEXT, "the pattern"),
        Column("rpc_id", TEXT, "the rpc"),
        Column("signal", TEXT, "what is expected: calls"),
        Column("step_start_ns", INT, "the step it is for"),
        Column("made_at_ns", INT, "when it was made, before step_start_ns"),
        Column("expected", REAL, "the mean, in the signal's unit"),
        Column("spread", REAL, "variance = expected + spread * expected ** 2"),
    ),
)

DETECTIONS = TableSpec(
    "detections",
    "a cell over its threshold",
    (
        Column("detection_id", TEXT, "the same cell, the same id"),
        Column("pattern_id", TEXT, "the pattern"),
        Column("rpc_id", TEXT, "the rpc"),
        Column(
            "signal", TEXT, "calls, share, failures, refusals, latency, novelty, version or demand"
        ),
        Column("step_start_ns", INT, "the step"),
        Column("window_steps", INT, "the steps that made it most telling: this and those before"),
        Column("observed", REAL, "over the window, in the signal's unit"),
        Column("expected", REAL, "over the window, in the signal's unit"),
        Column("score", REAL, "-log10 p, high = irregular"),
        Column("threshold", REAL, "the limit the score passed"),
        Column(
            "kind", TEXT, "volume, silence, mix, demand, failure, refusal, latency, novel, change"
        ),
    ),
)

INCIDENTS = TableSpec(
    "incidents",
    "detections that belong together",
    (
        Column("incident_id", TEXT, "stable for the same opening cell"),
        Column("title", TEXT, "what happened, in words"),
        Column("kind", TEXT, "the kind of its strongest detection"),
        Column("severity", TEXT, "info, low, medium, high or critical"),
        Column("opened_ns", INT, "start of the first step over the threshold"),
        Column("resolved_ns", INT, "end of the last one; null = still open", nullable=True),
        Column("score", REAL, "of its strongest detection"),
        Column("patterns", TEXTS, "the patterns it touches"),
        Column("evidence", TEXT, "a JSON object: rpcs, examples, attributes, changes, similar"),
        Column("verdict", TEXT, "open, accepted or rejected"),
    ),
)

ATTRIBUTE_VALUES = TableSpec(
    "attribute_values",
    "an attribute value of an rpc, as learned",
    (
        Column("rpc_id", TEXT, "the rpc"),
        Column("key", TEXT, "the attribute; `version` and `status_code` count as attributes"),
        Column("value", TEXT, "one of its commonest values"),
        Column("share", REAL, "of a sample of the rpc's calls, 0..1"),
    ),
)

RUNS = TableSpec(
    "runs",
    "a learning run",
    (
        Column("run_id", TEXT, "sortable by time"),
        Column("trained_from_ns", INT, "start of the first step"),
        Column("trained_to_ns", INT, "end of the last step"),
        Column("config", TEXT, "a JSON object: the configuration in force"),
        Column("backtest", TEXT, "a JSON object: per pattern, per forecaster"),
        Column("models", TEXT, "a JSON object: the model version of each pattern"),
    ),
)

MODEL_FACTS = TableSpec(
    "model_facts",
    "what was learned of a pattern beside a version of its model",
    (
        Column("pattern_id", TEXT, "the pattern"),
        Column("version", TEXT, "the version of its model"),
        Column("rates", TEXT, "a JSON object: calls, failures, refusals and latency per rpc"),
        Column("inflation", TEXT, "a JSON object: per stream, how much wider windows scatter"),
    ),
)

ACCEPTS = TableSpec(
    "accepts",
    "what an accept said of a pattern, until it is reverted",
    (
        Column("pattern_id", TEXT, "the pattern that learned again"),
        Column("version", TEXT, "of the model that came of it"),
        Column("before", TEXT, "the version that was in force"),
        Column("from_ns", INT, "start of the first step that may teach although irregular"),
        Column("until_ns", INT, "end of the last one"),
        Column("incidents", TEXTS, "the incidents whose verdict it set"),
        Column("leaps", TEXT, "a JSON list: since when traffic changed for good, rpc by rpc"),
        Column("rpcs", TEXTS, "the rpcs that it made known"),
        Column("shapes", TEXTS, "the shapes that it made known"),
        Column("version_shares", TEXT, "a JSON object: shares of versions, as they were"),
    ),
)

NOTICES = TableSpec(
    "notices",
    "what is to be told of an incident while watching",
    (
        Column("notice_id", TEXT, "`incident_id` and `sequence`; receivers may know doubles by it"),
        Column("incident_id", TEXT, "the incident"),
        Column("sequence", INT, "1 for the first notice of the incident, then one more each"),
        Column("state", TEXT, "firing or resolved"),
        Column("severity", TEXT, "of the incident, when the notice was made"),
        Column("former", TEXT, "the severity told before, where it changed", nullable=True),
        Column("made_ns", INT, "when it was made"),
        Column("document", TEXT, "a JSON object: the incident as `detect --json` prints it"),
    ),
)

DELIVERIES = TableSpec(
    "deliveries",
    "a notice on its way to a sink",
    (
        Column("notice_id", TEXT, "the notice; empty = since when the sink is known"),
        Column("sink", TEXT, "the sink's name"),
        Column("state", TEXT, "waiting, delivered, dead (given up) or skipped (before the sink)"),
        Column("tries", INT, "how often it was sent"),
        Column("first_ns", INT, "when it was first tried"),
        Column("next_ns", INT, "when it is sent next, if at all"),
        Column("last_error", TEXT, "why the last try failed; empty = it did not"),
    ),
)

AUDIT = TableSpec(
    "audit",
    "a decision of a person, or a try at one",
    (
        Column("at_ns", INT, "when"),
        Column("who", TEXT, "the name of the token, or the user of this machine"),
        Column("role", TEXT, "in which role: decide"),
        Column(
            "action", TEXT, "accept, reject or revert; of policies propose, advance or step back"
        ),
        Column(
            "object", TEXT, "what was decided on: `incident ID`, `pattern ID` or `policy version N`"
        ),
        Column("outcome", TEXT, "done, refused or failed"),
        Column("why", TEXT, "why it was not done; empty = it was"),
        Column("note", TEXT, "what the person said of it"),
    ),
)

POLICY_VERSIONS = TableSpec(
    "policy_versions",
    "a policy on its way into force",
    (
        Column("number", INT, "its version: 1 for the first, then one more each"),
        Column("stage", TEXT, "off, shadow, canary, enforce or retired"),
        Column("rules", TEXT, "the rule file"),
        Column("promised_calls", INT, "calls that a replay looked at"),
        Column("promised_denied", INT, "calls of them that it denied"),
        Column("observed_calls", INT, "calls that were observed in its stage"),
        Column("observed_denied", INT, "calls of them that were denied, or would have been"),
        Column("why", TEXT, "why it is in its stage"),
    ),
)

TABLES: dict[str, TableSpec] = {
    t.name: t
    for t in (
        SPANS,
        RPCS,
        SHAPES,
        PATTERNS,
        MEMBERS,
        PATTERN_EDGES,
        TRAFFIC,
        HOURS,
        STEPS,
        IRREGULAR_STEPS,
        WORKLOADS,
        FORECASTS,
        DETECTIONS,
        INCIDENTS,
        ATTRIBUTE_VALUES,
        RUNS,
        MODEL_FACTS,
        ACCEPTS,
        NOTICES,
        DELIVERIES,
        AUDIT,
        POLICY_VERSIONS,
    )
}
