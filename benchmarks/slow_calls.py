"""Which faults that slow calls down are told as latency, and how often is clean latency told?

usage: slow_calls.py

Needs train-ticket and bookinfo-mesh below INFORMER_DATA. Learns the clean Train-Ticket capture at
steps of 30 s, and looks at the one with five labelled faults of about three minutes each: a fault
is told by detections of latency within five minutes of it. Then learns one half of a clean capture
and looks at the other, both ways, where every detection of latency is false. Prints a
row per fault and per half, and writes results/slow_calls.json.
"""

import json
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from informer.config.settings import (
    MachineSettings,
    PatternSettings,
    Settings,
    SourceSettings,
    TrafficSettings,
)
from informer.core.types import NS_PER_S, Grid, Json
from informer.pipeline.detect import detect
from informer.pipeline.learn import learn

RESULTS = Path(__file__).parent / "results" / "slow_calls.json"
TOLD_WITHIN_S = 300
DAY_NS = 86_400 * NS_PER_S
MESH_START_NS = 1_780_272_000 * NS_PER_S  # Monday 2026-06-01
CLEAN_START_NS = 1_675_088_100 * NS_PER_S  # 2023-01-30 14:15

# Networks take time to train, and have no say in what is slow.
ANY = replace(
    Settings(),
    patterns=PatternSettings(critical_share=1.0),
    machine=MachineSettings(processes=1),
)
TRAIN_TICKET = replace(ANY, traffic=TrafficSettings(step_s=30))
MESH = replace(
    ANY,
    source=SourceSettings(where="scope = 'envoy'"),
    traffic=TrafficSettings(step_s=600),
)


def main() -> None:
    """Learn, look, print and write."""
    if "INFORMER_DATA" not in os.environ:
        sys.exit("set INFORMER_DATA to the folder that holds train-ticket and bookinfo-mesh")
    data = Path(os.environ["INFORMER_DATA"])
    clean = data / "train-ticket" / "clean_1415_1600.parquet"
    mesh = data / "bookinfo-mesh" / "days" / "train.parquet"
    faults = _faults(clean, data / "train-ticket")
    mesh_middle_ns, clean_middle_ns = MESH_START_NS + 7 * DAY_NS, CLEAN_START_NS + 3_000 * NS_PER_S
    halves = {
        "mesh, first week learned": _false(mesh, MESH, None, mesh_middle_ns),
        "mesh, second week learned": _false(mesh, MESH, mesh_middle_ns, None),
        "train-ticket, first half learned": _false(clean, TRAIN_TICKET, None, clean_middle_ns),
        "train-ticket, second half learned": _false(clean, TRAIN_TICKET, clean_middle_ns, None),
    }
    for name, half in halves.items():
        print(f"{name:36} {half}")
    results = {"faults": faults, "clean": halves}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"results": results}, indent=2) + "\n", encoding="utf-8")


def _slow(
    train: Path,
    test: Path,
    settings: Settings,
    learned: tuple[int | None, int | None] = (None, None),
    looked: tuple[int | None, int | None] = (None, None),
) -> tuple[Grid, list[Json]]:
    """Detections of latency with the names of their rpcs, and the steps that were looked at."""
    with tempfile.TemporaryDirectory() as workspace:
        learn([str(train)], workspace, settings=settings, from_ns=learned[0], until_ns=learned[1])
        found = detect([str(test)], workspace, from_ns=looked[0], until_ns=looked[1])
    names = {r["rpc_id"]: f"{r['caller']} > {r['callee']}" for r in found.rpcs.to_pylist()}
    rows = [r | {"rpc": names[r["rpc_id"]]} for r in found.detections.to_pylist()]
    return found.grid, [r for r in rows if r["kind"] == "latency"]


def _faults(clean: Path, folder: Path) -> list[Json]:
    """Every fault, with the rpcs that were slow within five minutes of it, the slowest first."""
    _, slow = _slow(clean, folder / "faulty_1138_1235.parquet", TRAIN_TICKET)
    rows: list[Json] = []
    explained: set[str] = set()
    for fault in json.loads((folder / "faults.json").read_text(encoding="utf-8")):
        at_ns = int(fault["inject_timestamp"]) * NS_PER_S
        after_s = {r["detection_id"]: (r["step_start_ns"] - at_ns) / NS_PER_S for r in slow}
        mine = [
            r
            for r in slow
            if -TRAIN_TICKET.traffic.step_s <= after_s[r["detection_id"]] <= TOLD_WITHIN_S
        ]
        explained |= {r["detection_id"] for r in mine}
        times = {r["rpc"]: 0.0 for r in mine}
        for r in mine:
            times[r["rpc"]] = max(times[r["rpc"]], r["observed"] / r["expected"])
        row = {"fault": fault["inject_type"], "pod": fault["inject_pod"].rsplit("-", 2)[0]}
        row["times_slower"] = {
            k: round(v, 1) for k, v in sorted(times.items(), key=lambda x: -x[1])
        }
        rows.append(row)
        print(f"{row['fault']:16} {row['pod']:28} {row['times_slower'] or 'not told'}")
    others = {r["rpc"] for r in slow if r["detection_id"] not in explained}
    print(f"slow at other times: {sorted(others) or 'nothing'}")
    return [*rows, {"fault": "none", "slow": sorted(others)}]


def _false(
    capture: Path, settings: Settings, from_ns: int | None, until_ns: int | None
) -> dict[str, float]:
    """Days of the half that was not learned, and rpcs that were told as slow in it."""
    other = (until_ns, from_ns)  # what lies after the end, or before the beginning
    grid, slow = _slow(capture, capture, settings, (from_ns, until_ns), other)
    days = len(grid.seen) * grid.step_s / 86_400
    return {"days": round(days, 2), "slow_rpcs": len({r["rpc"] for r in slow})}


if __name__ == "__main__":
    main()
