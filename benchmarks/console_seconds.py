"""How fast is every page of the console with 500 patterns, 5,000 rpcs and 30 days of minutes?

usage: console_seconds.py [--patterns N] [--days N] [--keep FOLDER]

Makes such a workspace (216 million cells of traffic, as many of forecasts), starts `informer serve`
on it and asks for every page again and again, each time for another pattern, incident or range, by
one person and then by ten at a time. Chromium, where there is one, says when the first content is
there. With --keep the workspace is left in the folder, or taken from there.

Prints and writes to results/console_seconds.json: per page median and 95th percentile of the
server's seconds, seconds of a processor for each (they do not grow with what else runs), bytes of
the page and with all that it loads, seconds until the first content; seconds to roll up six hours;
size of the workspace. `console_beside.py` measures steps beside it.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np

from informer.core.types import Json
from informer.pipeline.hours import forget_hours, roll_up, rolled_until_ns
from informer.pipeline.workspace import TABLES_FILE, Workspace
from informer.web.console import assets
from load.big_workspace import INCIDENTS, make

RESULTS = Path(__file__).parent / "results" / "console_seconds.json"
TIMES, AT_ONCE = 60, 10
NO_PAGES = ("api, patterns", "pulse")
RANGES = ("1h", "6h", "24h", "7d", "30d")
FIRST_CONTENT = """
() => new Promise(told => new PerformanceObserver(seen => {
    for (const e of seen.getEntriesByName("first-contentful-paint")) told(e.startTime / 1000);
}).observe({type: "paint", buffered: true}))
"""


def pages(patterns: int) -> dict[str, Callable[[int], str]]:
    """Addresses of every kind of page; each number is another one."""
    return {
        "now": lambda i: f"/?range={RANGES[i % 5]}",
        "incidents": lambda i: f"/incidents?range={RANGES[i % 5]}&first={i % 4 * 50}",
        "incidents found": lambda i: f"/incidents?q=service-{i}",
        "incident": lambda i: f"/incidents/{i * 7 % INCIDENTS:010x}",
        "patterns": lambda i: f"/patterns?first={i % 10 * 50}",
        "patterns found": lambda i: f"/patterns?q=parts/{i % 10}",
        "pattern": lambda i: f"/patterns/p{i * 11 % patterns:04}?range={RANGES[i % 5]}",
        "pattern, failures": lambda i: (
            f"/patterns/p{i * 11 % patterns:04}?range={RANGES[i % 5]}&signal=failures"
        ),
        "pattern, compared": lambda i: f"/patterns/p{i * 11 % patterns:04}?compare=0002",
        "explore": lambda i: f"/explore?range={RANGES[i % 5]}",
        "explore found": lambda i: f"/explore?q=service-{i}&service=service-{i}",
        "api, patterns": lambda i: f"/api/v1/patterns?limit=50&after=p{i * 7 % patterns:04}",
        "pulse": lambda i: "/pulse",
    }


def main() -> None:
    """Make, serve, ask, print and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--patterns", type=int, default=500)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    folder = given.keep or Path(tempfile.mkdtemp(prefix="console-"))
    try:
        results = measured(folder / "workspace", given.patterns, given.days)
    finally:
        if given.keep is None:
            shutil.rmtree(folder)
    print(json.dumps(results, indent=1))
    RESULTS.write_text(json.dumps({"results": results}, indent=1) + "\n", encoding="utf-8")


def measured(workspace: Path, patterns: int, days: int) -> Json:
    """All figures."""
    if not workspace.exists():
        make(workspace, patterns, days).close()
    results: Json = {"patterns": patterns, "days": days, "cpus": os.cpu_count()}
    results["workspace_gib"] = round((workspace / TABLES_FILE).stat().st_size / 2**30, 2)
    results["roll_up_six_hours_s"] = _roll_up_s(workspace)
    results["load_before"] = round(os.getloadavg()[0], 1)
    with Serving(workspace) as served:
        results["pages"] = {name: asked(served, made) for name, made in pages(patterns).items()}
        results["first_content_s"] = first_content(served.address, pages(patterns))
    return results


def asked(served: "Serving", made: Callable[[int], str]) -> Json:
    """One kind of page, by one person and by ten at a time."""
    with httpx.Client(base_url=served.address, timeout=60) as client:

        def seconds(i: int) -> tuple[float, httpx.Response]:
            began = time.perf_counter()
            answer = client.get(made(i)).raise_for_status()
            return time.perf_counter() - began, answer

        seconds(0)
        before_s = served.processor_s()
        alone = [seconds(i) for i in range(TIMES)]
        processor_s = served.processor_s() - before_s
        with ThreadPoolExecutor(AT_ONCE) as people:
            together = list(people.map(seconds, range(TIMES)))
        most = max((answer for _, answer in alone), key=lambda answer: len(answer.content))
    loaded = set(re.findall(r"/static/([\w.-]+)", most.text))
    beside = sum(len(assets()[name].packed) for name in loaded)
    return {
        "median_s": round(statistics.median(s for s, _ in alone), 4),
        "p95_s": round(float(np.quantile([s for s, _ in alone], 0.95)), 4),
        "p95_of_ten_at_once_s": round(float(np.quantile([s for s, _ in together], 0.95)), 4),
        "processor_s": round(processor_s / TIMES, 4),
        "page_kb": round(len(most.content) / 1000, 1),
        "payload_kb": round((len(most.content) + beside) / 1000, 1),
    }


def first_content(address: str, made: dict[str, Callable[[int], str]]) -> Json:
    """Of every page, in a browser that knows none of its files yet; empty without a Chromium."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        return {}
    from playwright.sync_api import sync_playwright

    found = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name in made:
            if name in NO_PAGES:
                continue
            seen = []
            for i in range(5):
                page = browser.new_page()
                page.goto(address + made[name](i))
                seen.append(page.evaluate(FIRST_CONTENT))
                page.close()
            found[name] = round(statistics.median(seen), 3)
        browser.close()
    return found


class Serving:
    """`informer serve` on a workspace; `address` is that of its pages."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace

    def processor_s(self) -> float:
        """Seconds that its threads computed so far: they do not grow with what else runs."""
        told = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self) -> "Serving":
        file = self._workspace / "informer.toml"
        file.write_text('[serve]\ngrpc = "127.0.0.1:0"\nhttp = ""\nweb = "127.0.0.1:0"\n')
        command = [sys.executable, "-m", "informer", "serve", "-w", str(self._workspace)]
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self._process.stdout is not None
        lines = [self._process.stdout.readline() for _ in range(2)]
        self.address = f"http://127.0.0.1:{lines[-1].strip().rpartition(' ')[2]}"
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait(60)


def _roll_up_s(workspace: Path) -> float:
    """How long the last hours hold up a step, when they are rolled up."""
    with Workspace.open(workspace) as home:
        forget_hours(home, rolled_until_ns(home) - 6 * 3_600 * 10**9)
        began = time.perf_counter()
        roll_up(home)
        return round(time.perf_counter() - began, 3)


if __name__ == "__main__":
    main()
