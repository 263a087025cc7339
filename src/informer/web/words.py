"""Numbers, times, kinds and names as a person reads them. All times are UTC."""

import math
import unicodedata
from datetime import UTC, datetime

from informer.core.types import NS_PER_S

NAME_LIMIT = 160  # characters; longer names are cut and say how long they are
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SEVERITIES = ("critical", "high", "medium", "low", "info")
KINDS = {  # how to read an incident of each kind
    "volume": "More calls than the rhythm of the day and the week explains.",
    "silence": "Calls that should be there are missing: a fault, or a way around.",
    "mix": "The calls of an rpc do not follow from those of its callers.",
    "demand": "A crowd moves many patterns alike; the abuse of one chain does not.",
    "failure": "Failed calls point to a fault rather than to misuse.",
    "refusal": "Refused calls, such as wrong passwords, are no fault of the service.",
    "latency": "Slow answers point to a fault or to overload.",
    "novel": "New paths are rare on clean days; lateral movement takes them.",
    "change": "Likely a deploy: accept it if it was yours, and the pattern learns the new traffic.",
}
UNITS = {"refusals": "refused calls", "failures": "failed calls", "latency": "ms"}
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_ZERO_WIDTH_JOINER = "\u200d"  # holds emoji together, and turns no text around


def shown(name: str, limit: int = NAME_LIMIT) -> str:
    """A name as harmless text: invisible and direction-turning characters are spelled out.

    >>> shown("pay\u202eexe")
    'pay\\\\u202eexe'
    """
    visible = "".join(
        c
        if c == _ZERO_WIDTH_JOINER or unicodedata.category(c) not in _INVISIBLE
        else c.encode("unicode_escape", "surrogatepass").decode()
        for c in name[:limit]
    )
    return visible if len(name) <= limit else f"{visible}… ({len(name):,} characters)"


def cut(name: str, chars: int) -> str:
    """A name as harmless text that fits where there is room for so many characters.

    >>> cut("GET /api/v1/products", 12)
    'GET /api/v1…'
    """
    text = shown(name, 4 * chars)
    return text if len(text) <= chars else text[: chars - 1] + "…"


def unit(signal: str) -> str:
    """What a signal counts.

    >>> unit("refusals"), unit("demand")
    ('refused calls', 'calls')
    """
    return UNITS.get(signal, "calls")


def measure(signal: str) -> str:
    """The unit behind a number of a signal that counts nothing.

    >>> measure("latency"), measure("calls")
    (' ms', '')
    """
    return " ms" if signal == "latency" else ""


def number(value: float | None) -> str:
    """Three digits that count, thousands apart; a dash for what is not known.

    >>> number(1234.5), number(6.123), number(0.04567), number(53.0)
    ('1,234', '6.12', '0.046', '53')
    """
    if value is None or not math.isfinite(value):
        return "–"
    size = abs(value)
    if size >= 100 or value == round(value):
        return f"{value:,.0f}"
    places = 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:,.{places}f}".rstrip("0").rstrip(".")


def percent(share: float) -> str:
    """A share 0..1 in percent.

    >>> percent(0.4567), percent(0.0004), percent(1.0), percent(0.034), percent(0.9996)
    ('46 %', '< 0.1 %', '100 %', '3.4 %', '99.9 %')
    """
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0.99 < share < 1:  # all but a few is not all
        return f"{min(100 * share, 99.9):.1f} %"
    return f"{100 * share:.0f} %" if share >= 0.1 or share == 0 else f"{100 * share:.1f} %"


def multiple(observed: float | None, expected: float | None) -> str:
    """How far off, in one figure: a multiple upwards, a loss in percent downwards.

    >>> multiple(53, 6.1), multiple(2, 10), multiple(5, 0), multiple(6, 6.05), multiple(19, 0.002)
    ('8.7 ×', '−80 %', 'new', 'as expected', '> 100 ×')
    """
    if observed is None or expected is None:
        return "–"
    if expected <= 0:
        return "new" if observed > 0 else "as expected"
    ratio = observed / expected
    if abs(ratio - 1) < 0.05:
        return "as expected"
    if ratio > 100:
        return "> 100 ×"
    return f"{number(round(ratio, 1))} ×" if ratio > 1 else f"−{100 * (1 - ratio):.0f} %"


def odds(score: float) -> str:
    """How often regular traffic reaches a score (-log10 p), in words.

    >>> odds(3.0), odds(14.2)
    ('about once in 1,000 steps', 'less than once in a billion steps')
    """
    if score > 9:
        return "less than once in a billion steps"
    return f"about once in {float(f'{10 ** max(score, 0):.1g}'):,.0f} steps"


def moment(time_ns: int) -> datetime:
    """A time as a UTC datetime, to the second."""
    return datetime.fromtimestamp(time_ns // NS_PER_S, UTC)


def when(time_ns: int, exact: bool = True) -> str:
    """A time such as `Wed 17 Jun 10:40`; with seconds when it has some and they matter."""
    t = moment(time_ns)
    clock = t.strftime("%H:%M:%S" if exact and t.second else "%H:%M")
    return f"{DAYS[t.weekday()]} {t.day} {MONTHS[t.month - 1]} {clock}"


def iso(time_ns: int) -> str:
    """A time for programs."""
    return moment(time_ns).isoformat()


def dated(time_ns: int) -> str:
    """A time with its year, such as `Wed 17 Jun 2026 10:40`."""
    day, clock = when(time_ns, exact=False).rsplit(" ", 1)
    return f"{day} {moment(time_ns).year} {clock}"


def span(from_ns: int, until_ns: int | None, exact: bool = True) -> str:
    """A range of time; the day is named once when both ends lie in it."""
    if until_ns is None:
        return f"since {when(from_ns, exact)}"
    same_day = moment(from_ns).date() == moment(until_ns).date()
    end = when(until_ns, exact)
    return f"{when(from_ns, exact)} – {end.rsplit(' ', 1)[-1] if same_day else end}"


def count(n: float, noun: str) -> str:
    """`1 incident`, `3 incidents`.

    >>> count(1, "incident"), count(0, "rpc")
    ('1 incident', '0 rpcs')
    """
    return f"{number(n)} {noun}" if n == 1 else f"{number(n)} {noun}s"
