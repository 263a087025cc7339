"""An attack through a real Envoy becomes an alert in a real Alertmanager, and resolves there."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envoy_mesh import Mesh, mesh
from listening import listening

from command import done
from real_parts import eventually, free_port, needed, running

STEP_S, WATERMARK_S = 2, 2
LEARNED_S = 24
SETTINGS = """
[machine]
processes = 1
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


@dataclass
class Serving:
    """`informer serve`, seen from outside."""

    web: int

    def metric(self, name: str) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web}/metrics", timeout=10) as got:
            found = re.search(rf"^{name} (\S+)", got.read().decode(), re.MULTILINE)
        return float(found[1]) if found else 0.0


@contextmanager
def serving(workspace: Path) -> Iterator[Serving]:
    command = [sys.executable, "-m", "informer", "serve", "-w", str(workspace)]
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        ) as process,
    ):
        try:
            assert process.stdout is not None
            port = next(
                int(line.rpartition(" ")[2]) for line in process.stdout if line.startswith("health")
            )
            yield Serving(port)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            said.seek(0)
            print(said.read())


def alerts(url: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{url}/api/v2/alerts?active=true", timeout=10) as got:
        return list(json.load(got))


@contextmanager
def meanwhile(mesh: Mesh) -> Iterator[None]:
    """Users go on with what they do."""
    ends = threading.Event()

    def use() -> None:
        while not ends.is_set():
            mesh.usual(0.5)

    thread = threading.Thread(target=use)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()


def test_passwords_that_are_tried_out_become_an_alert_that_resolves(tmp_path: Path) -> None:
    needed("prometheus-alertmanager")
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    with listening(tmp_path) as heard:
        port = heard.grpc
        with mesh(tmp_path, port) as small:
            small.usual(LEARNED_S)
            eventually(lambda: len(heard.names) >= 2.9 * small.sent)
            heard.spool.close()
            learned = [segment.path for segment in heard.spool.sealed()]
    assert learned
    with alertmanager(tmp_path) as url, mesh(tmp_path, port) as small:
        settings = SETTINGS.format(grpc=port, watermark_s=WATERMARK_S, alertmanager=url)
        (workspace / "informer.toml").write_text(settings)
        done("learn", *learned, "-w", workspace, "--step", f"{STEP_S}s")
        with serving(workspace) as served, meanwhile(small):
            eventually(lambda: served.metric("informer_steps_closed_total") >= 5)
            assert alerts(url) == []
            began_s = time.time()
            while not (told := alerts(url)):
                assert time.time() - began_s < 60
                for _ in range(20):
                    small.request("/login", password="wrong")
            took_s = time.time() - began_s
            print(f"told after {took_s:.1f} s")
            eventually(lambda: alerts(url) == [])
            print(f"over after {time.time() - began_s:.1f} s")
            assert served.metric("informer_spans_late_total") == 0
    assert told[0]["labels"]["alertname"] == "InformerIncident"
    assert "/login" in told[0]["annotations"]["summary"]
    assert told[0]["labels"]["kind"] == "refusal"
    assert took_s < WATERMARK_S + 2 * STEP_S
