"""A real service, as a process of its own, on a workspace that a test learned."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SETTINGS = """
[serve]
grpc = "127.0.0.1:0"
http = "127.0.0.1:0"
web = "127.0.0.1:0"
watermark_s = 60
"""
SOON_S = 60.0


@dataclass
class Served:
    """A running service."""

    process: subprocess.Popen[str]
    ports: dict[str, int]

    def get(self, path: str) -> tuple[int, bytes]:
        """GET from the health address."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['health']}{path}") as got:
                return got.status, got.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def post(self, body: bytes, kind: str, **headers: str) -> tuple[int, bytes]:
        """POST to /v1/traces."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['HTTP']}/v1/traces",
            body,
            {"Content-Type": kind, **headers},
        )
        try:
            with urllib.request.urlopen(request) as got:
                return got.status, got.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def metric(self, name: str) -> float:
        """The value of a metric without labels."""
        told = self.get("/metrics")[1].decode()
        found = re.search(rf"^{re.escape(name)} (\S+)", told, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def wait_for(self, name: str, least: float, within_s: float = SOON_S) -> None:
        """Until a metric is so large."""
        ends = time.monotonic() + within_s
        while self.metric(name) < least:
            assert time.monotonic() < ends, self.get("/metrics")[1].decode()
            time.sleep(0.1)


@contextmanager
def serving(workspace: Path, *options: str, before: Sequence[str] = ()) -> Iterator[Served]:
    """The service, until the test is done with it; `before` is what starts its command."""
    command = [*before, sys.executable, "-m", "informer", "serve", "-w", str(workspace), *options]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=said, text=True, env=environment
        ) as process,
    ):
        try:
            assert process.stdout is not None
            ports = {}
            for line in process.stdout:
                what, _, port = line.strip().rpartition(" on port ")
                ports[what.split()[0].removeprefix("OTLP/")] = int(port)
                if len(ports) == 3:
                    break
            assert len(ports) == 3
            yield Served(process, ports)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(30)
            said.seek(0)
            print(said.read())  # shown where a test fails


def with_serve_settings(workspace: Path, more: str = "") -> Path:
    """Let the service of a workspace listen anywhere; `more` are lines for [serve]."""
    file = workspace / "informer.toml"
    text = file.read_text("utf-8")
    kept = text[: text.index("[serve]")] + text[text.index("[machine]") :]
    file.write_text(kept + SETTINGS + more, encoding="utf-8")
    return workspace
