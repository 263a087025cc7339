"""`informer serve` as a process of its own."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


def with_settings(workspace: Path, sections: str) -> Path:
    """A workspace whose service has these settings instead of its own."""
    file = workspace / "informer.toml"
    text = file.read_text("utf-8")
    kept = text[: text.index("[serve]")] + text[text.index("[machine]") :]
    file.write_text(kept + sections, encoding="utf-8")
    return workspace


@dataclass
class Serving:
    """The process, seen from outside."""

    process: "subprocess.Popen[str]"
    web: int

    def metric(self, name: str) -> float:
        """The value of a metric without labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web}/metrics", timeout=10) as got:
            found = re.search(rf"^{name} (\S+)", got.read().decode(), re.MULTILINE)
        return float(found[1]) if found else 0.0


@contextmanager
def serving(workspace: Path) -> Iterator[Serving]:
    """Serve for the while; a test may kill it before."""
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
            yield Serving(process, port)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(60)
            said.seek(0)
            print(said.read())
