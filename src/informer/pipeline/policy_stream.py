"""Calls of a scratch engine as columns that rules can be asked about."""

import numpy as np
import pyarrow as pa

from informer.core.ports import Engine
from informer.core.types import Ints
from informer.policies.facts import CHAIN, PATTERN, REPLY, SIZE, Fact, facts_in
from informer.policies.fields import rpc_text
from informer.policies.stream import MOST_CHAIN, Coded, Stream
from informer.policies.syntax import Attribute, Header, Policy

# Names of spans' attributes that hold what is no attribute to a rule.
HEADER = "http.request.header."
SIZES = ("http.request.body.size", "http.request_content_length", "request_size")

NUMBERED = """
create or replace temp table numbered_calls as
select row_number() over (order by c.start_ns, c.trace_id, c.span_id, c.twin) - 1 as number, c.*
from calls as c
"""
ABOVE = """
select c.number, a.number as above
from numbered_calls as c
join call_parents as p on p.trace_id = c.trace_id and p.span_id = c.span_id and p.twin = c.twin
join numbered_calls as a
    on a.trace_id = p.trace_id and a.span_id = p.up_span_id and a.twin = p.up_twin
"""
SAID = """
left join (
    select trace_id, span_id, min(attributes) as attributes, min(status_code) as status_code
    from spans group by trace_id, span_id
) as s on s.trace_id = c.trace_id and s.span_id = c.span_id
"""
PATTERNS = """
left join chains as h on h.trace_id = c.trace_id
left join members as m on m.shape_id = h.shape_id
"""
NOBODY = "unknown"


def needs_parents(policy: Policy) -> bool:
    """Whether rules ask for what is above a call in its chain."""
    return CHAIN in facts_in(policy)


def stream_of(engine: Engine, policy: Policy) -> tuple[Stream, int]:
    """Calls whose two sides are known, in order of time; and how many others there are.

    Others are too where rules ask for chains and a call lies deeper in its own than these see.

    Reads `calls`, and as the policy asks `call_parents`, `spans`, `chains` and `members`.
    """
    facts = facts_in(policy)
    attributes = [f for f in facts if isinstance(f, Attribute | Header)]
    engine.run(NUMBERED)
    rows = engine.query(_sql(facts, attributes), **_pointers(attributes))
    rpcs = rows["rpc_id"].combine_chunks().dictionary_encode()
    names = _names(engine, rpcs.dictionary.to_pylist())
    rpc = Coded(_codes(rpcs), names)
    chain = _chains(engine, rpc) if CHAIN in facts else None
    known = np.array([NOBODY not in (a, b) for a, b, _, _ in names], dtype=bool)[rpc.codes]
    if chain is not None:
        known &= chain.codes >= 0
    at = np.flatnonzero(known)
    weight = rows["weight"].to_numpy()
    stream = Stream(
        _numbers(rows, "start_ns")[at],
        Coded(rpc.codes[at], names),
        _coded(rows, "trace_id", at),
        chain=Coded(chain.codes[at], chain.values) if chain is not None else None,
        pattern=_coded(rows, "pattern_id", at) if PATTERN in facts else None,
        attributes={f: _coded(rows, f"a{i}", at) for i, f in enumerate(attributes)},
        size=_numbers(rows, "size")[at] if SIZE in facts else None,
        weight=None if (weight == 1).all() else weight[at],
        status=_numbers(rows, "status")[at] if REPLY in facts else None,
        failed=rows["failed"].to_numpy(zero_copy_only=False)[at],
        refused=rows["refused"].to_numpy(zero_copy_only=False)[at],
        duration_ns=_numbers(rows, "duration_ns")[at],
    )
    engine.run("drop table numbered_calls")
    return stream, len(known) - len(at)


def _sql(facts: frozenset[Fact], attributes: list[Attribute | Header]) -> str:
    columns = ["c.rpc_id", "c.start_ns", "c.trace_id", "c.failed", "c.refused", "c.duration_ns"]
    columns.append("c.weight")
    joins = ""
    if attributes or {SIZE, REPLY} & facts:
        joins += SAID
        columns += [
            f"json_extract_string(s.attributes, $a{i}) as a{i}" for i in range(len(attributes))
        ]
        sizes = (f"try_cast(json_extract_string(s.attributes, '/{n}') as bigint)" for n in SIZES)
        columns += [
            f"greatest(coalesce({', '.join(sizes)}, 0), 0) as size",
            "cast(coalesce(s.status_code, 0) as bigint) as status",
        ]
    if PATTERN in facts:
        joins += PATTERNS
        columns.append("nullif(m.pattern_id, '-1') as pattern_id")
    return f"select {', '.join(columns)} from numbered_calls as c {joins} order by c.number"


def _pointers(attributes: list[Attribute | Header]) -> dict[str, str]:
    """Where each is in the JSON of a span (RFC 6901)."""
    names = [f.key if isinstance(f, Attribute) else HEADER + f.key for f in attributes]
    escaped = (name.replace("~", "~0").replace("/", "~1") for name in names)
    return {f"a{i}": f"/{name}" for i, name in enumerate(escaped)}


def _names(engine: Engine, rpc_ids: list[str]) -> list[tuple[str, str, str, str]]:
    rows = engine.query("select rpc_id, caller, callee, method, kind from rpcs").to_pylist()
    named = {r["rpc_id"]: (r["caller"], r["callee"], r["method"], r["kind"]) for r in rows}
    return [named[rpc_id] for rpc_id in rpc_ids]


def _chains(engine: Engine, rpc: Coded) -> Coded:
    """What is above every call; nothing for calls deeper than rules see."""
    links = engine.query(ABOVE)
    above = np.full(len(rpc.codes), -1)
    above[_numbers(links, "number")] = _numbers(links, "above")
    texts = [rpc_text(*names[:3]) for names in rpc.values]
    chains: list[tuple[str, ...]] = [()]
    places: dict[tuple[int, int], int] = {}
    state = np.where(above < 0, 0, -1)
    waiting = np.flatnonzero(above >= 0)
    for _ in range(MOST_CHAIN):
        ready = state[above[waiting]] >= 0
        calls, waiting = waiting[ready], waiting[~ready]
        if len(calls) == 0:
            break
        pairs = np.stack([state[above[calls]], rpc.codes[above[calls]]])
        distinct, inverse = np.unique(pairs, axis=1, return_inverse=True)
        numbers = []
        for before, code in distinct.T.tolist():
            place = places.setdefault((before, code), len(chains))
            if place == len(chains):
                chains.append((*chains[before], texts[code]))
            numbers.append(place)
        state[calls] = np.array(numbers)[inverse.ravel()]
    return Coded(state, chains)


def _coded(rows: pa.Table, column: str, at: Ints) -> Coded:
    encoded = rows[column].combine_chunks().dictionary_encode()
    return Coded(_codes(encoded)[at], encoded.dictionary.to_pylist())


def _codes(encoded: pa.DictionaryArray) -> Ints:
    return np.asarray(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)


def _numbers(rows: pa.Table, column: str) -> Ints:
    return np.asarray(rows[column].to_numpy(), dtype=np.int64)
