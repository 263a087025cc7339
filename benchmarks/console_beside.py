"""Do ten open consoles hold up the steps of `informer serve`?

usage: console_beside.py [--rate N] [--seconds N]

Learns and serves as `receive_rate.py` does, and sends N spans a second (10,000) in four turns of N
seconds (120): without a console, with ten, without, with ten. Each console asks for /pulse every
three seconds and, when something changed, for its page again, as `console.js` does; they show all
kinds of pages. In steps of ten seconds, so pages are asked for six times as often as in steps
of a minute.

Prints and writes to results/console_beside.json, with and without consoles: lag in steps (median,
99th percentile), seconds that judging took; of the consoles: pages asked for, and their seconds.
"""

import argparse
import json
import os
import re
import tempfile
import threading
import time
from pathlib import Path

import httpx
import numpy as np

from informer.core.types import Json
from receive_rate import Watching, learned, phase

RESULTS = Path(__file__).parent / "results" / "console_beside.json"
CONSOLES, EVERY_S = 10, 3.0
PAGES = ("/", "/incidents", "/patterns", "/explore", "")  # the last: one pattern


class Consoles:
    """Ten of them, open until they are closed."""

    def __init__(self, address: str) -> None:
        self.seconds: list[float] = []
        self._ends = threading.Event()
        self._threads = [
            threading.Thread(target=self._look, args=(address, i)) for i in range(CONSOLES)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> Json:
        """What they saw."""
        self._ends.set()
        for thread in self._threads:
            thread.join()
        return {
            "pages": len(self.seconds),
            "median_s": round(float(np.median(self.seconds)), 3),
            "p95_s": round(float(np.quantile(self.seconds, 0.95)), 3),
        }

    def _look(self, address: str, number: int) -> None:
        with httpx.Client(base_url=address, timeout=60) as client:
            page = PAGES[number % len(PAGES)]
            if not page:
                listed = client.get("/patterns").text
                page = re.findall(r'href="(/patterns/\w+)"', listed)[number % 3]
            version = ""
            while not self._ends.wait(EVERY_S):
                now = client.get("/pulse").json()["version"]
                if now != version:
                    version, began = now, time.perf_counter()
                    client.get(page).raise_for_status()
                    self.seconds.append(time.perf_counter() - began)


def main() -> None:
    """Learn, send, look, print and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=120)
    given = parser.parse_args()
    results: Json = {"rate": given.rate, "seconds": given.seconds, "cpus": os.cpu_count()}
    with tempfile.TemporaryDirectory() as folder:
        service = Watching(learned(Path(folder), given.rate))
        port = next(port for what, port in service.ports.items() if what != "OTLP/gRPC")
        for turn in (1, 2):
            results[f"without_{turn}"] = phase(service, given.rate, given.seconds)
            consoles = Consoles(f"http://127.0.0.1:{port}")
            results[f"with_{turn}"] = phase(service, given.rate, given.seconds)
            results[f"consoles_{turn}"] = consoles.close()
        service.end()
    print(json.dumps(results, indent=1))
    RESULTS.write_text(json.dumps({"results": results}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
