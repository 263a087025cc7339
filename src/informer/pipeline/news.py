"""What was met but never learned: made known when somebody accepts it, and forgotten again."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from informer.core.types import Json
from informer.patterns.find import Previous, assign
from informer.patterns.graphs import edges_of
from informer.pipeline.accepts import Accept
from informer.pipeline.memory import pattern_graphs, previous_patterns, services_of
from informer.pipeline.workspace import Workspace

KEYS = {"rpcs": "rpc_id", "shapes": "shape_id"}


@dataclass(frozen=True, slots=True)
class Learned:
    """What was news until now."""

    rpcs: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()
    joined: dict[str, str] = field(default_factory=dict)  # shape id: the pattern that it is in now

    def shapes_of(self, pattern_id: str) -> tuple[str, ...]:
        """The shapes that go with a pattern: all but those that joined another."""
        return tuple(s for s in self.shapes if self.joined.get(s, pattern_id) == pattern_id)


def learn_news(home: Workspace, incidents: Sequence[Json], pattern_ids: Collection[str]) -> Learned:
    """Make the novel rpcs and shapes of incidents known ones, and the shapes these rpcs make.

    Shapes nearest to one of the patterns join it.
    """
    news = [n for i in incidents for n in orjson.loads(i["evidence"])["novel"]]
    if not news:
        return Learned()
    before = previous_patterns(home)
    rpcs = _know(home, "rpcs", [n["name"] for n in news if n["what"] != "shape"])
    named = {str(n["name"]) for n in news}
    met = home.engine.query("select shape_id, rpc_ids from met_shapes").to_pylist()
    shapes = _know(
        home, "shapes", [s["shape_id"] for s in met if named & {s["shape_id"], *s["rpc_ids"]}]
    )
    return Learned(tuple(rpcs), tuple(shapes), _join(home, before, shapes, pattern_ids))


def forget_news(home: Workspace, rpcs: Collection[str], shapes: Collection[str]) -> None:
    """Make known rpcs and shapes news again."""
    if not rpcs and not shapes:
        return
    for name, ids in (("rpcs", rpcs), ("shapes", shapes)):
        key = KEYS[name]
        home.engine.write("forgotten", pa.table({key: pa.array(list(ids), pa.string())}))
        which = f"{key} in (select {key} from forgotten)"
        home.engine.run(
            f"delete from met_{name} where {which};"
            f"insert into met_{name} by name select * from {name} where {which};"
            f"delete from {name} where {which}"
        )
    home.engine.run(
        "delete from members where shape_id in (select shape_id from forgotten);"
        "drop table forgotten"
    )


def without_rejected_news(
    home: Workspace, rpcs: pa.Table, shapes: pa.Table
) -> tuple[pa.Table, pa.Table]:
    """Rows of both tables that no rejected incident was about: these stay news."""
    rejected = [i for i in home.table("incidents").to_pylist() if i["verdict"] == "rejected"]
    names = {str(n["name"]) for i in rejected for n in orjson.loads(i["evidence"])["novel"]}
    holding = [
        bool(names & {shape_id, *rpc_ids})
        for shape_id, rpc_ids in zip(
            shapes["shape_id"].to_pylist(), shapes["rpc_ids"].to_pylist(), strict=True
        )
    ]
    rejected_rpcs = pc.is_in(rpcs["rpc_id"], pa.array(sorted(names), pa.string()))
    return rpcs.filter(pc.invert(rejected_rpcs)), shapes.filter(
        pc.invert(pa.array(holding, pa.bool_()))
    )


def news_of(accepts: Sequence[Accept]) -> tuple[set[str], set[str]]:
    """The rpcs and shapes that some accepts made known."""
    return {r for a in accepts for r in a.rpcs}, {s for a in accepts for s in a.shapes}


def redraw(home: Workspace, pattern_ids: Collection[str]) -> None:
    """Write edges and services of patterns anew after their shapes changed."""
    previous = previous_patterns(home)
    graphs = {g.pattern_id: g for g in pattern_graphs(previous)}
    runs = dict(
        zip(
            previous.patterns["pattern_id"].to_pylist(),
            previous.patterns["run_id"].to_pylist(),
            strict=True,
        )
    )
    services = home.get("services")
    rpcs = home.table("rpcs")
    for pattern_id in pattern_ids:
        home.engine.run("delete from pattern_edges where pattern_id = $p", p=pattern_id)
        home.engine.append("pattern_edges", edges_of(runs[pattern_id], [graphs[pattern_id]]))
        services |= {
            p: sorted(s) for p, s in services_of({pattern_id: graphs[pattern_id]}, rpcs).items()
        }
    home.put("services", services)


def _know(home: Workspace, name: str, ids: Collection[str]) -> list[str]:
    """Move what was met among what is known; returns the ids of what was not known."""
    key = KEYS[name]
    home.engine.write("wanted", pa.table({key: pa.array(list(ids), pa.string())}))
    fresh = f"{key} in (select {key} from wanted) and {key} not in (select {key} from {name})"
    found = home.engine.query(f"select {key} from met_{name} where {fresh} order by {key}")
    home.engine.run(
        f"insert into {name} by name select * from met_{name} where {fresh}; drop table wanted"
    )
    return [str(x) for x in found[key].to_pylist()]


def _join(
    home: Workspace, before: Previous, shape_ids: Sequence[str], pattern_ids: Collection[str]
) -> dict[str, str]:
    """Put shapes into those of the patterns that they are nearest to; returns where they are."""
    shapes, rpcs = home.table("shapes"), home.table("rpcs")
    known = set(rpcs["rpc_id"].to_pylist())
    whole = [set(ids) <= known for ids in shapes["rpc_ids"].to_pylist()]
    fresh = pc.is_in(shapes["shape_id"], pa.array(shape_ids, pa.string()))
    joining = shapes.filter(pc.and_(fresh, pa.array(whole)))
    if joining.num_rows == 0:
        return {}
    # A shape may be known, of another decision, while one of its rpcs was only met.
    met = home.engine.query("select * from met_rpcs").select(rpcs.column_names)
    only_met = pc.invert(pc.is_in(met["rpc_id"], rpcs["rpc_id"]))
    members = assign(joining, pa.concat_tables([rpcs, met.filter(only_met)]), before)
    mine = pc.is_in(members["pattern_id"], pa.array(sorted(pattern_ids), pa.string()))
    members = members.filter(mine)
    home.engine.append("members", members)
    columns = (members["shape_id"].to_pylist(), members["pattern_id"].to_pylist())
    return dict(zip(*columns, strict=True))
