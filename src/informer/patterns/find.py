"""Finds the chain patterns of a learning run, and the pattern of a shape met later."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from informer.core.tables import MEMBERS, PATTERNS
from informer.core.types import NOISE, Floats
from informer.patterns.clusters import Clusters, find_clusters, join
from informer.patterns.critical import Rule
from informer.patterns.describe import describe
from informer.patterns.forms import Forms
from informer.patterns.graphs import edges_of, graphs_of
from informer.patterns.identity import name_clusters


@dataclass(frozen=True, slots=True)
class Previous:
    """What an earlier learning run left: its tables, empty when there was none."""

    patterns: pa.Table
    members: pa.Table
    shapes: pa.Table  # those it learned from


@dataclass(frozen=True, slots=True)
class Patterns:
    """What was found: rows of the tables `patterns`, `members` and `pattern_edges`."""

    patterns: pa.Table
    members: pa.Table
    pattern_edges: pa.Table

    @property
    def critical(self) -> tuple[str, ...]:
        """The ids of the patterns that are worth a model of their own."""
        critical = self.patterns.filter(self.patterns["critical"])
        return tuple(critical["pattern_id"].to_pylist())


def find_patterns(
    shapes: pa.Table,
    rpcs: pa.Table,
    *,
    run_id: str,
    previous: Previous | None = None,
    critical_share: float = 0.01,
    critical_rules: Sequence[str] = (),
) -> Patterns:
    """The patterns of these shapes, with the ids of the `previous` run where they go on.

    `rpcs` holds every rpc of the shapes, those of the previous run included. A pattern is
    critical from `critical_share` of all chains, or by a rule such as `*>auth:login`; one of the
    previous run that is found no more is `retired`. The same shapes in any order give equal
    tables. Errors: InformerError for a rule that is none.
    """
    rules = [Rule.parse(text) for text in critical_rules]
    shapes = shapes.sort_by("shape_id")
    forms = Forms.of(shapes, rpcs)
    clusters, weights = find_clusters(forms)
    if previous is None:
        previous = Previous(PATTERNS.empty(), MEMBERS.empty(), shapes.slice(0, 0))
    old_ids = sorted(set(previous.members["pattern_id"].to_pylist()) - {NOISE})
    moved = _moved(clusters, shapes, rpcs, previous, old_ids)
    ids = name_clusters(forms, clusters.medoid, old_ids, moved)
    entry_of = _by_shape(shapes, "entry_rpc_id")
    rows = describe(forms, clusters, weights, ids, critical_share, rules)
    for row in rows:
        row |= {"run_id": run_id, "entry_rpc_id": entry_of[row["medoid_shape_id"]]}
    rows += [
        row | {"run_id": run_id, "chains": 0.0, "share": 0.0, "critical": False, "state": "retired"}
        for row in previous.patterns.to_pylist()
        if row["pattern_id"] in set(old_ids) - set(ids)
    ]
    patterns = PATTERNS.of(rows)
    members = _members(run_id, forms, clusters, ids)
    edges = edges_of(run_id, graphs_of(patterns, members, shapes).values())
    return Patterns(patterns, members, edges)


def assign(shapes: pa.Table, rpcs: pa.Table, previous: Previous) -> pa.Table:
    """Rows of `members` for shapes met after learning; learned ones keep their pattern.

    A shape never learned joins the pattern of the nearest learned one, or is noise. `rpcs` holds
    every rpc of the shapes, the learned ones included.
    """
    live = previous.patterns.filter(pc.not_equal(previous.patterns["state"], "retired"))
    ids = live["pattern_id"].to_pylist()
    forms = Forms.of(_with_more(previous.shapes, shapes), rpcs)
    # A shape that a person accepted is known, but no run has put it into a pattern.
    learned = np.isin(forms.shape_ids, previous.members["shape_id"].to_pylist())
    clusters = join(forms, learned, _clusters(forms, previous, live))
    run_id = live["run_id"][0].as_py() if ids else ""
    members = _members(run_id, forms, clusters, ids)
    return members.filter(pc.is_in(members["shape_id"], shapes["shape_id"].combine_chunks()))


def _by_shape(shapes: pa.Table, column: str) -> dict[str, Any]:
    return dict(zip(shapes["shape_id"].to_pylist(), shapes[column].to_pylist(), strict=True))


def _with_more(shapes: pa.Table, more: pa.Table) -> pa.Table:
    known = pc.is_in(more["shape_id"], shapes["shape_id"].combine_chunks())
    return pa.concat_tables([shapes, more.filter(pc.invert(known))])


def _clusters(forms: Forms, previous: Previous, live: pa.Table) -> Clusters:
    number = {p: m for m, p in enumerate(live["pattern_id"].to_pylist())}
    place = {s: i for i, s in enumerate(forms.shape_ids)}
    label, distance = np.full(len(place), -1), np.ones(len(place))
    for row in previous.members.to_pylist():
        label[place[row["shape_id"]]] = number.get(row["pattern_id"], -1)
        distance[place[row["shape_id"]]] = row["distance"]
    medoid = [place[s] for s in live["medoid_shape_id"].to_pylist()]
    return Clusters(label, distance, np.array(medoid, dtype=np.int64))


def _moved(
    clusters: Clusters, shapes: pa.Table, rpcs: pa.Table, previous: Previous, old_ids: list[str]
) -> Floats:
    """Chains of each old pattern by the cluster of its shapes now; [old, m + 1], last = none."""
    if not old_ids:
        return np.zeros((0, len(clusters.medoid) + 1))
    forms = Forms.of(_with_more(shapes, previous.shapes), rpcs)
    is_new = np.arange(len(forms.chains)) < shapes.num_rows
    unknown = np.full(len(is_new) - shapes.num_rows, -1)
    label = np.concatenate([clusters.label, unknown])
    now = join(forms, is_new, Clusters(label, np.ones(len(label)), clusters.medoid)).label
    place = {s: i for i, s in enumerate(forms.shape_ids)}
    chains = _by_shape(previous.shapes, "chains")
    moved = np.zeros((len(old_ids), len(clusters.medoid) + 1))
    number = {p: m for m, p in enumerate(old_ids)}
    for row in previous.members.to_pylist():
        if row["pattern_id"] in number:
            shape_id = row["shape_id"]
            moved[number[row["pattern_id"]], now[place[shape_id]]] += chains[shape_id]
    return moved


def _members(run_id: str, forms: Forms, clusters: Clusters, ids: list[str]) -> pa.Table:
    pattern_ids = [[*ids, NOISE][m] for m in clusters.label.tolist()]
    columns = [[run_id] * len(pattern_ids), list(forms.shape_ids), pattern_ids, clusters.distance]
    rows = pa.table(columns, schema=MEMBERS.schema)
    return rows.sort_by("shape_id")
