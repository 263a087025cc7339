"""A report of patterns and incidents as one self-contained HTML page."""

import base64
import hashlib
from collections import Counter
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from informer.core.types import NS_PER_S
from informer.web import words
from informer.web.cards import Cards
from informer.web.charts import script_safe
from informer.web.timeline import timeline
from informer.web.views import Report

SCRIPTS = ("uplot-1.6.32.min.js", "charts.js", "page.js")
STYLES = ("uplot-1.6.32.min.css", "report.css")
LICENCES = ("uplot-1.6.32.LICENSE",)


def render_report(report: Report) -> str:
    """One HTML file that asks nobody for anything: scripts, styles and data are inside it.

    Its Content-Security-Policy lets run only the scripts and styles that it was made with, so a
    name that smuggles markup past the escaping would still do nothing.
    """
    cards = Cards(report)
    scripts = [_static(name) for name in SCRIPTS]
    styles = [_static(name) for name in STYLES]
    return (
        _templates()
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
            licences=[Markup(_static(name)) for name in LICENCES],
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
        "lasting": words.lasting((report.until_ns - report.from_ns) / NS_PER_S),
        "rpcs": len({r.rpc_id for p in report.patterns for r in p.rpcs}),
        "steps": steps,
        "seen": max(
            (sum(v is not None and v == v for v in s.observed) for s in entries), default=0
        ),
        "forecasters": Counter(p.forecaster for p in report.patterns).most_common(),
        "not_ready": sum(p.state != "ready" for p in report.patterns),
        "chains": sum(p.chains for p in report.patterns),
    }


def _templates() -> jinja2.Environment:
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("informer.web", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for word in (
        words.shown,
        words.unit,
        words.measure,
        words.number,
        words.percent,
        words.multiple,
        words.odds,
        words.lasting,
        words.when,
        words.dated,
        words.span,
        words.count,
    ):
        templates.filters[word.__name__] = word
    templates.globals["kinds"] = words.KINDS
    return templates


def _static(name: str) -> str:
    """A file of ours or a vendored one, without the banner that names its home page."""
    text = (files("informer.web") / "static" / name).read_text(encoding="utf-8")
    return text.split("*/", 1)[1].lstrip("\n") if text.startswith("/*!") else text


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
