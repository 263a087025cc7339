"""Patterns to choose from, a page at a time, and one of them with its graph."""

from dataclasses import dataclass

import orjson

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


@dataclass(frozen=True, slots=True)
class OnePattern:
    """A pattern, its document, and what its forecaster did in the backtest."""

    document: Json
    rpc_ids: tuple[str, ...]  # of the document's rpcs
    backtest: Json


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
    patterns = home.engine.query(
        f"select {', '.join(PATTERNS.names)} from patterns "
        "where pattern_id = $pattern_id and state <> 'retired'",
        pattern_id=pattern_id,
    )
    if patterns.num_rows == 0:
        raise UnknownError(f"pattern {pattern_id!r} is unknown: see `informer patterns list`")
    graph = _graph(home, pattern_id)
    row = patterns.to_pylist()[0]
    rpc_ids = graph.rpc_ids if graph else (row["entry_rpc_id"],)
    backtest = last_run(home)[0].get(pattern_id, {})
    document = pattern_document(
        row,
        graph,
        rpcs_named(home, [*rpc_ids, row["entry_rpc_id"]]),
        backtest.get("chosen", "none"),
        home.get(REASONS).get(pattern_id, ""),
    )
    return OnePattern(document, rpc_ids, backtest)


def _graph(home: Workspace, pattern_id: str) -> PatternGraph | None:
    """As `pattern_graphs` has it, made of the shapes of this pattern alone."""
    given = {"pattern_id": pattern_id}
    members = home.engine.query("select * from members where pattern_id = $pattern_id", **given)
    shapes = home.engine.query(
        "select * from shapes where shape_id in "
        "(select shape_id from members where pattern_id = $pattern_id)",
        **given,
    )
    patterns = home.engine.query("select * from patterns where pattern_id = $pattern_id", **given)
    return graphs_of(patterns, members, shapes).get(pattern_id)
