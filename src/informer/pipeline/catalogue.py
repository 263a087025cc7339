"""Patterns to choose from, a page at a time, and some of them with their graphs."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
import pyarrow as pa

from informer.core.errors import UnknownError
from informer.core.tables import PATTERNS
from informer.core.types import Json, PatternGraph
from informer.patterns.graphs import graphs_of
from informer.pipeline.documents import pattern_document
from informer.pipeline.rpcs import rpcs_named
from informer.pipeline.states import REASONS
from informer.pipeline.workspace import Workspace

# A pattern is found by its label, its id, and every name in its chains.
FOUND = """
from patterns as p
where p.state <> 'retired' and ($state = '' or p.state = $state) and (
    $words = '' or contains(lower(p.label || ' ' || p.pattern_id), $words) or p.pattern_id in (
        select e.pattern_id from (
            select pattern_id, from_rpc_id as rpc_id from pattern_edges
            union all select pattern_id, to_rpc_id from pattern_edges
            union all select pattern_id, entry_rpc_id from patterns
        ) as e inner join rpcs as r on r.rpc_id = e.rpc_id
        where contains(lower(r.caller || ' ' || r.callee || ' ' || r.method), $words)
    )
)
"""
OPEN = """
select pattern_id, count(*) as n from (
    select unnest(patterns) as pattern_id from incidents where verdict = 'open'
) where pattern_id in (select unnest($ids)) group by 1
"""
LISTED = "select pattern_id from patterns where state <> 'retired' order by chains desc, pattern_id"
# A shape is in one pattern, so a row is a member and a shape at once.
SHAPES = """
select m.pattern_id, s.* from members as m inner join shapes as s on s.shape_id = m.shape_id
where m.pattern_id in (select unnest($ids))
"""


@dataclass(frozen=True, slots=True)
class OnePattern:
    """A pattern, its document, and what its forecaster did in the backtest."""

    document: Json
    rpc_ids: tuple[str, ...]  # of the document's rpcs
    rpcs: dict[str, Json]  # rows of RPCS by id
    backtest: Json
    version: str  # of its model in force; empty = it has none


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Some patterns, how many there are of their kind, and what belongs to them."""

    rows: list[Json]  # of PATTERNS
    found: int
    backtests: dict[str, Json]
    versions: dict[str, str]  # in force
    open_incidents: dict[str, int]


def catalogue(home: Workspace, words: str, state: str, *, first: int, most: int) -> Catalogue:
    """Patterns whose names have these words, the busiest first."""
    given = {"words": words.lower().strip(), "state": state}
    found = home.engine.query(f"select count(*) as n {FOUND}", **given)
    rows = home.engine.query(
        f"select p.* {FOUND} order by p.chains desc, p.pattern_id limit $most offset $first",
        **given,
        most=most,
        first=first,
    ).to_pylist()
    backtests, versions = last_run(home)
    counted = home.engine.query(OPEN, ids=[r["pattern_id"] for r in rows]).to_pylist()
    return Catalogue(
        rows,
        int(found["n"][0].as_py()),
        backtests,
        versions,
        {row["pattern_id"]: row["n"] for row in counted},
    )


def last_run(home: Workspace) -> tuple[dict[str, Json], dict[str, str]]:
    """Backtests, and versions of models in force, by pattern."""
    runs = home.engine.query("select backtest, models from runs order by run_id desc limit 1")
    if runs.num_rows == 0:
        return {}, {}
    return orjson.loads(runs["backtest"][0].as_py()), orjson.loads(runs["models"][0].as_py())


def one_pattern(home: Workspace, pattern_id: str) -> OnePattern:
    """A pattern that is not retired. Errors: UnknownError when there is none of that id."""
    found = patterns_with_graphs(home, [pattern_id])
    if not found:
        raise UnknownError(f"pattern {pattern_id!r} is unknown: see `informer patterns list`")
    return found[0]


def patterns_with_graphs(home: Workspace, ids: Sequence[str]) -> list[OnePattern]:
    """Those that are not retired, the busiest first."""
    patterns = home.engine.query(
        f"select {', '.join(PATTERNS.names)} from patterns "
        "where pattern_id in (select unnest($ids)) and state <> 'retired' "
        "order by chains desc, pattern_id",
        ids=list(ids),
    )
    graphs = graphs_named(home, patterns)
    backtests, versions = last_run(home)
    reasons = home.get(REASONS)
    rpcs = rpcs_named(
        home,
        [*patterns["entry_rpc_id"].to_pylist(), *(r for g in graphs.values() for r in g.rpc_ids)],
    )
    found = []
    for row in patterns.to_pylist():
        pattern_id = row["pattern_id"]
        graph, backtest = graphs.get(pattern_id), backtests.get(pattern_id, {})
        chosen, why = backtest.get("chosen", "none"), reasons.get(pattern_id, "")
        document = pattern_document(row, graph, rpcs, chosen, why)
        rpc_ids = graph.rpc_ids if graph else (row["entry_rpc_id"],)
        found.append(OnePattern(document, rpc_ids, rpcs, backtest, versions.get(pattern_id, "")))
    return found


def pattern_ids(home: Workspace) -> list[str]:
    """Of all that are not retired, the busiest first."""
    ids: list[str] = home.engine.query(LISTED)["pattern_id"].to_pylist()
    return ids


def graphs_named(home: Workspace, patterns: pa.Table) -> dict[str, PatternGraph]:
    """The graphs of some rows of PATTERNS, made of their shapes alone."""
    rows = home.engine.query(SHAPES, ids=patterns["pattern_id"].to_pylist())
    return graphs_of(patterns, rows, rows)
