"""The tables of docs/explanation/quality.md, made of the results and put between their marks.

A mark is `<!-- table: NAME -->` on a line of its own, and the table goes until `<!-- end -->`. What
was not measured is said to be so; nothing stays of an earlier table.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import orjson

from informer.core.types import Json
from quality.datasets import DATA_SETS

MARK = re.compile(r"(<!-- table: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)
COLUMNS = {  # key of a row: heading, whether its interval is told
    "vus_pr": ("VUS-PR", True),
    "f1_1": ("F1 at 1 a day", True),
    "f1_5": ("at 5", False),
    "f1_20": ("at 20", False),
    "recall_z8": ("recall z ≥ 8", False),
    "recall_z5_8": ("z 5 to 8", False),
    "recall_novel": ("novel", False),
    "false_per_day": ("false a day", False),
    "delay_steps": ("delay, steps", False),
    "guilty_1": ("guilty first", False),
    "guilty_3": ("among three", False),
}
ONLY_FALSE = {f"false_per_day_{b}": (f"false a day at {b}", False) for b in (1, 5, 20)}
VERSIONS = {  # key of a table: what to call those days
    "false_per_day_ordinary": "the same days without attacks",
    "false_per_day_clean": "without any event at all",
}
UNMEASURED = "Not measured yet.\n"

Results = Mapping[str, Json]  # by script


def filled(text: str, results: Results) -> str:
    """The page with every table made anew. Errors: KeyError for a mark that nobody knows."""

    def table(found: re.Match[str]) -> str:
        return found[1] + _table(found[2], results) + found[3]

    return MARK.sub(table, text)


def results_in(folder: Path) -> dict[str, Json]:
    """What the scripts wrote, by script; an empty object for one that was never run."""
    found = {}
    for script in ("detection_quality", "update_claim", "forecast_quality"):
        file = folder / f"{script}.json"
        found[script] = orjson.loads(file.read_bytes()) if file.exists() else {}
    return found


def _table(name: str, results: Results) -> str:
    if name in OTHERS:
        script, make = OTHERS[name]
        told = results[script].get("results")
        return make(told) if told else UNMEASURED
    told = results["detection_quality"].get("results", {}).get(name)
    if name not in DATA_SETS:
        raise KeyError(f"no table is called {name}")
    return _data_set(told) if told else UNMEASURED


def _data_set(told: Json) -> str:
    rows = told["detectors"]
    columns = COLUMNS if told["campaigns"] else ONLY_FALSE
    shown = {k: v for k, v in columns.items() if any(r[k][0] is not None for r in rows)}
    days = f"{told['campaigns']} campaigns in {told['days']:g} days"
    lines = [f"{told['about'][0].upper()}{told['about'][1:]}; {days}.", ""]
    lines += _grid(
        ["detector", *(heading for heading, _ in shown.values())],
        [[r["detector"], *(_cell(r[k], told=i) for k, (_, i) in shown.items())] for r in rows],
    )
    lines += ["", *_remarks(told)]
    return "\n".join(lines) + "\n"


def _remarks(told: Json) -> list[str]:
    rows = told["detectors"]
    by_commit: dict[str, list[str]] = {}
    for row in rows:
        by_commit.setdefault(" and ".join(row["commits"]), []).append(row["detector"])
    measured = [f"{', '.join(who)} at {commit}" for commit, who in by_commit.items()]
    said = [f"Measured: {'; '.join(measured)}."]
    if len(by_commit) == 1:
        said = [f"All measured at {next(iter(by_commit))}."]
    few = [f"{r['detector']} on {r['sources'][0]} of {r['sources'][1]}" for r in rows]
    few = [x for x, r in zip(few, rows, strict=True) if r["sources"][0] < r["sources"][1]]
    if few:
        said.append(f"Only a part of the worlds: {', '.join(few)}.")
    other = [r["detector"] for r in rows if not r["same_traffic"]]
    if other:
        said.append(
            f"On other traffic than the first row, and not to be compared: {', '.join(other)}."
        )
    missing = [d for d in told["expected"] if d not in {r["detector"] for r in rows}]
    if missing:
        said.append(f"Not measured yet: {', '.join(missing)}.")
    for version, days in VERSIONS.items():
        if version in told:
            false = ", ".join(f"{told[version][b]['per_day']:.2g}" for b in ("1", "5", "20"))
            said.append(f"False incidents of Informer a day at 1, 5 and 20, {days}: {false}.")
    return said


def _degraded(told: Json) -> str:
    """One table of how figures fall with what telemetry loses, a row a detector and defect."""
    prefix = "bank, "
    shown = ("f1_1", "recall_z8", "recall_z5_8", "recall_novel", "false_per_day", "vus_pr")
    rows = [
        [name.removeprefix(prefix), row["detector"], *(_cell(row[k], told=False) for k in shown)]
        for name, table in told.items()
        if name.startswith(prefix)
        for row in table["detectors"]
    ]
    if not rows:
        return UNMEASURED
    headings = [COLUMNS[k][0] for k in shown]
    return "\n".join(_grid(["telemetry", "detector", *headings], rows)) + "\n"


def _claim(told: Sequence[Json]) -> str:
    rows = []
    for one in told:
        for name, after in (("ignored", one["ignored"]), ("accepted", one["accepted"])):
            quiet = after["quiet_after_h"]
            rows.append(
                [
                    one["world"],
                    one["change"],
                    name,
                    str(after["false_24h"]),
                    str(after["about_24h"]),
                    str(after["told_24h"]),
                    f"{after['open_h']:.1f}",
                    "not yet" if quiet is None else f"{quiet:.1f}",
                ]
            )
    headings = ["world", "change", "and", "false in 24 h", "of it", "told of it at all"]
    grid = _grid([*headings, "hours open", "quiet after, h"], rows)
    price = [
        [
            one["world"],
            one["change"],
            ", ".join(one["kinds"]) or "nothing",
            "-" if one["noticed_after_h"] is None else f"{one['noticed_after_h']:.1f}",
            f"{one['accept_s']:.1f}",
            str(one["relearned"]),
            f"{one['learn_s']:.0f}",
            f"{one['others_equal']} of {one['others']}",
            "yes" if one["files_equal"] else "NO",
        ]
        for one in told
    ]
    headings = ["world", "change", "told", "after, h", "accept, CPU s", "patterns", "learn, CPU s"]
    headings += ["others bit-equal", "their models"]
    return "\n".join([*grid, "", *_grid(headings, price)]) + "\n"


def _forecasts(told: Json) -> str:
    rows = []
    for world, by_horizon in told.items():
        for horizon, by_forecaster in by_horizon.items():
            for who, row in by_forecaster.items():
                figures = [_cell(row[k], told=True) for k in ("crps_ratio", "crps", "wape")]
                rows.append([world, horizon, f"`{who}`" if who != "ridge" else who, *figures])
    headings = ["traffic", "ahead", "forecaster", "CRPS ÷ the default's", "CRPS ÷ calls", "WAPE"]
    return "\n".join(_grid(headings, rows)) + "\n"


OTHERS: dict[str, tuple[str, Callable[..., str]]] = {
    "degraded": ("detection_quality", _degraded),
    "update claim": ("update_claim", _claim),
    "forecasts": ("forecast_quality", _forecasts),
}


def _grid(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(headings)} |",
        "|---" * len(headings) + "|",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _cell(figure: Sequence[float | None], *, told: bool) -> str:
    value, low, high = figure
    if not told or low is None or high is None or value is None:
        return _number(value)
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
