"""The pages of incidents: the list, one with its evidence, and the waterfall of an example."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from informer.core.errors import UnknownError
from informer.core.types import NS_PER_S, Json
from informer.pipeline.accepts import accepts_in
from informer.pipeline.catalogue import OnePattern, one_pattern
from informer.pipeline.curves import curves
from informer.pipeline.decisions import INCIDENT
from informer.pipeline.examples import read_example
from informer.pipeline.found import Wanted, incidents_by_id, incidents_found, said_of
from informer.pipeline.look import show_incident
from informer.pipeline.steps import step_ns_of
from informer.pipeline.workspace import BLIND, Workspace
from informer.service.console.charts import series_of
from informer.service.console.links import incident_links, trace_links
from informer.service.console.verdicts import Verdicts
from informer.service.console.visit import Desks, Range, place_of, shown, word
from informer.web.cards import CONTEXT_STEPS, Cards
from informer.web.console import render_part
from informer.web.documents import incident_of, pattern_of
from informer.web.timeline import strip_of
from informer.web.views import Incident, Pattern, Report, RpcSeries
from informer.web.waterfall import waterfall

A_PAGE = 50
MOST_PATTERNS = 3  # whose graphs and charts an incident shows
STATES = ("going_on", "over")
VERDICTS = ("open", "accepted", "rejected")
SEVERITIES = ("critical", "high", "medium", "low", "info")


def incidents_page(desks: Desks) -> Any:
    """GET /incidents."""

    async def page(request: Request) -> Response:
        wanted = Wanted(
            words=word(request, "q"),
            state=word(request, "state", STATES),
            verdict=word(request, "verdict", VERDICTS),
            severity=word(request, "severity", SEVERITIES),
            first=place_of(request),
        )

        def fill(home: Workspace, over: Range) -> Json:
            found = incidents_found(home, wanted, most=A_PAGE)
            drawn = [_light(row) for row in found.of_range(over.from_ns, over.until_ns)]
            return {
                "wanted": wanted,
                "rows": found.rows,
                "all": found.all,
                "next": wanted.first + A_PAGE if wanted.first + A_PAGE < found.all else None,
                "previous": max(wanted.first - A_PAGE, 0) if wanted.first else None,
                "timeline": strip_of(over.from_ns, over.until_ns, drawn),
                "drawn": len(drawn),
            }

        return await shown(desks, request, "incidents", fill)

    return page


def incident_page(desks: Desks, verdicts: Verdicts) -> Any:
    """GET /incidents/{id}."""

    async def page(request: Request) -> Response:
        its_id = request.path_params["id"]
        now = verdicts.last(INCIDENT, its_id)  # before the look: what is done by now is in it

        def fill(home: Workspace, over: Range) -> Json:
            document = show_incident(home, its_id)
            looked_ns = desks.parts.loop.figures.closed_ns or over.until_ns
            patterns = _touched(home, document)
            report = _report(home, document, patterns, looked_ns)
            cards = Cards(report)
            ids = {p.document["id"] for p in patterns}
            return {
                "document": document,
                "card": cards.incidents[0],
                "report": report,
                "payload": cards.payload,
                "decidable": document["kind"] != BLIND,
                "similar": incidents_by_id(home, document["similar"]),
                "said": said_of(home, f"incident {its_id}"),
                "verdict_now": now,
                "reverts": _reverts(home, its_id, ids),
                "out": incident_links(desks.settings.links, document, looked_ns),
                "trace_out": {
                    trace: trace_links(desks.settings.links, document, trace, looked_ns)
                    for trace in document["examples"]
                },
            }

        return await shown(desks, request, "incident", fill)

    return page


def trace_part(desks: Desks) -> Any:
    """GET /incidents/{id}/trace: the waterfall of one of its examples."""

    async def part(request: Request) -> Response:
        its_id, trace_id = request.path_params["id"], word(request, "trace")

        def made(home: Workspace) -> str:
            if trace_id not in show_incident(home, its_id)["examples"]:
                raise UnknownError(f"incident {its_id!r} has no example {trace_id!r}")
            spans = read_example(home.path, its_id, trace_id)
            return render_part("waterfall", fall=waterfall(spans))

        return Response(await desks.desk.read(made), media_type="text/html")

    return part


def _touched(home: Workspace, document: Json) -> list[OnePattern]:
    """The patterns an incident shows, the one with the highest score first."""
    peak: dict[str, float] = {p["id"]: 0.0 for p in document["patterns"]}
    for cell in document["detections"]:
        peak[cell["pattern_id"]] = max(peak.get(cell["pattern_id"], 0.0), cell["score"])
    found: list[OnePattern] = []
    for pattern_id in sorted(peak, key=lambda p: (-peak[p], p)):
        if len(found) == MOST_PATTERNS:
            break
        try:
            found.append(one_pattern(home, pattern_id))
        except UnknownError:  # retired since, or none at all
            continue
    return found


def _report(home: Workspace, document: Json, patterns: list[OnePattern], looked_ns: int) -> Report:
    """What the incident's card needs: its patterns over the time around it."""
    step_ns = step_ns_of(home)
    end_ns = looked_ns if document["resolved_ns"] is None else document["resolved_ns"]
    room_ns = max(CONTEXT_STEPS * step_ns, (end_ns - document["opened_ns"]) // 2)
    from_ns = document["opened_ns"] - room_ns
    until_ns = max(min(end_ns + room_ns, looked_ns), document["opened_ns"] + step_ns)
    return Report(
        title="",
        made_at_ns=looked_ns,
        from_ns=from_ns,
        until_ns=until_ns,
        step_s=step_ns // NS_PER_S,
        source="",
        checks=(),
        verdict="",
        patterns=tuple(_drawn(home, one, document, from_ns, until_ns) for one in patterns),
        incidents=(incident_of(document),),
    )


def _drawn(
    home: Workspace, one: OnePattern, document: Json, from_ns: int, until_ns: int
) -> Pattern:
    """A pattern with the series of its guilty rpcs."""
    pattern_id = one.document["id"]
    guilty = {(r["caller"], r["callee"], r["method"]): r["signal"] for r in document["rpcs"]}
    series: list[RpcSeries] = []
    for rpc_id, rpc in zip(one.rpc_ids, one.document["rpcs"], strict=True):
        signal = guilty.get((rpc["caller"], rpc["callee"], rpc["method"]))
        if signal is None:
            continue
        signal = signal if signal in ("failures", "refusals", "latency") else "calls"
        found = curves(home, [(pattern_id, rpc_id)], from_ns, until_ns, signal)
        series += [series_of(curve) for curve in found]
    reason = str(one.backtest.get("reason", ""))
    return pattern_of(one.document, one.rpc_ids, reason, series)


def _light(row: Json) -> Incident:
    """An incident as the strip of time needs it."""
    return Incident(
        row["incident_id"],
        row["kind"],
        row["severity"],
        row["title"],
        row["opened_ns"],
        row["resolved_ns"],
        row["score"],
        (),
        (),
    )


def _reverts(home: Workspace, incident_id: str, shown_ids: set[str]) -> list[Json]:
    """Patterns whose model can be taken back: those that learned again for this incident."""
    return [
        {"pattern": one.pattern_id, "version": one.version, "before": one.before}
        for one in accepts_in(home)
        if incident_id in one.incidents or one.pattern_id in shown_ids
    ]
