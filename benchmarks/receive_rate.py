"""How many spans a second does `informer serve` take, judge and tell, and with how much memory?

usage: receive_rate.py [--rate N] [--seconds N] [--overload] [--no-keep]

Learns three minutes of the simulated shop at the rate, in steps of ten seconds, starts `informer
serve` on it and sends made traffic over OTLP/gRPC from a process of this machine: N spans a second
(60,000), N seconds long (600). Every second the service is asked for its metrics, and the kernel
for its memory. With --overload there follow 60 s of twice the rate and 60 s of the rate: how much
is sent away, and how many steps it takes to catch up.

Prints and writes to results/receive_rate.json: spans taken, judged, late, rejected and still open
(received = their sum, or it says what is missing), spans that were sent away, lag behind the newest
steps in steps (median, 99th percentile, most), steps from the start of a phase until the lag is
within a step for good, memory in the first minute after the warming up, in the last, and at most,
incidents by kind, CPU seconds of service and sender, and the load of the machine by whatever else
it does.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from multiprocessing import Pipe, get_context
from pathlib import Path

import numpy as np

from informer.core.types import Json
from load.messages import shop_spans, teach
from load.sender import send

RESULTS = Path(__file__).parent / "results" / "receive_rate.json"
STEP_S, WATERMARK_S = 10, 10
LEARNED_S = 180
WARM_S = 60
STILL_S = 30  # when nothing changes for so long, nothing more will
SETTINGS = {
    "grpc": "127.0.0.1:0",
    "http": "",
    "web": "127.0.0.1:0",
    "watermark_s": WATERMARK_S,
    "relearn_hours": 0,
}


class Watching:
    """A running service and what it says every second."""

    def __init__(self, workspace: Path) -> None:
        command = [sys.executable, "-m", "informer", "serve", "-w", str(workspace)]
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        self._said = (workspace / "said.txt").open("w")
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self._said, text=True, env=environment
        )
        assert self.process.stdout is not None
        self.ports: dict[str, int] = {}
        for line in self.process.stdout:
            what, _, port = line.strip().rpartition(" on port ")
            self.ports[what.split()[0]] = int(port)
            if len(self.ports) == 2:
                break
        self._before_s = _children_cpu_s()  # learning was a child as well
        self.rows: list[dict[str, float]] = []
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def metrics(self) -> dict[str, float]:
        """All of /metrics, summed over labels."""
        text = self._got("/metrics").decode()
        found: dict[str, float] = {"informer_spans_sent_away_total": 0.0}
        for name, value in re.findall(r"^(\w+)(?:\{.*\})? (\S+)$", text, re.MULTILINE):
            found[name] = found.get(name, 0.0) + float(value)
        return found

    def incidents(self) -> dict[str, int]:
        """How many it told, by kind."""
        return dict(Counter(one["kind"] for one in json.loads(self._got("/api/v1/incidents"))))

    def _got(self, path: str) -> bytes:
        web = next(port for what, port in self.ports.items() if what != "OTLP/gRPC")
        with urllib.request.urlopen(f"http://127.0.0.1:{web}{path}", timeout=30) as got:
            body: bytes = got.read()
        return body

    def end(self) -> tuple[float, float]:
        """Stop it; CPU seconds that it took, and that it took with all senders since it began."""
        self._ends.set()
        self._thread.join()
        senders_s = _children_cpu_s() - self._before_s
        self.process.terminate()
        self.process.wait(120)
        self._said.close()
        all_s = _children_cpu_s() - self._before_s
        return all_s - senders_s, all_s

    def _watch(self) -> None:
        while not self._ends.wait(1.0):
            status = Path(f"/proc/{self.process.pid}/status").read_text()
            found = re.search(r"VmRSS:\s+(\d+) kB", status)
            row = self.metrics() | {"at": time.monotonic()}
            row["rss_mib"] = int(found[1]) / 1024 if found else 0.0
            self.rows.append(row)


def _children_cpu_s() -> float:
    """Of those that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Learn, send, print and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=int, default=60_000)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--overload", action="store_true")
    parser.add_argument("--no-keep", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = learned(Path(folder), given.rate)
        service = Watching(workspace)
        results: Json = {"rate": given.rate, "seconds": given.seconds, "step_s": STEP_S}
        results["steady"] = phase(service, given.rate, given.seconds)
        if given.overload:
            results["overload"] = phase(service, 2 * given.rate, 60)
            results["after"] = phase(service, given.rate, 60)
        results["accounts"] = accounts(service)
        results["incidents"] = service.incidents()
        results["load_after"] = round(os.getloadavg()[0], 1)
        service_cpu_s, all_cpu_s = service.end()
    received = results["accounts"]["received"]
    results["cpu_us_a_span"] = {
        "service": round(1e6 * service_cpu_s / received, 1),
        "sender": round(1e6 * (all_cpu_s - service_cpu_s) / received, 1),
    }
    results["cpus"] = os.cpu_count()
    print(json.dumps(results, indent=1))
    if not given.no_keep:
        RESULTS.write_text(json.dumps({"results": results}, indent=1) + "\n", encoding="utf-8")


def learned(folder: Path, rate: float) -> Path:
    """A workspace that learned such traffic."""
    spans = teach(shop_spans(120_000), folder / "t.parquet", rate=rate, seconds=LEARNED_S)
    print(f"learning from {spans:,} spans", flush=True)
    home = folder / "workspace"
    command = [
        sys.executable,
        "-m",
        "informer",
        "learn",
        str(folder / "t.parquet"),
        "-w",
        str(home),
    ]
    subprocess.run([*command, "--step", f"{STEP_S}s"], check=True, capture_output=True)
    file = home / "informer.toml"
    text = file.read_text("utf-8")
    for name, value in SETTINGS.items():
        shown = f'"{value}"' if isinstance(value, str) else str(value)
        text = re.sub(rf"^(?:# *)?{name} = .*$", f"{name} = {shown}", text, flags=re.MULTILINE)
    file.write_text(text, encoding="utf-8")
    return home


def phase(service: Watching, rate: float, seconds: float) -> Json:
    """Send at a rate for a while; what came of it."""
    ours, theirs = Pipe()
    address = f"127.0.0.1:{service.ports['OTLP/gRPC']}"
    sender = get_context("spawn").Process(target=send, args=(address, rate, seconds, 1, theirs))
    sender.start()
    ours.recv()
    first = len(service.rows)
    sent = ours.recv()
    sender.join()
    rows = service.rows[first:]
    warm = [row for row in rows if row["at"] >= rows[0]["at"] + min(WARM_S, seconds / 2)]
    lags = np.array([lag_steps(row) for row in warm])
    rss = np.array([row["rss_mib"] for row in warm])
    behind = [row["at"] for row in rows if lag_steps(row) > 1.0]
    away = [row["informer_spans_sent_away_total"] for row in (rows[0], rows[-1])]
    return {
        "sent": sent,
        "taken_per_s": round(sent["taken"] / seconds),
        "sent_away": int(away[1] - away[0]),
        "steps_until_within_one": round((behind[-1] - rows[0]["at"]) / STEP_S, 1) if behind else 0,
        "lag_steps": {
            "median": round(float(np.median(lags)), 2),
            "p99": round(float(np.quantile(lags, 0.99)), 2),
            "most": round(float(lags.max()), 2),
        },
        "rss_mib": {
            "first_minute": round(float(np.median(rss[:60]))),  # after the warming up
            "last_minute": round(float(np.median(rss[-60:]))),
            "most": round(float(rss.max())),
        },
        "spool_mib": round(max(row["informer_spool_bytes"] for row in rows) / 2**20),
        "look_s": round(float(np.median([row["informer_look_seconds"] for row in warm])), 2),
    }


def lag_steps(row: dict[str, float]) -> float:
    """Steps that could be closed by the clock and are not."""
    return max(0.0, (row["informer_lag_seconds"] - WATERMARK_S - STEP_S) / STEP_S)


def accounts(service: Watching) -> Json:
    """What became of all that was received, once the spool is worked off or nothing changes."""
    before, still = -1, 0
    while still < STILL_S:
        time.sleep(1.0)
        told = service.metrics()
        parts = {
            name: int(told.get(f"informer_spans_{name}", 0.0))
            for name in ("judged_total", "late_total", "rejected_total", "open")
        }
        received = int(told["informer_spans_received_total"])
        if sum(parts.values()) == received:
            break
        still = still + 1 if sum(parts.values()) == before else 0
        before = sum(parts.values())
    return {"received": received, **parts, "missing": received - sum(parts.values())}


if __name__ == "__main__":
    main()
