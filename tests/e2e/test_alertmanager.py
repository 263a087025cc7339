"""A notice becomes an alert in a real Alertmanager, and resolves there."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from informer.core.types import Notice
from informer.sinks.alertmanager import PATH, AlertmanagerSink
from informer.sinks.http_post import Post

PROGRAM = "prometheus-alertmanager"
CONFIG = "route: {receiver: none}\nreceivers: [{name: none}]\n"
PATIENCE_S = 60


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    if shutil.which(PROGRAM) is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{PROGRAM} is not installed")
        pytest.skip(f"{PROGRAM} is not installed")
    config = tmp_path / "alertmanager.yml"
    config.write_text(CONFIG)
    address = f"127.0.0.1:{free_port()}"
    command = [
        PROGRAM,
        f"--config.file={config}",
        f"--storage.path={tmp_path / 'data'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    with (tmp_path / "log").open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            wait_until_ready(f"http://{address}/-/ready", process, tmp_path / "log")
            yield f"http://{address}"
        finally:
            process.terminate()
            process.wait()


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"{PROGRAM} did not start: {log.read_text()[-2000:]}")


def active(url: str) -> list[Any]:
    with urllib.request.urlopen(f"{url}{PATH}", timeout=10) as answer:
        return list(json.load(answer))


def deliver(url: str, notice: Notice) -> None:
    async def once() -> None:
        sink = AlertmanagerSink(Post(url + PATH, timeout_s=10), refresh_s=60)
        try:
            await sink.deliver(notice, time.time_ns())
        finally:
            await sink.aclose()

    asyncio.run(once())


def test_an_incident_fires_once_changes_severity_and_resolves(url: str) -> None:
    opened_ns = time.time_ns() - 120 * 10**9
    document = {"title": "far more calls \x1b{{ .x }}", "kind": "volume", "opened_ns": opened_ns}
    first = Notice("abc-1", "abc", 1, "firing", "low", None, opened_ns, document)
    deliver(url, first)
    deliver(url, first)
    (alert,) = active(url)
    assert alert["labels"] == {
        "alertname": "InformerIncident",
        "incident": "abc",
        "kind": "volume",
        "severity": "low",
    }
    assert alert["annotations"]["summary"] == "far more calls �{{ .x }}"

    worse = replace(first, notice_id="abc-2", sequence=2, severity="high", former="low")
    deliver(url, worse)
    assert [a["labels"]["severity"] for a in active(url)] == ["high"]

    over = replace(worse, notice_id="abc-3", sequence=3, state="resolved", former=None)
    deliver(url, over)
    assert active(url) == []
