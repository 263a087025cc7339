"""A small file of every format in, rows of `spans` out.

`python tests/golden/test_span_formats.py` writes what comes out now; read the difference.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent / "spans"
RPC_LOG = {
    "trace_id": "request",
    "caller": "src",
    "callee": "dst",
    "method": "api",
    "start_s": "time",
    "duration_s": "took",
    "status_code": "code",
}
CASES: dict[str, dict[str, Any]] = {
    "jaeger.json": {},
    "zipkin.json": {},
    "zipkin_lines.jsonl": {},
    "skywalking.csv": {},
    "productpage-v1.log": {},
    "envoy.jsonl": {},
    "nezha.csv": {},
    "mesh.jsonl": {},
    "rpc_log.csv": {"columns": RPC_LOG},
}


def outcome(name: str) -> dict[str, Any]:
    """What reading a file gives, as plain data."""
    from span_reading import read

    reading = read(HERE / name, **CASES[name])
    rows = [row | {"attributes": json.loads(row["attributes"])} for row in reading.rows]
    notes = [note.replace(str(HERE), "") for note in reading.notes]
    return {
        "format": reading.formats,
        "rejected": dict(reading.rejected),
        "notes": notes,
        "spans": rows,
    }


@pytest.mark.parametrize("name", CASES)
def test_a_small_file_gives_these_spans(name: str) -> None:
    expected = json.loads((HERE / f"{name}.expected").read_text(encoding="utf-8"))
    assert outcome(name) == expected


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    for case in CASES:
        text = json.dumps(outcome(case), indent=1, ensure_ascii=False)
        (HERE / f"{case}.expected").write_text(text + "\n", encoding="utf-8")
