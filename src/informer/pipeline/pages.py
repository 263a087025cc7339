"""Rows of a workspace in order of time, a page at a time: what can be long is never read whole."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from informer.core.errors import InformerError
from informer.core.tables import TABLES
from informer.core.types import EVER, Json
from informer.pipeline.documents import incident_document
from informer.pipeline.workspace import Workspace

PAGE = """
select {names}, cast({time} as bigint) as at_page, cast({key} as varchar) as key_page
from {table}
where {time} >= $from_ns and {time} < $until_ns and {where}
    and ({time} > $after_ns or ({time} = $after_ns and cast({key} as varchar) > $after_key))
order by at_page, key_page
limit $limit
"""


@dataclass(frozen=True, slots=True)
class Listing:
    """How rows of a table are listed: in order of a time, then of a key."""

    table: str
    time: str  # its column
    key: str  # SQL; no two rows of one time have the same
    shown: Callable[[Json], Json]  # a row as a document
    where: str = "true"
    filters: tuple[str, ...] = ()  # columns that may be asked for by value


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and where to go on; None = there are no more."""

    rows: list[Json]
    after: str | None


def page(
    home: Workspace,
    listing: Listing,
    *,
    limit: int,
    after: str = "",
    from_ns: int = 0,
    until_ns: int | None = None,
    equal: Mapping[str, str] | None = None,
) -> Page:
    """Rows of a range, those after the place that the page before gave.

    Errors: InformerError for an `after` that is none.
    """
    if not home.engine.has(listing.table):  # workspaces of before have not all tables
        return Page([], None)
    after_ns, after_key = _place(after)
    equal = {k: v for k, v in (equal or {}).items() if k in listing.filters}
    where = " and ".join([listing.where, *(f'"{column}" = ${column}' for column in equal)])
    names = TABLES[listing.table].names
    given: dict[str, Any] = {
        "from_ns": from_ns,
        "until_ns": EVER if until_ns is None else until_ns,
        "limit": limit + 1,
    }
    given |= {"after_ns": after_ns, "after_key": after_key}
    found = home.engine.query(
        PAGE.format(
            names=", ".join(f'"{name}"' for name in names),
            time=listing.time,
            key=listing.key,
            table=listing.table,
            where=where,
        ),
        **given,
        **equal,
    ).to_pylist()
    rows = found[:limit]
    last = f"{rows[-1]['at_page']}~{rows[-1]['key_page']}" if len(found) > limit else None
    return Page([listing.shown({n: row[n] for n in names}) for row in rows], last)


def _place(after: str) -> tuple[int, str]:
    if not after:
        return -1, ""
    ns, _, key = after.partition("~")
    if not ns.isascii() or not ns.isdigit() or int(ns) > EVER:
        raise InformerError(f"after must be what the page before gave, got {after!r}")
    return int(ns), key


def _incident(row: Json) -> Json:
    return incident_document(row) | {"verdict": row["verdict"]}


def _run(row: Json) -> Json:
    """Without the settings: they may name what is secret."""
    kept = {k: row[k] for k in ("run_id", "trained_from_ns", "trained_to_ns")}
    return kept | {"models": orjson.loads(row["models"])}


def _notice(row: Json) -> Json:
    return row | {"document": orjson.loads(row["document"])}


INCIDENTS = Listing("incidents", "opened_ns", "incident_id", _incident, filters=("verdict",))
RUNS = Listing("runs", "trained_to_ns", "run_id", _run)
NOTICES = Listing("notices", "made_ns", "notice_id", _notice, filters=("incident_id", "state"))
DELIVERIES = Listing(
    "deliveries",
    "first_ns",
    "notice_id || ' ' || sink",
    dict,
    "notice_id <> ''",  # those say since when a sink is known
    ("sink", "state"),
)
AUDIT = Listing("audit", "at_ns", "who || ' ' || object || ' ' || outcome", dict, "true", ("who",))
