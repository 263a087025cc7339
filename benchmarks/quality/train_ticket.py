"""Train-Ticket: real traces of an afternoon, with cloned logins where an attack would be.

What is real: every trace, its services, operations and durations. What is made: when the clones
come and how many. The first half is to learn from, the second has one attack: within an hour, two
on the same call are one story. Every seed draws another one. Nobody injected faults that
afternoon, yet services failed by themselves for minutes: those are labelled as faults.
"""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from informer.core.types import NS_PER_S
from informer.simulate.labels import COLUMNS
from quality.clones import RHYTHMS, clones, moved, times_in, trace_starts, traces_with
from quality.error_stretches import Stretch, error_stretches
from quality.real_data import real_data

LOGIN = "/api/v1/users/login"
GUILTY = "*>ts-auth-service:login"
ATTACK, KIND = "A1", "account_cracking"
BANDS = (((2.0, 5.0), 0.16), ((5.0, 8.0), 0.42), ((8.0, 26.0), 0.42))  # oracle z, and their share
MULTIPLIER = (1.3, 5.0)
MINUTES = (2.0, 10.0)
MINUTE_NS = 60 * NS_PER_S
CALM_NS = 4 * MINUTE_NS  # without attack at both ends of the test range
TRIES = 1_000

FAULT_NS = 180 * NS_PER_S  # faults last about so long; calls are fast again half a minute later
FAULT_EFFECT_NS = 210 * NS_PER_S
LATER_NS = 5 * 3600 * NS_PER_S  # the faults were captured that morning


@dataclass(frozen=True, slots=True)
class Attack:
    """Logins that nobody means well, besides the regular ones."""

    start_ns: int
    end_ns: int
    count: int
    background: float  # regular logins that are expected in the window
    rhythm: str

    @property
    def oracle_z(self) -> float:
        """Malicious calls / √expected ones."""
        return self.count / float(np.sqrt(self.background))

    def label(self, name: str) -> dict[str, object]:
        """A row of labels.csv; the columns are those of simulated data, and the rhythm."""
        return {
            "event_id": name,
            "kind": KIND,
            "flag": "attack",
            "start_ns": self.start_ns,
            "end_ns": self.end_ns,
            "guilty": GUILTY,
            "multiplier": round(1 + self.count / self.background, 3),
            "n_malicious": self.count,
            "background_expected": round(self.background, 1),
            "oracle_z": round(self.oracle_z, 2),
            "rhythm": self.rhythm,
        }


def write_capture(folder: Path, seed: int, clean: Path | None = None) -> None:
    """Write train/, test/, labels.csv and malicious.parquet; the same seed gives the same bytes.

    `clean` is a Nezha-style table without attacks. Errors: FileNotFoundError without data.
    """
    spans = pq.read_table(clean or real_data("train-ticket") / "clean_1415_1600.parquet")
    starts = trace_starts(spans)
    first_ns, last_ns = pc.min_max(starts["start_ns"]).as_py().values()
    split_ns = first_ns + (last_ns - first_ns) // 2
    split_ns -= split_ns % MINUTE_NS
    logins = traces_with(spans, LOGIN)
    per_minute = pc.count_distinct(logins["TraceID"]).as_py() / ((last_ns - first_ns) / MINUTE_NS)
    rng = np.random.default_rng(seed)
    attack = draw_attack(split_ns, last_ns, per_minute, rng)
    begins = times_in(attack.start_ns, attack.end_ns, attack.count, attack.rhythm, rng)
    made, ids = clones(logins, begins, rng)
    regular = _from(spans, starts, split_ns, 2**62)

    _write(folder, "train", _from(spans, starts, 0, split_ns))
    _write(folder, "test", pa.concat_tables([regular, made]))
    malicious = [{"event_id": ATTACK, "trace_id": trace_id} for trace_id in ids]
    _write_truth(folder, [attack.label(ATTACK), *_errors(regular)], malicious)


def write_faults(folder: Path) -> None:
    """The same layout: learn from the whole clean afternoon, then a morning with five faults.

    The morning is told as though it came after: no forecast looks back in time, and the load is
    the same at all hours. Errors: FileNotFoundError without data.
    """
    data = real_data("train-ticket")
    faults = json.loads((data / "faults.json").read_text(encoding="utf-8"))
    _write(folder, "train", pq.read_table(data / "clean_1415_1600.parquet"))
    spans = moved(pq.read_table(data / "faulty_1138_1235.parquet"), LATER_NS)
    _write(folder, "test", spans)
    labels = [_fault(f"F{n}", f) for n, f in enumerate(faults, 1)]
    _write_truth(folder, labels + _errors(spans), [])


