"""The ids of rpcs, the same everywhere, and their codes, secret to a workspace."""

import hashlib

import pyarrow as pa

from informer.core.ports import Engine
from informer.core.tables import RPCS

ID_DIGITS = 12
CODE_BYTES = 5  # eight million codes add up to less than 2 ** 63

FOUND = """
select caller, callee, method, kind, min(start_ns) as first_seen_ns
from named_calls
group by caller, callee, method, kind
"""


def mint_rpcs(engine: Engine, key: bytes) -> pa.Table:
    """The table `rpcs` with every rpc of `named_calls` in it, sorted by id.

    An rpc that `rpcs` knows from before keeps its row. `rpcs` is made when absent.
    """
    engine.append("rpcs", RPCS.empty())
    rows = {row["rpc_id"]: row for row in engine.query("select * from rpcs").to_pylist()}
    for found in engine.query(FOUND).to_pylist():
        rpc_id = rpc_id_of(found["caller"], found["callee"], found["method"], found["kind"])
        if rpc_id not in rows:
            rows[rpc_id] = {"rpc_id": rpc_id, **found, "code": code_of(rpc_id, key)}
    return RPCS.of([rows[rpc_id] for rpc_id in sorted(rows)])


def rpc_id_of(caller: str, callee: str, method: str, kind: str) -> str:
    """Twelve hexadecimal digits, the same for the same names on every machine."""
    names = "\x1f".join((caller, callee, method, kind))
    return hashlib.sha256(names.encode()).hexdigest()[:ID_DIGITS]


def code_of(rpc_id: str, key: bytes) -> int:
    """A number below 2 ** 40 that cannot be chosen or guessed without the key.

    Whoever can mint rpcs could otherwise look for two sets of them with one sum.
    """
    digest = hashlib.blake2b(rpc_id.encode(), digest_size=CODE_BYTES, key=key).digest()
    return int.from_bytes(digest, "big")
