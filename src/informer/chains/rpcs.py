"""The ids of rpcs, the same everywhere, and their codes, secret to a workspace."""

import hashlib
from itertools import count

import pyarrow as pa

from informer.core.ports import Engine
from informer.core.tables import RPCS
from informer.core.types import Json

ID_DIGITS = 12
CODE_BYTES = 5  # eight million codes add up to less than 2 ** 63

FOUND = """
select caller, callee, method, kind, min(coalesce(f.first_ns, c.start_ns)) as first_seen_ns
from named_calls as c
left join counts_as as f on f.trace_id = c.trace_id
where coalesce(f.place, 1) > 0
group by caller, callee, method, kind
order by caller, callee, method, kind
"""


def mint_rpcs(engine: Engine, key: bytes) -> pa.Table:
    """The table `rpcs` with every rpc of `named_calls` in it, sorted by id.

    An rpc that `rpcs` knows from before keeps its row.
    """
    known = engine.query("select * from rpcs").to_pylist()
    rows = {row["rpc_id"]: row for row in known}
    names_known = {_names(row) for row in known}
    for found in engine.query(FOUND).to_pylist():
        if _names(found) not in names_known:
            rpc_id = next(
                i for n in count() if (i := rpc_id_of(*_names(found), again=n)) not in rows
            )
            rows[rpc_id] = {"rpc_id": rpc_id, **found, "code": code_of(rpc_id, key)}
    return RPCS.of([rows[rpc_id] for rpc_id in sorted(rows)])


def rpc_id_of(caller: str, callee: str, method: str, kind: str, *, again: int = 0) -> str:
    """Twelve hexadecimal digits, the same for the same names on every machine.

    Whoever chooses a method's name can find two rpcs with one id, and so hide the second behind
    the first: that one has to try `again`.
    """
    names = "\x1f".join((caller, callee, method, kind, *[str(again)] * (again > 0)))
    return hashlib.sha256(names.encode()).hexdigest()[:ID_DIGITS]


def code_of(rpc_id: str, key: bytes) -> int:
    """A number below 2 ** 40 that nobody can guess without the key.

    Whoever knew the codes could look for two sets of rpcs with one sum, and so with one shape.
    """
    digest = hashlib.blake2b(rpc_id.encode(), digest_size=CODE_BYTES, key=key).digest()
    return int.from_bytes(digest, "big")


def _names(row: Json) -> tuple[str, str, str, str]:
    return row["caller"], row["callee"], row["method"], row["kind"]
