"""A real Spark: a standalone master and two workers on the loopback address."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MASTER = "org.apache.spark.deploy.master.Master"
WORKER = "org.apache.spark.deploy.worker.Worker"
STARTED_S = 300  # on a machine that has much else to do


@contextmanager
def cluster(folder: Path, *, workers: int = 2, cores: int = 1, memory: str = "2g") -> Iterator[str]:
    """Start it and give its address, `spark://127.0.0.1:PORT`; end it, whatever happens."""
    running: list[subprocess.Popen[bytes]] = []
    try:
        running.append(_started(folder / "master", MASTER, "--port", "0", "--webui-port", "0"))
        url = _said(folder / "master.log", r"Starting Spark master at (spark://\S+)", running[0])
        for number in range(workers):
            name = folder / f"worker{number}"
            size = ("--cores", str(cores), "--memory", memory)
            place = ("--work-dir", str(name), "--webui-port", "0")
            running.append(_started(name, WORKER, *size, *place, url))
        for number in range(workers):
            log = folder / f"worker{number}.log"
            _said(log, r"Successfully (registered) with master", running[number + 1])
        yield url
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


def _started(name: Path, main: str, *arguments: str) -> subprocess.Popen[bytes]:
    import pyspark

    home = Path(pyspark.__file__).parent
    environment = {
        **os.environ,
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_NO_DAEMONIZE": "1",
    }
    with Path(f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [str(home / "bin" / "spark-class"), main, "--host", "127.0.0.1", *arguments],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def _said(log: Path, pattern: str, process: subprocess.Popen[bytes]) -> str:
    for _ in range(STARTED_S * 10):
        found = re.search(pattern, log.read_text("utf-8", "replace"))
        if found is not None:
            return found[1]
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"Spark did not start:\n{log.read_text('utf-8', 'replace')}")
