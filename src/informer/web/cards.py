"""An incident and a pattern with all that is drawn on their cards."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from informer.core.durations import lasting
from informer.core.types import NS_PER_S
from informer.web.charts import encode, points_each, sparkline
from informer.web.graph import Drawing, draw
from informer.web.views import Detection, GuiltyRpc, Incident, Pattern, Report, Rpc
from informer.web.words import SEVERITIES, measure, number, shown, when

CONTEXT_STEPS = 48  # drawn before and after an incident
MOST_CHARTS = 4  # on an incident's card
MOST_DETECTIONS = 40  # in an incident's table
GUILTY_SHARE = 0.2  # of an incident's score, from which an rpc is marked in the graph
NEWS = {"novel", "change"}  # kinds whose rpcs may be missing from the pattern's graph


@dataclass(frozen=True, slots=True)
class Chart:
    """One series on the page: which one, the time shown first, and its content in words."""

    index: int  # into the payload's series
    rpc: Rpc
    signal: str
    says: str
    from_s: int
    until_s: int
    opened_s: int | None = None
    resolved_s: int | None = None


@dataclass(frozen=True, slots=True)
class IncidentCard:
    """An incident, its number, and what is drawn of it."""

    number: int
    incident: Incident
    until_ns: int  # its end, or the report's while it is open
    guilty: GuiltyRpc | None
    signal: str  # what was counted of the guilty rpc
    named: bool  # the title already names the guilty rpc
    charts: tuple[Chart, ...]
    graph: Drawing | None
    graph_of: str
    detections: tuple[tuple[Detection, str], ...]  # with the rpc's name, in time order
    threshold: float | None  # what the strongest detection passed


@dataclass(frozen=True, slots=True)
class PatternCard:
    """A pattern, its graph, its charts, and the incidents that touch it."""

    number: int
    pattern: Pattern
    charts: tuple[Chart, ...]
    graph: Drawing
    spark: str
    incidents: tuple[int, ...]  # their numbers


class Cards:
    """All cards of one report, and the payload of the series that their charts draw."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.ranked = sorted(report.incidents, key=_rank)
        self.payload: list[dict[str, Any]] = []
        self._charts: dict[tuple[str, str, str], Chart] = {}
        points = points_each(sum(len(p.series) for p in report.patterns))
        for pattern in report.patterns:
            self._add_series(pattern, points)
        self.incidents = [self._incident(n, i) for n, i in enumerate(self.ranked, start=1)]
        self.patterns = [self._pattern(n, p) for n, p in enumerate(report.patterns, start=1)]

    def _add_series(self, pattern: Pattern, points: int) -> None:
        rpcs = {rpc.rpc_id: rpc for rpc in pattern.rpcs}
        touching = [
            _window(self.report, i)
            for i in self.ranked
            if any(ref.pattern_id == pattern.pattern_id for ref in i.patterns)
        ]
        for series in pattern.series:
            rpc = rpcs[series.rpc_id]
            self._charts[pattern.pattern_id, rpc.rpc_id, series.signal] = Chart(
                index=len(self.payload),
                rpc=rpc,
                signal=series.signal,
                says=f"{shown(rpc.caller)} to {shown(rpc.callee)} {shown(rpc.method)}: "
                f"{series.signal} observed against expected over the whole range.",
                from_s=self.report.from_ns // NS_PER_S,
                until_s=self.report.until_ns // NS_PER_S,
            )
            self.payload.append(encode(series, touching, points))

    def _incident(self, n: int, incident: Incident) -> IncidentCard:
        cells = sorted(incident.detections, key=lambda d: -d.score)
        marked = {d.rpc_id for d in cells}
        guilty = incident.rpcs[0] if incident.rpcs else None
        names = {g.rpc_id: _name(g) for g in incident.rpcs}
        names |= {r.rpc_id: _name(r) for p in self.report.patterns for r in p.rpcs}
        touched = self._touched(incident, cells)
        charts = self._incident_charts(incident, cells, touched)
        drawn = next((p for p in touched if any(r.rpc_id in marked for r in p.rpcs)), None)
        drawn = drawn or next(iter(touched), None)
        shown_cells = sorted(cells[:MOST_DETECTIONS], key=lambda d: d.step_start_ns)
        return IncidentCard(
            number=n,
            incident=incident,
            until_ns=self.report.until_ns if incident.resolved_ns is None else incident.resolved_ns,
            guilty=guilty,
            signal=_signal(guilty, cells) if guilty else "calls",
            named=guilty is not None and _names(incident.title, guilty),
            charts=charts,
            graph=_incident_graph(incident, drawn, marked) if drawn else None,
            graph_of=drawn.label if drawn else "",
            detections=tuple((d, names.get(d.rpc_id, d.rpc_id)) for d in shown_cells),
            threshold=cells[0].threshold if cells else None,
        )

    def _touched(self, incident: Incident, cells: Sequence[Detection]) -> list[Pattern]:
        """The incident's patterns that the report has, the one with the highest score first."""
        peak: dict[str, float] = {}
        for d in cells:
            peak.setdefault(d.pattern_id, d.score)
        ids = {ref.pattern_id for ref in incident.patterns} | set(peak)
        inside = [p for p in self.report.patterns if p.pattern_id in ids]
        return sorted(inside, key=lambda p: -peak.get(p.pattern_id, 0.0))

    def _incident_charts(
        self, incident: Incident, cells: Sequence[Detection], touched: Sequence[Pattern]
    ) -> tuple[Chart, ...]:
        """A chart per guilty rpc, zoomed to the incident, the guiltiest first."""
        found: list[Chart] = []
        for guilty in incident.rpcs:
            for pattern in touched:
                ids = [r.rpc_id for r in pattern.rpcs if _same(r, guilty)]
                if not ids:
                    continue
                wanted = (_signal(replace(guilty, rpc_id=ids[0]), cells), "calls")
                key = next(
                    (k for s in wanted if (k := (pattern.pattern_id, ids[0], s)) in self._charts),
                    None,
                )
                if key:
                    found.append(_zoomed(self._charts[key], self.report, incident, guilty))
                    break
        return tuple(found[:MOST_CHARTS])

    def _pattern(self, n: int, pattern: Pattern) -> PatternCard:
        touching = {
            card.number: {
                d.rpc_id for d, _ in card.detections if d.pattern_id == pattern.pattern_id
            }
            for card in self.incidents
            if any(r.pattern_id == pattern.pattern_id for r in card.incident.patterns)
        }
        keys = [(pattern.pattern_id, s.rpc_id, s.signal) for s in pattern.series]
        return PatternCard(
            number=n,
            pattern=pattern,
            charts=tuple(self._charts[k] for k in keys),
            graph=draw(pattern.rpcs, pattern.edges, marked=set().union(*touching.values())),
            spark=sparkline(pattern.series[0].observed) if pattern.series else "",
            incidents=tuple(touching),
        )


