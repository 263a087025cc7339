"""Strangers: names that were never met. Some are looked after; the rest share the name `{other}`.

Whoever sends spans chooses the names in them, and every rpc, version and news costs memory for as
long as they are in view. A million new names in a step must not be a million rpcs.
"""

from collections.abc import Sequence

from informer.detections.novelty import Novel
from informer.engines.duckdb import DuckDBEngine
from informer.pipeline.open_spans import own

OTHER = "{other}"
MOST_AT_ONCE = 100  # new services, and as many peers, that closing some steps may bring
MOST_RPCS = 100_000  # of a workspace; it learned some hundred
MOST_VERSIONS = 10  # of a service, in closed steps
MOST_NEWS = 2_000  # in view; an incident names a few

# The busiest come in. Nobody is left out whose name is an end of a known rpc. Not every peer
# becomes the end of one, so peers must not take the room of services.
MET_NAMES = """
create or replace temp table met_names as
select caller as name from rpcs union select callee as name from rpcs
"""
STRANGERS = """
create or replace temp table strangers as
select {column} as name from spans
anti join met_names on met_names.name = spans.{column}
where {column} is not null
group by {column}
order by count(*) desc, {column}
offset $room
"""
SHARE = """
update spans set {column} = $other where {column} in (select name from strangers)
"""
SHARE_METHODS = """
update methods set method = $other
where not exists (
    select 1 from rpcs as r where r.callee = methods.service and r.method = methods.method
)
"""
STRANGE_VERSIONS = """
create or replace temp table strange_versions as
select service, version from spans
where version is not null
group by service, version
qualify row_number() over (partition by service order by count(*) desc, version) > $most
"""
FORGET = """
update spans set version = null
where (service, version) in (select (service, version) from strange_versions)
"""


def share_names(scratch: DuckDBEngine) -> int:
    """Give names beyond what is looked after a shared one, in `spans`; how many they were.

    `rpcs` are those known from before.
    """
    room, strangers = _room(scratch), 0
    scratch.run(MET_NAMES)
    for column in ("service", "peer"):
        scratch.run(STRANGERS.format(column=column), room=room)
        if found := _count(scratch, "strangers"):
            own(scratch)
            scratch.run(SHARE.format(column=column), other=OTHER)
            strangers += found
    scratch.run(STRANGE_VERSIONS, most=MOST_VERSIONS)
    if found := _count(scratch, "strange_versions"):
        own(scratch)
        scratch.run(FORGET)
        strangers += found
    return strangers


def share_methods(scratch: DuckDBEngine) -> None:
    """When there are too many rpcs, let no new method make another."""
    if _room(scratch) == 0:
        scratch.run(SHARE_METHODS, other=OTHER)


def most_met(novel: Sequence[Novel], most: int = MOST_NEWS) -> list[Novel]:
    """The news that were met most, in their order."""
    if len(novel) <= most:
        return list(novel)
    ranked = sorted(range(len(novel)), key=lambda i: -float(novel[i].met.sum()))
    return [novel[i] for i in sorted(ranked[:most])]


def _room(scratch: DuckDBEngine) -> int:
    return max(min(MOST_RPCS - _count(scratch, "rpcs"), MOST_AT_ONCE), 0)


def _count(scratch: DuckDBEngine, table: str) -> int:
    return int(scratch.query(f"select count(*) as n from {table}")["n"][0].as_py())
