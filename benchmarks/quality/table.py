"""Tables of a data set, made of the rows that were kept and of nothing else."""

from collections.abc import Iterable, Mapping, Sequence

from informer.core.types import Json
from quality.datasets import CLEAN, ORDINARY, WHOLE
from quality.evaluate import DETECTORS, OURS
from quality.judge import EventFigures, pooled
from quality.kept import Cell, Row
from quality.metrics import BUDGETS, summary_row

SEED = 1
SHOWN = (
    *("vus_pr", "f1_1", "f1_5", "f1_20", "recall_z8", "recall_z5_8", "recall_novel"),
    *("false_per_day", "delay_steps", "guilty_1", "guilty_3"),
)

Kept = Mapping[str, Mapping[Cell, Row]]  # by source


def table_of(about: str, kept: Kept, detectors: Sequence[str] = DETECTORS) -> Json:
    """Rows of the detectors over all sources, and the false incidents of ours by what was on.

    A row says of how many sources it is, how long it took, which commits measured it, and whether
    it was on the same traffic as the first row.
    """
    rows = []
    first: dict[str, str] = {}
    most: list[Row] = []
    for name in detectors:
        own = {s: rows_of[WHOLE, name] for s, rows_of in kept.items() if (WHOLE, name) in rows_of}
        if own:
            first = {s: row.world for s, row in own.items()} | first
            rows.append(_row(name, own, len(kept), first))
            most = max(most, list(own.values()), key=len)
    told: Json = {
        "about": about,
        "campaigns": sum(len(r.evaluated.figures[1].campaigns) for r in most),
        "days": round(sum(r.evaluated.figures[1].days for r in most), 2),
        "expected": list(detectors),
        "detectors": rows,
    }
    for version in (ORDINARY, CLEAN):
        ours = [r[version, OURS].evaluated.figures for r in kept.values() if (version, OURS) in r]
        if ours:
            told[f"false_per_day_{version}"] = {
                str(b): _false(pooled([figures[b] for figures in ours])) for b in BUDGETS
            }
    return told


def _row(name: str, own: Mapping[str, Row], of: int, first: Mapping[str, str]) -> Json:
    found = [row.evaluated for row in own.values()]
    at = {b: pooled([x.figures[b] for x in found]) for b in BUDGETS}
    vus = [v for x in found for v in x.vus.values()]
    return summary_row(name, vus, at, seed=SEED) | {
        "sources": [len(own), of],
        "seconds": round(sum(x.seconds for x in found), 1),
        "commits": sorted({row.commit for row in own.values()}),
        "same_traffic": all(row.world == first[s] for s, row in own.items()),
    }


def _false(figures: EventFigures) -> Json:
    count = int(figures.false_by_day.sum())
    return {
        "per_day": round(count / figures.days, 3),
        "count": count,
        "days": round(figures.days, 2),
    }


def print_table(name: str, told: Json) -> None:
    """A row a detector; what does not compare with the first row is marked."""
    print(f"== {name}: {told['about']}; {told['campaigns']} campaigns in {told['days']} days")
    width = max((len(r["detector"]) for r in told["detectors"]), default=0)
    print(" " * width, *(f"{x[:11]:>11}" for x in SHOWN), f"{'s':>6}  commits")
    for row in told["detectors"]:
        shown = (f"{_shown(row[x]):>11}" for x in SHOWN)
        print(f"{row['detector']:{width}}", *shown, f"{row['seconds']:6.0f}", _remarks(row))
    for key, value in told.items():
        if key.startswith("false_per_day"):
            print(f"{key}: {value}")


def _remarks(row: Json) -> str:
    remarks: Sequence[str] = [" ".join(row["commits"])]
    if row["sources"][0] < row["sources"][1]:
        remarks = [*remarks, f"{row['sources'][0]} of {row['sources'][1]} sources"]
    if not row["same_traffic"]:
        remarks = [*remarks, "on other traffic"]
    return " " + ", ".join(remarks)


def _shown(figure: Iterable[float | None]) -> str:
    value, *_ = figure
    return "-" if value is None else f"{value:.3g}"
