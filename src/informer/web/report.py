"""A report of patterns and incidents as one self-contained HTML page."""

import base64
import hashlib
from collections import Counter
from typing import Any

from markupsafe import Markup

from informer.core.durations import lasting
from informer.core.types import NS_PER_S
from informer.web import words
from informer.web.cards import Cards
from informer.web.charts import script_safe
from informer.web.drawing import static, templates
from informer.web.timeline import timeline
from informer.web.views import Report

SCRIPTS = ("uplot-1.6.32.min.js", "charts.js", "page.js")
STYLES = ("uplot-1.6.32.min.css", "shared.css")
LICENCES = ("uplot-1.6.32.LICENSE",)


def render_report(report: Report) -> str:
    """One HTML file that asks nobody for anything: scripts, styles and data are inside it.

    Its Content-Security-Policy lets run only the scripts and styles that it was made with, so a
    name that smuggles markup past the escaping would still do nothing.
    """
    cards = Cards(report)
    scripts = [static(name) for name in SCRIPTS]
    styles = [static(name) for name in STYLES]
    return (
        templates()
        .get_template("report.html")
        .render(
            report=report,
            cards=cards,
            facts=_facts(report),
            timeline=timeline(report, cards.ranked),
            numbers={c.incident.incident_id: c.number for c in cards.incidents},
            places={c.pattern.pattern_id: c.number for c in cards.patterns},
            policy=_policy(scripts, styles),
            scripts=[Markup(s) for s in scripts],
            styles=[Markup(s) for s in styles],
            licences=[Markup(static(name)) for name in LICENCES],
            payload=Markup(script_safe(cards.payload)),
        )
    )


def _facts(report: Report) -> dict[str, Any]:
    """What the head of the page says about the incidents and about the detection itself."""
    severities = Counter(i.severity for i in report.incidents)
    ranked = sorted(severities.items(), key=lambda pair: words.SEVERITIES.index(pair[0]))
    entries = [p.series[0] for p in report.patterns if p.series]
    steps = max((len(s.observed) for s in entries), default=0)
    return {
        "severities": ranked,
        "kinds": Counter(i.kind for i in report.incidents).most_common(),
        "info": severities["info"],
        "open": sum(i.resolved_ns is None for i in report.incidents),
        "lasting": lasting((report.until_ns - report.from_ns) / NS_PER_S),
        "rpcs": len({r.rpc_id for p in report.patterns for r in p.rpcs}),
        "steps": steps,
        "seen": max(
            (sum(v is not None and v == v for v in s.observed) for s in entries), default=0
        ),
        "forecasters": Counter(p.forecaster for p in report.patterns).most_common(),
        "not_ready": sum(p.state != "ready" for p in report.patterns),
        "chains": sum(p.chains for p in report.patterns),
    }


def _policy(scripts: list[str], styles: list[str]) -> str:
    def hashes(texts: list[str]) -> str:
        return " ".join(
            f"'sha256-{base64.b64encode(hashlib.sha256(t.encode()).digest()).decode()}'"
            for t in texts
        )

    return (
        f"default-src 'none'; script-src {hashes(scripts)}; style-src {hashes(styles)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
