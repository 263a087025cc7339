"""An attack through a real Envoy becomes an alert in a real Alertmanager, and resolves there."""

import json
import os
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from envoy_mesh import STEP_S, WATERMARK_S, meanwhile, mesh
from serving import serving, with_settings

from real_parts import PATIENCE_S, eventually, free_port, needed, running

ALONE = "PYTEST_XDIST_WORKER" not in os.environ
SETTINGS = """
[serve]
grpc = "127.0.0.1:{grpc}"
http = ""
web = "127.0.0.1:0"
watermark_s = {watermark_s}
relearn_hours = 0
[alertmanager]
url = "{alertmanager}"
refresh_s = 10
"""


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


@contextmanager
def alertmanager(folder: Path) -> Iterator[str]:
    program = needed("prometheus-alertmanager")
    config = folder / "alertmanager.yml"
    config.write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    address = f"127.0.0.1:{free_port()}"
    command = [
        program,
        f"--config.file={config}",
        f"--storage.path={folder / 'alerts'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    url = f"http://{address}"
    with running(command, folder / "alertmanager.log", lambda: answers(f"{url}/-/ready")):
        yield url


def alerts(url: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{url}/api/v2/alerts?active=true", timeout=10) as got:
        return list(json.load(got))


def test_passwords_that_are_tried_out_become_an_alert_that_resolves(
    mesh_workspace: Path, tmp_path: Path
) -> None:
    port = free_port()
    with alertmanager(tmp_path) as url, mesh(tmp_path, port) as small:
        settings = SETTINGS.format(grpc=port, watermark_s=WATERMARK_S, alertmanager=url)
        with serving(with_settings(mesh_workspace, settings)) as served, meanwhile(small):
            eventually(lambda: served.metric("informer_steps_closed_total") >= 5)
            assert alerts(url) == []
            began_s = time.monotonic()
            while not (told := alerts(url)):
                assert time.monotonic() - began_s < PATIENCE_S
                for _ in range(10):
                    small.request("/login", password="wrong")
            took_s = time.monotonic() - began_s
            print(f"told after {took_s:.1f} s")
            eventually(lambda: alerts(url) == [])
            assert served.metric("informer_spans_late_total") == 0
    assert told[0]["labels"]["alertname"] == "InformerIncident"
    assert told[0]["labels"]["kind"] == "refusal"
    assert "/login" in told[0]["annotations"]["summary"]
    if ALONE:  # what it owes on a machine that does nothing else meanwhile
        assert took_s < WATERMARK_S + 2 * STEP_S
