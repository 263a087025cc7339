"""Envoy's access log, read on as it grows by a service that is killed, and rotated meanwhile."""

from pathlib import Path

import orjson
from envoy_mesh import STEP_S, WATERMARK_S
from serving import serving, with_settings

from informer.pipeline.workspace import Workspace
from real_parts import eventually

SETTINGS = """
[serve]
grpc = ""
http = ""
web = "127.0.0.1:0"
watermark_s = {watermark_s}
relearn_hours = 0
[tail]
paths = ["{path}"]
start = "begin"
"""
START_S = 1_795_000_002  # of a step
JUDGED = "where step_start_ns >= $began and step_start_ns < $closed"
CALLS, SEEN = (
    f"select sum(calls) as calls from traffic {JUDGED}",
    f"select seen from steps {JUDGED}",
)


def write(log: Path, first: int, last: int) -> None:
    """Two requests a second, in steps first..last, the last left out."""
    with log.open("ab") as file:
        for second in range(first * STEP_S, last * STEP_S):
            for i in range(2):
                line = {
                    "start_time": START_S + second + i / 2,
                    "duration": 3,
                    "method": "GET",
                    "path": "/catalog",
                    "response_code": 200,
                    "response_flags": "-",
                    "request_id": f"r{second}-{i}",
                    "workload": "front",
                }
                file.write(orjson.dumps(line) + b"\n")


def test_lines_are_judged_once_though_the_log_is_rotated_and_the_service_killed(
    mesh_workspace: Path, tmp_path: Path
) -> None:
    log = tmp_path / "front.log"
    settings = SETTINGS.format(watermark_s=WATERMARK_S, path=log)
    workspace = with_settings(mesh_workspace, settings)
    write(log, 0, 10)
    with serving(workspace) as served:
        eventually(lambda: served.metric("informer_steps_closed_total") >= 7)
        write(log, 10, 15)
        served.process.kill()
        served.process.wait()
    log.rename(tmp_path / "front.log.1")
    write(log, 15, 20)
    with serving(workspace) as served:
        eventually(lambda: served.metric("informer_steps_closed_total") >= 5)
        write(log, 20, 30)
        eventually(lambda: served.metric("informer_steps_closed_total") >= 15)
        assert served.metric("informer_spans_late_total") == 0
    with Workspace.open(workspace) as home:
        note = home.get("watching")
        began, closed = int(note["began_ns"]), int(note["closed_ns"])
        judged = home.engine.query(CALLS, began=began, closed=closed)["calls"][0].as_py()
        seen = home.engine.query(SEEN, began=began, closed=closed)
    assert judged == 2 * (closed - began) // 10**9
    assert (closed - began) // (STEP_S * 10**9) == seen.num_rows >= 22
    assert all(seen["seen"].to_pylist())
