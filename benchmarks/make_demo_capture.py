"""Make the bundled capture: the proxies' spans of the mesh capture, with what detection needs.

usage: make_demo_capture.py

Reads bookinfo-mesh/days below INFORMER_DATA, writes into src/informer/demo.
"""

import os
import shutil
import sys
from pathlib import Path

import duckdb

KEPT = (
    "node_id",
    "guid:x-request-id",
    "http.url",
    "http.method",
    "http.status_code",
    "response_flags",
    "user_agent",
    "peer.address",
    "upstream_cluster",
    "component",
)
OUT = Path(__file__).parent.parent / "src" / "informer" / "demo"


def main() -> None:
    """Write train.parquet, segment_a.parquet and labels_a.csv."""
    if "INFORMER_DATA" not in os.environ:
        sys.exit("set INFORMER_DATA to the folder that holds bookinfo-mesh")
    days = Path(os.environ["INFORMER_DATA"]) / "bookinfo-mesh" / "days"
    kept = ", ".join(f"'{key}': attributes->>'$.\"{key}\"'" for key in KEPT)
    for part in ("train", "segment_a"):
        duckdb.sql(
            f"""copy (
                select trace_id, span_id, parent_span_id, service, name, kind, start_ns, end_ns,
                    status_code, scope, to_json({{{kept}}}) as attributes,
                    '{{}}' as resource_attributes
                from '{days / part}.parquet' where scope = 'envoy'
                order by start_ns, span_id
            ) to '{OUT / part}.parquet' (format parquet, compression zstd, compression_level 19)"""
        )
    shutil.copyfile(days / "labels_a.csv", OUT / "labels_a.csv")
    for file in sorted(OUT.glob("*.parquet")):
        print(f"{file.name}: {file.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