def draw_attack(from_ns: int, until_ns: int, per_minute: float, rng: np.random.Generator) -> Attack:
    """An attack between two times, where `per_minute` regular logins are expected.

    Strength is drawn first, as oracle z; then a length for which the multiplier is allowed.
    """
    minutes, count = _strength(rng, per_minute)
    length_ns = round(minutes * MINUTE_NS)
    first_ns, last_ns = from_ns + CALM_NS, until_ns - CALM_NS - length_ns
    if first_ns > last_ns:
        raise ValueError(f"a range of {(until_ns - from_ns) // MINUTE_NS} minutes is too short")
    start_ns = int(rng.integers(first_ns, last_ns, endpoint=True))
    rhythm = RHYTHMS[int(rng.integers(len(RHYTHMS)))]
    return Attack(start_ns, start_ns + length_ns, count, per_minute * minutes, rhythm)


def _strength(rng: np.random.Generator, per_minute: float) -> tuple[float, int]:
    """Minutes, and malicious logins."""
    low, high = BANDS[int(rng.choice(len(BANDS), p=[share for _, share in BANDS]))][0]
    for _ in range(TRIES):
        minutes = _loguniform(rng, *MINUTES)
        background = per_minute * minutes
        count = round(_loguniform(rng, low, high) * np.sqrt(background))
        fits = MULTIPLIER[0] <= 1 + count / background <= MULTIPLIER[1]
        if fits and low <= count / np.sqrt(background) < high:
            return minutes, count
    raise ValueError(f"{per_minute:.3g} logins a minute leave no room for oracle z {low} to {high}")


def _loguniform(rng: np.random.Generator, least: float, most: float) -> float:
    return float(np.exp(rng.uniform(np.log(least), np.log(most))))


def _from(spans: pa.Table, starts: pa.Table, from_ns: int, until_ns: int) -> pa.Table:
    """Whole traces that begin in a range."""
    at = starts["start_ns"]
    inside = starts.filter(pc.and_(pc.greater_equal(at, from_ns), pc.less(at, until_ns)))
    return spans.filter(pc.is_in(spans["TraceID"], value_set=inside["TraceID"]))


def _write(folder: Path, part: str, spans: pa.Table) -> None:
    """In order of time: what was added must not stand at the end."""
    (folder / part).mkdir(parents=True)
    order = [("StartTimeUnixNano", "ascending"), ("SpanID", "ascending")]
    pq.write_table(spans.sort_by(order), folder / part / "spans.parquet", compression="zstd")


def _write_truth(
    folder: Path, labels: list[dict[str, object]], malicious: list[dict[str, str]]
) -> None:
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, (*COLUMNS, "rhythm"), lineterminator="\n", restval="")
        rows.writeheader()
        rows.writerows(labels)
    schema = pa.schema({"event_id": pa.string(), "trace_id": pa.string()})
    pq.write_table(pa.Table.from_pylist(malicious, schema=schema), folder / "malicious.parquet")


def _fault(name: str, fault: dict[str, str]) -> dict[str, object]:
    start_ns = int(fault["inject_timestamp"]) * NS_PER_S + LATER_NS
    service = fault["inject_pod"].rsplit("-", 2)[0]
    return {
        "event_id": name,
        "kind": fault["inject_type"],
        "flag": "fault",
        "start_ns": start_ns,
        "end_ns": start_ns + FAULT_NS,
        "effect_end_ns": start_ns + FAULT_EFFECT_NS,
        "guilty": f"*>{service}:",
    }


def _errors(spans: pa.Table) -> list[dict[str, object]]:
    return [_error(f"E{n}", s) for n, s in enumerate(error_stretches(spans), 1)]


def _error(name: str, stretch: Stretch) -> dict[str, object]:
    return {
        "event_id": name,
        "kind": "errors",
        "flag": "fault",
        "start_ns": stretch.start_ns,
        "end_ns": stretch.end_ns,
        # Who calls it gets an answer; what it would have called hears nothing.
        "guilty": f"*>{stretch.service}:|{stretch.service}>*:",
    }
