"""The report: one file, nothing from outside, and names that stay names."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from informer.web.report import SCRIPTS, STYLES, render_report
from informer.web.views import Attribute, Label, Report, Rpc
from report_sample import quiet_report, sample_report

HOSTILE = {
    "markup": "<img src=x onerror=alert(1)>",
    "script": "</script><script>alert(1)</script>",
    "comment": "--><!-- <script>",
    "quotes": "\"' onmouseover='alert(1)",
    "template": "{{ 7 * 7 }}{% raw %}",
    "long": "a" * 10_000,
    "turned": "pay\u202eexe.tnemyap",
    "lines": "one\u2028two\u2029three\nfour\x00five",
    "emoji": "🛒 cart 👩‍💻",
    "lone surrogate": "half \ud800",
}


class Page(HTMLParser):
    """What a browser would make of a page: its elements, and the text outside scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts: list[str] = []
        self._inside = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text += data

    def payload(self) -> list[dict[str, object]]:
        """The series that the charts draw."""
        at = [a for tag, a in self.elements if tag == "script"]
        [data] = [t for t, a in zip(self.scripts, at, strict=True) if a.get("class") == "series"]
        series: list[dict[str, object]] = json.loads(data)
        return series


def hostile_report(name: str) -> Report:
    """The sample with one name in every place that a name can take."""
    report = sample_report()
    first, *others = report.patterns
    rpcs = tuple(Rpc(r.rpc_id, name, name, name) for r in first.rpcs)
    incident, *rest = report.incidents
    return replace(
        report,
        title=name,
        source=name,
        verdict=name,
        checks=(name,),
        patterns=(
            replace(
                first, label=name, entry=name, reason=name, rpcs=rpcs, state=name, forecaster=name
            ),
            *others,
        ),
        incidents=(
            replace(
                incident,
                title=name,
                examples=(name,),
                similar=(name,),
                changes=(name,),
                explanation=(name,),
                attributes=(Attribute(name, name, 0.5, 0.1),),
                rpcs=tuple(
                    replace(g, caller=name, callee=name, method=name) for g in incident.rpcs
                ),
            ),
            *rest,
        ),
        labels=(Label(name, name, "attack", report.from_ns, report.until_ns, name),),
    )


@pytest.fixture(scope="module")
def html() -> str:
    """The sample report."""
    return render_report(sample_report())


def test_a_report_asks_nobody_for_anything(html: str) -> None:
    assert "http://" not in html
    assert "https://" not in html
    page = Page(html)
    for tag, attributes in page.elements:
        assert tag not in ("img", "iframe", "object", "embed", "base"), tag
        for name in ("src", "href", "srcset", "action", "poster", "style"):
            value = attributes.get(name)
            assert value is None or value.startswith("#") or value == "data:,", (tag, name, value)
    assert not re.search(r"@import|url\(", html)


def test_a_policy_allows_the_pages_own_scripts_and_styles_and_nothing_else(html: str) -> None:
    [policy] = [
        a["content"]
        for tag, a in Page(html).elements
        if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert policy.count("'sha256-") == html.count("<style>") + html.count("<script>")


def test_a_report_of_a_demo_stays_under_three_megabytes(html: str) -> None:
    assert len(html.encode()) < 3_000_000


def test_the_payload_is_json_of_numbers_for_every_chart(html: str) -> None:
    page = Page(html)
    series = page.payload()
    charts = [a for tag, a in page.elements if tag == "figure" and "data-series" in a]
    assert len(series) == sum(len(p.series) for p in sample_report().patterns)
    assert {int(a["data-series"] or -1) for a in charts} == set(range(len(series)))
    assert all(len(s["o"]) == 720 for s in series)  # type: ignore[arg-type]
    assert series[0]["o"].count(None) == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_name_is_shown_as_text(kind: str, html: str) -> None:
    name = HOSTILE[kind]
    calm, page = Page(html), Page(render_report(hostile_report(name)))
    assert len(page.scripts) == len(calm.scripts)
    assert page.scripts[1:] == calm.scripts[1:], "a name came into a script"
    assert not [a for _, a in page.elements for key in a if key.startswith("on")]
    assert {t for t, _ in page.elements} <= {t for t, _ in calm.elements}
    visible = name[:12].split("\u202e")[0].split("\u2028")[0].split("\ud800")[0]
    assert visible in page.text


def test_a_long_name_is_cut_and_says_how_long_it_is() -> None:
    page = render_report(hostile_report("a" * 10_000))
    assert "a" * 1000 not in page
    assert "… (10,000 characters)" in page


def test_characters_that_turn_text_around_are_spelled_out() -> None:
    page = render_report(hostile_report("pay\u202eexe"))
    assert "\u202e" not in page
    assert "pay\\u202eexe" in page


def test_a_calm_range_says_so_and_what_was_watched() -> None:
    text = " ".join(Page(render_report(quiet_report())).text.split())
    assert "No irregular traffic in 5 days" in text
    assert "12 patterns with 34 rpcs were watched for 5 days; nothing passed its threshold" in text
    assert "99.6 % of 720 steps had data" in text


def test_a_report_without_patterns_says_what_to_do() -> None:
    nothing = replace(quiet_report(), patterns=())
    text = Page(render_report(nothing)).text
    assert "Nothing was watched" in text
    assert "informer learn" in text


def test_the_worst_incident_comes_first_and_is_open(html: str) -> None:
    incidents = [a for tag, a in Page(html).elements if (a.get("id") or "").startswith("incident-")]
    assert [a["id"] for a in incidents] == [f"incident-{n}" for n in range(1, 7)]
    assert ["open" in a for a in incidents] == [True] + [False] * 5
    assert html.index("8 × the usual calls of POST /login") < html.index("toolbox calls ratings")


def test_an_incident_without_a_series_says_why_it_has_no_chart(html: str) -> None:
    card = html[html.index('id="incident-3"') : html.index('id="incident-4"')]
    assert "data-series" not in card
    assert "No chart: nothing was expected of these calls" in card
    assert 'class="box new"' in card
    assert "<bdi>toolbox to ratings GET /ratings/{id}</bdi>" in card, "its detections name it"


def test_labels_lead_to_the_incidents_that_found_them(html: str) -> None:
    row = next(r for r in html.split("<tr>") if "<b>A2</b>" in r)
    assert 'href="#incident-1"' in row
    assert "found, 2 min after it began" in row


def test_every_link_has_its_target(html: str) -> None:
    page = Page(html)
    ids = {a["id"] for _, a in page.elements if a.get("id")}
    links = {a["href"] for tag, a in page.elements if tag == "a" and a.get("href")}
    assert {link[1:] for link in links if link} <= ids


def test_our_scripts_and_styles_can_stand_in_a_page() -> None:
    for name in (*SCRIPTS, *STYLES):
        text = (files("informer.web") / "static" / name).read_text(encoding="utf-8")
        assert not re.search(r"</(script|style)|<!--|\r", text), name


def test_two_renderings_of_one_report_are_equal(html: str) -> None:
    assert render_report(sample_report()) == html