def _rank(incident: Incident) -> tuple[int, float, int]:
    return SEVERITIES.index(incident.severity), -incident.score, incident.opened_ns


def _window(report: Report, incident: Incident) -> tuple[int, int]:
    """The time drawn around an incident, (from_ns, until_ns), inside the report's range."""
    end = report.until_ns if incident.resolved_ns is None else incident.resolved_ns
    room = max(CONTEXT_STEPS * report.step_s * NS_PER_S, (end - incident.opened_ns) // 2)
    return max(incident.opened_ns - room, report.from_ns), min(end + room, report.until_ns)


def _zoomed(chart: Chart, report: Report, incident: Incident, guilty: GuiltyRpc) -> Chart:
    from_ns, until_ns = _window(report, incident)
    end = report.until_ns if incident.resolved_ns is None else incident.resolved_ns
    unit = measure(chart.signal)
    says = (
        f"{_name(chart.rpc)}: {number(guilty.observed)}{unit} observed where "
        f"{number(guilty.expected)}{unit} were expected, in {lasting(guilty.window_s)} between "
        f"{when(incident.opened_ns)} and {when(end)} UTC."
    )
    return Chart(
        chart.index,
        chart.rpc,
        chart.signal,
        says,
        from_ns // NS_PER_S,
        until_ns // NS_PER_S,
        incident.opened_ns // NS_PER_S,
        end // NS_PER_S,
    )


def _incident_graph(incident: Incident, pattern: Pattern, marked: set[str]) -> Drawing:
    """The pattern with the guilty rpcs marked; those it has never seen are drawn in."""
    blamed = [g for i, g in enumerate(incident.rpcs) if i == 0 or g.share >= GUILTY_SHARE]
    guilty = {r.rpc_id for r in pattern.rpcs if any(_same(r, g) for g in blamed)}
    new: tuple[Rpc, ...] = ()
    if incident.kind in NEWS:
        known = {(r.caller, r.callee, r.method) for r in pattern.rpcs}
        new = tuple(
            Rpc(f"new {i}", g.caller, g.callee, g.method)
            for i, g in enumerate(incident.rpcs)
            if (g.caller, g.callee, g.method) not in known
        )
    return draw(pattern.rpcs, pattern.edges, guilty or marked, new)


def _same(rpc: Rpc, guilty: GuiltyRpc) -> bool:
    return (rpc.caller, rpc.callee, rpc.method) == (guilty.caller, guilty.callee, guilty.method)


def _signal(guilty: GuiltyRpc, cells: Sequence[Detection]) -> str:
    """What was counted of an rpc; `cells` are an incident's detections, the strongest first."""
    own = (d.signal for d in cells if d.rpc_id == guilty.rpc_id)
    return guilty.signal or next(own, cells[0].signal if cells else "calls")


def _names(title: str, rpc: GuiltyRpc) -> bool:
    return all(part in title for part in (rpc.caller, rpc.callee, rpc.method))


def _name(rpc: Rpc | GuiltyRpc) -> str:
    return f"{shown(rpc.caller)} to {shown(rpc.callee)} {shown(rpc.method)}"
