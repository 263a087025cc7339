"""How long does `informer --help` take? What answers at once is asked more often."""

import json
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 9
LIMIT_S = 0.3
RESULT = Path(__file__).parent / "results" / "help_seconds.json"


def seconds() -> float:
    """Wall-clock time of one run, a new process each time."""
    command = [str(Path(sys.executable).with_name("informer")), "--help"]
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    seconds()  # the first run fills the file cache
    taken = sorted(seconds() for _ in range(RUNS))
    median = statistics.median(taken)
    print(f"{'runs':>5} {'fastest s':>10} {'median s':>10} {'slowest s':>10} {'limit s':>8}")
    print(f"{RUNS:5} {taken[0]:10.3f} {median:10.3f} {taken[-1]:10.3f} {LIMIT_S:8.1f}")
    RESULT.parent.mkdir(exist_ok=True)
    result = {
        "runs": RUNS,
        "fastest_s": round(taken[0], 3),
        "median_s": round(median, 3),
        "slowest_s": round(taken[-1], 3),
        "limit_s": LIMIT_S,
        "python": platform.python_version(),
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
