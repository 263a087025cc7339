"""What is to be known at a glance: what is open, what is watched, and how much of it was seen."""

from dataclasses import dataclass

from informer.core.types import Json
from informer.pipeline.documents import judged_document
from informer.pipeline.workspace import Workspace

RANK = "list_position(['critical', 'high', 'medium', 'low', 'info'], severity)"
UNDECIDED = f"""
select * from incidents where verdict = 'open'
order by resolved_ns is not null, {RANK}, opened_ns desc, incident_id limit $most
"""
COUNTS = """
select severity, resolved_ns is null as going_on, count(*) as n
from incidents where verdict = 'open' group by 1, 2
"""
BUSIEST = """
select pattern_id, label, entry_rpc_id, share, state from patterns
where state <> 'retired' order by chains desc, pattern_id limit $most
"""


@dataclass(frozen=True, slots=True)
class Glance:
    """The workspace at one moment."""

    incidents: list[Json]  # nobody decided on them; going on first, then the worst first
    going_on: int  # of all that nobody decided on
    over: int
    states: dict[str, int]  # patterns by state
    steps: int  # in the range
    seen: int  # that were covered
    busiest: list[Json]  # patterns


def glance(
    home: Workspace, from_ns: int, until_ns: int, *, incidents: int, patterns: int
) -> Glance:
    """At most so many incidents and patterns; coverage is of the range."""
    counts = home.engine.query(COUNTS).to_pylist()
    states = home.engine.query(
        "select state, count(*) as n from patterns where state <> 'retired' group by 1"
    ).to_pylist()
    steps = home.engine.query(
        "select count(*) as n, coalesce(sum(cast(seen as integer)), 0) as seen from steps "
        "where step_start_ns >= $from_ns and step_start_ns < $until_ns",
        from_ns=from_ns,
        until_ns=until_ns,
    ).to_pylist()[0]
    return Glance(
        [judged_document(row) for row in home.engine.query(UNDECIDED, most=incidents).to_pylist()],
        sum(row["n"] for row in counts if row["going_on"]),
        sum(row["n"] for row in counts if not row["going_on"]),
        {row["state"]: row["n"] for row in states},
        int(steps["n"]),
        int(steps["seen"]),
        home.engine.query(BUSIEST, most=patterns).to_pylist(),
    )
