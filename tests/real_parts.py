"""Real parts that tests start. One that is not installed skips the test, but not in CI."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

PATIENCE_S = 60.0
# Beside other tests a machine may stall for longer than a step; then nothing is held to time.
ALONE = "PYTEST_XDIST_WORKER" not in os.environ


def needed(name: str, *, program: str | None = None) -> str:
    """The path of a program, or of one in a package; where it is not installed the test skips."""
    found = shutil.which(name)
    if program is not None:
        spec = find_spec(name)
        places = list(spec.submodule_search_locations or ()) if spec else []
        found = next((str(Path(p, program)) for p in places if Path(p, program).exists()), None)
    elif found is None:
        found = shutil.which(name, path=str(Path(os.sys.executable).parent))
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return found


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str | Path],
    log: Path,
    is_ready: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process for the while; what it says is shown where a test fails."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, env={**os.environ, **(environment or {})}
        )
    try:
        until = time.monotonic() + PATIENCE_S
        while not is_ready():
            if process.poll() is not None or time.monotonic() > until:
                pytest.fail(f"{command[0]} did not start: {log.read_text()[-3000:]}")
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        print(f"{Path(command[0]).name}: {log.read_text(errors='replace')[-3000:]}")


def listens(port: int) -> bool:
    """Whether something listens on this machine."""
    with socket.socket() as tried:
        tried.settimeout(1)
        return tried.connect_ex(("127.0.0.1", port)) == 0


def eventually(holds: Callable[[], bool], why: Callable[[], object] = lambda: "") -> None:
    """Wait until it holds; fails when it does not within a minute."""
    until = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < until, why()
        time.sleep(0.05)
