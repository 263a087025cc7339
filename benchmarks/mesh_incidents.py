"""Does Informer find the labelled events of the mesh capture, and how many false incidents come?

usage: mesh_incidents.py

Learns bookinfo-mesh/days/train.parquet below INFORMER_DATA at steps of 600 s, detects on segment A,
prints a row per event and writes results/mesh_incidents.json. An attack is found by a misuse
incident that opens in it (a step before to three steps after) and names the guilty rpc among its
first three. False are misuse incidents that open inside no attack and no fault.
"""

import json
import os
import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from informer.cli.labels import false_incidents, hold_against
from informer.config.settings import Settings, SourceSettings, TrafficSettings
from informer.pipeline.detect import detect
from informer.pipeline.documents import detection_document
from informer.pipeline.learn import learn

RESULTS = Path(__file__).parent / "results" / "mesh_incidents.json"


def main() -> None:
    """Learn, detect, compare, print and write."""
    if "INFORMER_DATA" not in os.environ:
        sys.exit("set INFORMER_DATA to the folder that holds bookinfo-mesh")
    days = Path(os.environ["INFORMER_DATA"]) / "bookinfo-mesh" / "days"
    settings = replace(
        Settings(),
        source=SourceSettings(where="scope = 'envoy'"),
        traffic=TrafficSettings(step_s=600),
    )
    with tempfile.TemporaryDirectory() as workspace:
        started = time.perf_counter()
        learn([str(days / "train.parquet")], workspace, settings=settings)
        learned = time.perf_counter()
        found = detect([str(days / "segment_a.parquet")], workspace)
        detected = time.perf_counter()
    incidents = detection_document(found.incidents, found.grid)["incidents"]
    labels = hold_against(days / "labels_a.csv", incidents, found.grid.step_ns)
    false = false_incidents(labels, incidents, found.grid.step_ns)
    for label in labels:
        print(f"{label.event:4} {label.flag:7} {label.kind:36} {label.outcome}")
    attacks = [x for x in labels if x.flag == "attack"]
    results = {
        "attacks": len(attacks),
        "attacks_found": sum(x.found_by is not None for x in attacks),
        "guilty_first": sum(x.outcome.endswith("no. 1") for x in attacks),
        "missed": [x.event for x in attacks if x.found_by is None],
        "misuse_incidents_outside_events": len(false),
        "learn_s": round(learned - started, 1),
        "detect_s": round(detected - learned, 1),
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(results, indent=2))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"results": results}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
