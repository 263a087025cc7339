"""The report in a real browser: it draws, answers, and asks nobody for anything."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from informer.web.report import render_report
from informer.web.views import Report
from report_sample import quiet_report, sample_report

QUIET_BROWSER = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Opened:
    """A page, and what it complained about or asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium without a window; where it must be (CI), its absence is a failure."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        reason = "needs a browser: chromium is not on the path"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=list(QUIET_BROWSER))
        yield started
        started.close()


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator["Show"]:
    """Opens reports, each in a browser profile of its own."""
    shower = Show(browser, tmp_path)
    yield shower
    for opened in shower.all:
        opened.page.context.close()
        assert opened.complaints == []
        assert [r for r in opened.requests if not r.startswith(("file:", "data:"))] == []


class Show:
    """Renders a report to a file and opens it; nothing it says or asks goes unheard."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self.browser = browser
        self.folder = folder
        self.all: list[Opened] = []

    def __call__(self, report: Report, *, width: int = 1280, dark: bool = False) -> Page:
        path = self.folder / f"report-{len(self.all)}.html"
        path.write_text(render_report(report), encoding="utf-8")
        context = self.browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        opened = Opened(context.new_page())
        opened.page.on("console", lambda m: opened.complaints.append(m.text))
        opened.page.on("pageerror", lambda e: opened.complaints.append(str(e)))
        opened.page.on("dialog", lambda d: opened.complaints.append(f"dialog {d.message}"))
        opened.page.on("request", lambda r: opened.requests.append(r.url))
        self.all.append(opened)
        opened.page.goto(path.as_uri())
        return opened.page


def ink(page: Page, selector: str) -> int:
    """How many pixels of the first canvas under a selector are painted."""
    painted: int = page.eval_on_selector(
        f"{selector} canvas",
        """c => c.getContext("2d").getImageData(0, 0, c.width, c.height).data
              .reduce((n, v, i) => n + (i % 4 === 3 && v > 0 ? 1 : 0), 0)""",
    )
    return painted


def test_the_worst_incident_is_drawn_when_the_page_opens(show: "Show") -> None:
    page = show(sample_report())
    page.wait_for_selector("#incident-1 .chart.large canvas")
    assert ink(page, "#incident-1 .chart.large") > 5_000
    assert page.locator("#incident-1 .box.guilty").count() == 2


def test_an_incident_opens_and_closes_by_keyboard(show: "Show") -> None:
    page = show(sample_report())
    second = page.locator("#incident-2")
    second.locator("summary").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#incident-2 .chart.large canvas")
    assert second.get_attribute("open") is not None
    page.keyboard.press("Enter")
    assert second.get_attribute("open") is None


def test_a_click_on_the_strip_opens_the_incident(show: "Show") -> None:
    page = show(sample_report())
    page.locator(".strip a[href='#incident-4'] text").click()
    page.wait_for_selector("#incident-4[open] .chart.large canvas")
    page.locator("#incident-4 > summary").click()
    page.locator(".strip a[href='#incident-4'] text").click()
    page.wait_for_selector("#incident-4[open]")


def test_search_finds_patterns_by_any_of_their_names(show: "Show") -> None:
    page = show(sample_report())
    page.keyboard.press("/")
    page.keyboard.type("payment charge")
    assert page.locator("details.pattern:visible").count() == 1
    assert page.locator("#found").text_content() == "1 of 12 patterns"
    page.locator("#search").fill("no such thing")
    assert page.locator("#nothing").is_visible()
    page.locator("#search").fill("")
    assert page.locator("details.pattern:visible").count() == 12


def test_a_link_opens_a_pattern_that_the_search_had_hidden(show: "Show") -> None:
    page = show(sample_report())
    page.locator("#search").fill("favicon")
    page.locator("#incident-1 a[href='#pattern-2']").click()
    page.wait_for_selector("#pattern-2[open] .chart canvas")


def test_arrow_keys_read_single_steps_and_escape_shows_the_whole_range(show: "Show") -> None:
    page = show(sample_report())
    page.wait_for_selector("#incident-1 .chart.large canvas")
    chart = page.locator("#incident-1 .chart.large")
    chart.locator(".plot").focus()
    page.keyboard.press("ArrowRight")
    first = chart.locator(".readout").text_content() or ""
    assert first.startswith("Wed 17 Jun 02:30: observed ")
    page.keyboard.press("ArrowRight")
    assert (chart.locator(".readout").text_content() or "").startswith("Wed 17 Jun 02:40: ")
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+ArrowLeft")
    assert (chart.locator(".readout").text_content() or "").startswith("Wed 17 Jun 01:00: ")


def test_the_pointer_on_one_chart_reads_all_of_them(show: "Show") -> None:
    page = show(sample_report())
    page.locator("#incident-1 .multiples").scroll_into_view_if_needed()
    page.wait_for_selector("#incident-1 .multiples .chart:nth-child(2) canvas")
    page.locator("#incident-1 .multiples .chart:nth-child(1) .u-over").hover()
    page.wait_for_function(
        """() => [...document.querySelectorAll("#incident-1 .multiples .readout")]
                   .every(r => r.textContent.includes("observed"))"""
    )


def test_a_change_to_dark_repaints_the_charts(show: "Show") -> None:
    page = show(sample_report())
    page.wait_for_selector("#incident-1 .chart.large canvas")
    canvas = "document.querySelector('#incident-1 .chart.large canvas').toDataURL()"
    before = page.evaluate(canvas)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"before => {canvas} !== before", arg=before)


def test_paper_shows_every_incident(show: "Show") -> None:
    page = show(sample_report(), dark=True)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details.incident[open]").count() == 6
    page.wait_for_selector("#incident-6 .chart.large canvas")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details.incident[open]").count() == 1


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_its_window(show: "Show", width: int) -> None:
    sample = sample_report()
    long = replace(sample.incidents[0], title="x" * 9_000)
    for report in (replace(sample, incidents=(long, *sample.incidents[1:])), quiet_report()):
        page = show(report, width=width)
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_markup_in_names_does_not_run(show: "Show") -> None:
    sample = sample_report()
    markup = "</script><img src=x onerror=alert(1)><script>alert(2)</script>"
    evil = replace(sample.incidents[0], title=markup, examples=(markup,), explanation=(markup,))
    page = show(replace(sample, title=markup, incidents=(evil,)))
    page.wait_for_selector("#incident-1 .chart.large canvas")
    assert page.locator("img").count() == 0
    assert page.locator("#incident-1 .headline").text_content() == markup


def test_the_policy_stops_a_script_that_was_smuggled_in(show: "Show") -> None:
    page = show(quiet_report())
    page.evaluate(
        """() => {
             const script = document.createElement("script");
             script.textContent = "window.smuggled = true";
             document.body.append(script);
           }"""
    )
    assert page.evaluate("window.smuggled") is None
    [opened] = show.all
    assert any("Content Security Policy" in c for c in opened.complaints)
    opened.complaints.clear()


def test_without_scripts_the_words_and_graphs_are_there(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(render_report(sample_report()), encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.locator("#incident-1 .box.guilty").first.is_visible()
    assert page.locator("noscript p").is_visible()
    context.close()
