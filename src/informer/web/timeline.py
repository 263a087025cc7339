"""Incidents and labels along one strip of time, as percent of its width."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from informer.core.durations import lasting
from informer.core.types import NS_PER_S
from informer.web.views import Incident, Label, Report
from informer.web.words import DAYS, cut, moment, shown, span

TICK_S = (60, 300, 600, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
DAY_S = 86400
MOST_TICKS = 8
ROOM, LABEL_ROOM = 6.0, 11.0  # percent that a name beside its bar needs, on a phone too
PAGE_ROOM = 0.6  # that a bar without a name needs
MOST_LANES = 8


@dataclass(frozen=True, slots=True)
class Bar:
    """One thing on the strip."""

    x: float  # percent
    width: float  # percent
    lane: int
    name: str  # short, written beside the bar
    says: str  # everything, for the tooltip and the screen reader
    look: str  # severity or flag: the class that paints it
    href: str | None
    flip: bool  # the name stands before the bar, for it would not fit behind


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of time: its place in percent and its name."""

    x: float
    name: str
    at_s: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """The whole strip."""

    ticks: tuple[Tick, ...]
    incidents: tuple[Bar, ...]
    labels: tuple[Bar, ...]

    @property
    def incident_lanes(self) -> int:
        """How many lanes the incidents take, at least one."""
        return max((b.lane for b in self.incidents), default=0) + 1

    @property
    def label_lanes(self) -> int:
        """How many lanes the labels take."""
        return max((b.lane for b in self.labels), default=-1) + 1


def timeline(report: Report, ranked: Sequence[Incident]) -> Timeline:
    """Place everything; `ranked` are the incidents in the order of their numbers, from 1."""
    numbered = sorted(enumerate(ranked, start=1), key=lambda pair: pair[1].opened_ns)
    over = (report.from_ns, report.until_ns)
    return Timeline(
        ticks=_ticks(report.from_ns, report.until_ns),
        incidents=_lanes(
            [_incident_bar(over, str(n), i, f"#incident-{n}") for n, i in numbered], ROOM
        ),
        labels=_lanes([_label_bar(report, label) for label in report.labels], LABEL_ROOM),
    )


def strip_of(from_ns: int, until_ns: int, incidents: Sequence[Incident]) -> Timeline:
    """Incidents in order of opening, each a link to its page."""
    over = (from_ns, until_ns)
    bars = [_incident_bar(over, "", i, f"/incidents/{quote(i.incident_id)}") for i in incidents]
    return Timeline(_ticks(from_ns, until_ns), _lanes(bars, PAGE_ROOM), ())


def _incident_bar(over: tuple[int, int], name: str, incident: Incident, href: str) -> Bar:
    end_ns = over[1] if incident.resolved_ns is None else incident.resolved_ns
    x, width = _place(over, incident.opened_ns, end_ns)
    says = (
        f"Incident {name}: {incident.severity} {incident.kind}, {shown(incident.title)}, "
        f"{span(incident.opened_ns, incident.resolved_ns)}"
    ).replace("Incident :", "Incident:")
    return Bar(x, width, 0, name, says, incident.severity, href, _flip(x, width, ROOM))


def _label_bar(report: Report, label: Label) -> Bar:
    x, width = _place((report.from_ns, report.until_ns), label.start_ns, label.end_ns)
    lasted = lasting((label.end_ns - label.start_ns) / NS_PER_S)
    says = (
        f"{shown(label.event)}: {label.flag}, {shown(label.kind)}, "
        f"{span(label.start_ns, label.end_ns, exact=False)} ({lasted}). {shown(label.outcome)}"
    )
    return Bar(
        x, width, 0, cut(label.event, 12), says, label.flag, None, _flip(x, width, LABEL_ROOM)
    )


def _place(over: tuple[int, int], from_ns: int, until_ns: int) -> tuple[float, float]:
    whole = max(over[1] - over[0], 1)
    x = min(max((from_ns - over[0]) / whole, 0.0), 1.0)
    end = min(max((until_ns - over[0]) / whole, x), 1.0)
    return round(100 * x, 3), round(100 * (end - x), 3)


def _flip(x: float, width: float, room: float) -> bool:
    """Whether a name finds no room behind its bar, but does before it."""
    return x + width > 100 - room and x > room


def _lanes(bars: Sequence[Bar], room: float) -> tuple[Bar, ...]:
    """Each bar in the first lane with room; when all are full, in the one that ends first."""
    ends: list[float] = []
    placed = []
    for bar in sorted(bars, key=lambda b: b.x):
        begin = bar.x - (room if bar.flip else 0)
        free = next((i for i, end in enumerate(ends) if end <= begin), None)
        if free is None and len(ends) < MOST_LANES:
            free = len(ends)
            ends.append(0.0)
        lane = ends.index(min(ends)) if free is None else free
        ends[lane] = bar.x + bar.width + (1.0 if bar.flip else room)
        placed.append(replace(bar, lane=lane))
    return tuple(placed)


def _ticks(from_ns: int, until_ns: int) -> tuple[Tick, ...]:
    """Round times inside the range, few enough that their names stand apart."""
    first_s, last_s = from_ns // NS_PER_S, until_ns // NS_PER_S
    length = max(last_s - first_s, 1)
    steps = [s for s in TICK_S if length / s <= MOST_TICKS]
    step = steps[0] if steps else DAY_S * -(-length // (MOST_TICKS * DAY_S))
    starts = range(-(-first_s // step) * step, last_s, step)
    return tuple(Tick(round(100 * (s - first_s) / length, 3), _tick_name(s), s) for s in starts)


def _tick_name(start_s: int) -> str:
    t = moment(start_s * NS_PER_S)
    return t.strftime("%H:%M") if start_s % DAY_S else f"{DAYS[t.weekday()]} {t.day}"
