"""A few traces of a small shop in; calls, rpcs, chains and shapes out.

`python tests/golden/test_chains.py` writes what comes out now; read the difference.
"""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from informer.chains.build import build_chains
from informer.core.tables import SPANS
from informer.engines.duckdb import DuckDBEngine

HERE = Path(__file__).parent / "chains"
TABLES = {
    "rpcs": "rpc_id",
    "calls": "trace_id, start_ns",
    "chains": "start_ns",
    "signature_shapes": "shape_id",
    "shapes": "first_seen_ns",
}


def outcome() -> dict[str, list[dict[str, Any]]]:
    """The tables of the stage, each in its order, as plain data."""
    with DuckDBEngine(threads=1) as engine:
        engine.write("spans", SPANS.empty())
        engine.run(
            "insert into spans by name select *, 1.0 as weight "
            f"from read_csv('{HERE / 'shop.csv'}', all_varchar = true, nullstr = '')"
        )
        template = {"service": "cart", "operation": "GET /cart/7", "method": "GET /cart/{id}"}
        engine.write("methods", pa.Table.from_pylist([template]))
        build_chains(engine, key=b"golden")
        return {
            table: engine.query(f"select * from {table} order by {order}").to_pylist()
            for table, order in TABLES.items()
        }


@pytest.mark.parametrize("table", TABLES)
def test_the_shop_gives_this_table(table: str) -> None:
    expected = json.loads((HERE / "shop.expected.json").read_text("utf-8"))
    assert outcome()[table] == expected[table]


if __name__ == "__main__":
    text = json.dumps(outcome(), indent=1)
    (HERE / "shop.expected.json").write_text(text + "\n", "utf-8")
