"""Span trees of every kind: tidy, broken, and below a remote parent."""

import math

from hypothesis import strategies as st
from reference_chains import Row

IDS = ["1", "2", "3", "4", "5", "6"]
SERVICES = ["A", "B", "C", "unknown"]

KINDS = [
    ["unspecified"],
    ["internal", "unspecified"],
    ["server", "client"],
    ["server", "client", "internal", "producer", "consumer"],
]
DETAILS = {
    "operation": ["get /1", "put"],
    "peer": [None, None, "", "A", "pg"],
    "start_ns": [0, 1, 2, 3],
    "duration_ns": [0, 1, 2],
    "failed": [False, True],
    "refused": [False, True],
    "weight": [1.0, 1.0, 2.0, 0.25],
    "version": [None, "v1", "v2"],
    "attributes": ["{}", '{"db.system": "pg"}', '{"a": "b","db.name":"n"}', '{"host": "db.a"}'],
    "status_code": [None],
    "scope": [None],
}
VARIANTS = math.prod(map(len, DETAILS.values()))


def details(variant: int) -> Row:
    """One choice per column out of one number: a draw per column would be slow."""
    row = {}
    for column, choices in DETAILS.items():
        variant, chosen = divmod(variant, len(choices))
        row[column] = choices[chosen]
    return row


@st.composite
def a_span(draw: st.DrawFn, kinds: list[str], ids: list[str], parents: list[str | None]) -> Row:
    """A span that may hang below nothing, itself, a twin, its own child or a lost span."""
    return {
        "span_id": draw(st.sampled_from(ids)),
        "parent_span_id": draw(st.sampled_from(parents)),
        "service": draw(st.sampled_from(SERVICES)),
        "kind": draw(st.sampled_from(kinds)),
        **details(draw(st.integers(0, VARIANTS - 1))),
    }


@st.composite
def a_broken_trace(draw: st.DrawFn) -> list[Row]:
    """Few ids for many spans, so that they are shared, repeated and go round in circles."""
    kinds = draw(st.sampled_from(KINDS))
    parents = [None, *IDS, *IDS, "lost", "?1", "?2", "?lost"]
    spans = draw(st.lists(a_span(kinds, IDS, parents), min_size=1, max_size=9))
    return spans + draw(st.lists(st.sampled_from(spans), max_size=2))


@st.composite
def a_tidy_trace(draw: st.DrawFn) -> list[Row]:
    """Every span has an id of its own and hangs below an earlier one, a lost one or none."""
    kinds = draw(st.sampled_from(KINDS))
    size = draw(st.integers(1, 10))
    above = [[None, "lost", *map(str, range(n)), *map(str, range(n))] for n in range(size)]
    return [draw(a_span(kinds, [str(n)], above[n])) for n in range(size)]


@st.composite
def spans_of(draw: st.DrawFn, traces: st.SearchStrategy[list[Row]]) -> list[Row]:
    """Many traces, some of them the same but for their ids."""
    different = draw(st.lists(traces, min_size=1, max_size=16))
    alike = draw(st.lists(st.sampled_from(different), max_size=8))
    return [
        {"trace_id": f"t{n}", **span} for n, trace in enumerate(different + alike) for span in trace
    ]


@st.composite
def spans_below_a_remote_parent(draw: st.DrawFn) -> list[Row]:
    """Traces that come in below a parent nobody exported, often enough to be entries or nearly."""
    kinds = draw(st.sampled_from(KINDS))
    traces = []
    for above in (["lost"], ["lost", None], ["lost", "0"]):
        size = draw(st.integers(1, 4))
        first = draw(a_span(kinds, ["0"], ["lost"]))
        rest = [draw(a_span(kinds, [str(n)], ["0", *above])) for n in range(1, size)]
        traces += [[first, *rest]] * draw(st.sampled_from([1, 5, 9, 10, 12]))
    traces += draw(st.lists(a_tidy_trace(), max_size=8))
    return [{"trace_id": f"t{n}", **span} for n, trace in enumerate(traces) for span in trace]
