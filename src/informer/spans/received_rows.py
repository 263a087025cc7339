"""Rows of some table, and which of their columns tell sayings apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

Sql: TypeAlias = str

# Parts of a saying, and what to take of the column of RECEIVED.
PARTS = {
    **dict.fromkeys(("service", "operation", "kind", "peer", "status_code", "failed"), "{0}"),
    **dict.fromkeys(("weight", "version", "scope"), "{0}"),
    # Random numbers stand beside what the sampler says.
    "trace_state": "case when {0} is not null then "
    r"concat('ot=th:', regexp_extract({0}, 'ot=[^,]*?\bth:([0-9a-f]{{1,14}})', 1), "
    r"';p:', regexp_extract({0}, 'ot=[^,]*?\bp:([0-9]{{1,2}})', 1)) end",
    "resource": "{0}",
}
NULL = "null::varchar"
NULLS = {"status_code": "null::bigint", "failed": "null::boolean", "weight": "null::double"}


@dataclass(frozen=True, slots=True)
class Received:
    """Rows of some table, and how they are read: SQL for every column of RECEIVED."""

    rows: Sql
    columns: Mapping[str, Sql]
    said_by: tuple[str, ...] | None = None  # columns of the rows of which sayings are made, quoted

    def keys(self) -> dict[str, Sql]:
        """What tells sayings apart: a name for each part of it, and SQL over the rows."""
        absent = {n for n, sql in self.columns.items() if sql.startswith("cast(null as ")}
        parts = {n: sql.format(self.columns[n]) for n, sql in PARTS.items() if n not in absent}
        if self.said_by is None:
            return {f'"{n}"': sql for n, sql in parts.items()}
        kept = {f'"{n}"': parts[n] for n in ("trace_state", "resource") if n in parts}
        return {n: n for n in self.said_by} | {f'"told {n[1:]}': sql for n, sql in kept.items()}

    def said(self) -> dict[str, Sql]:
        """SQL for the parts of sayings over a table with columns named as in `keys`."""
        keys = self.keys()
        if self.said_by is None:
            return {n: f'"{n}"' if f'"{n}"' in keys else NULLS.get(n, NULL) for n in PARTS}
        told = {n: f'"told {n}"' for n in ("trace_state", "resource")}
        return {
            n: (told[n] if told[n] in keys else NULL) if n in told else self.columns[n]
            for n in PARTS
        }


@dataclass(frozen=True, slots=True)
class Apart:
    """Lines of a reader, each with the number of what it says, and a table of that."""

    lines: Sql  # with the columns of OWN but for `resource`, `in_bounds` and `number`
    sayings: Sql  # with those of PARTS, `meant` and `number`
