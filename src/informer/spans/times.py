"""How the times of a table are written, and SQL that makes nanoseconds of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import pyarrow as pa

from informer.spans.clock import UNITS_NS, guessed_unit
from informer.spans.layouts import TIMES, unit_of
from informer.spans.meanings import named

SAMPLE_ROWS = 5_000
INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
# In the forms below, {c} is the column and {f} how many nanoseconds its unit has.
WHOLE = "try({c}::bigint * {f})"
FRACTION = "try(cast(round({c}::double * {f}) as bigint))"
TEXT = "try(cast(try_cast({c} as decimal(38, 9)) * {f} as bigint))"
TEXT_NS = "try_cast({c} as bigint)"
MOMENT_NS = "epoch_ns({c})"
# Microseconds reach beyond the years that nanoseconds have room for.
MOMENT = "try(epoch_us({c}) * 1000)"
MOMENT_TEXT = "try(epoch_us(try_cast({c} as timestamptz)) * 1000)"

Ask: TypeAlias = Callable[[str], pa.Table]  # the rows of one statement


@dataclass(frozen=True, slots=True)
class Times:
    """The unit in which a file's times are, and how each of its time columns is written."""

    unit: str
    forms: tuple[tuple[str, str], ...]  # our name, one of the forms above


def times_of(ask: Ask, scan: str, columns: Mapping[str, str], types: Mapping[str, str]) -> Times:
    """Look at the first rows of a scan. `types` are its column types; absent = text."""
    unit = unit_of(columns, "start") or "ns"
    forms = {}
    for name, column in columns.items():
        if name.partition("_")[0] in TIMES:
            forms[name] = _form(types.get(column, "VARCHAR"), ask, scan, column)
    if forms[f"start_{unit}"] not in (MOMENT_NS, MOMENT, MOMENT_TEXT):
        first, last = _range(ask, scan, columns[f"start_{unit}"])
        unit = unit if first is None or last is None else guessed_unit(first, last, unit)
    return Times(unit, tuple(forms.items()))


def times_sql(columns: Mapping[str, str], times: Times) -> dict[str, str]:
    """SQL for `start_ns` and `duration_ns`. End and duration follow a start that was guessed."""
    told = unit_of(columns, "start")
    made = {}
    for name, form in times.forms:
        time, unit = name.split("_")
        factor = UNITS_NS[times.unit if unit == told else unit]
        made[time] = sql_of(form, columns[name], factor)
    if "duration" in made:
        duration = made["duration"]
    elif "end" in made:
        duration = f"try({made['end']} - {made['start']})"
    else:
        duration = "null"
    return {"start_ns": made["start"], "duration_ns": duration}


def sql_of(form: str, column: str, factor: int) -> str:
    """SQL that reads a column written in a form."""
    form = TEXT_NS if (form, factor) == (TEXT, 1) else form
    return form.format(c=named(column), f=factor)


def _form(type: str, ask: Ask, scan: str, column: str) -> str:
    if type.startswith("TIMESTAMP"):
        return MOMENT_NS if type == "TIMESTAMP_NS" else MOMENT
    if type in INTEGERS:
        return WHOLE
    if type != "VARCHAR":
        return FRACTION
    sample = f"(select {named(column)} as t from {scan} limit {SAMPLE_ROWS})"
    found = ask(
        "select count(try_cast(t as double)) as numbers, "
        f"count(try_cast(t as timestamptz)) as moments from {sample}"
    )
    return MOMENT_TEXT if found["moments"][0].as_py() > found["numbers"][0].as_py() else TEXT


def _range(ask: Ask, scan: str, column: str) -> tuple[float | None, float | None]:
    sample = f"(select try_cast({named(column)} as double) as t from {scan} limit {SAMPLE_ROWS})"
    sql = f"select min(t) as first, max(t) as last from {sample} where t > 0 and not isinf(t)"
    found = ask(sql)
    return found["first"][0].as_py(), found["last"][0].as_py()
