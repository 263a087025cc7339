"""The console in a real browser, beside a service that is fed with the bundled capture.

With INFORMER_IMAGES=FOLDER the pictures of the docs are taken on the way.
"""

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from capture_feed import capture_messages
from informer.config.settings import Settings, TrafficSettings
from informer.core.types import NS_PER_S
from informer.pipeline.learn import learn
from running_service import Served, serving, with_serve_settings

PROTOBUF = "application/x-protobuf"
READER, DECIDER = "reader-0123456789", "decider-0123456789"
STEP_S = 600
HOUR_NS = 3_600 * NS_PER_S
WEDNESDAY_NS = 1_781_654_400 * NS_PER_S  # reviews-v1 goes at 02:57, logins are tried from 10:41 on
CLEAN, ATTACKED, AFTER = 4, 12, 20  # hours of that day until which the story has been fed
WATERMARK_S = 60
AT_ONCE = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
SOON_MS, LEARNED_MS, JUDGED_S = 60_000, 240_000, 240.0
IMAGES = os.environ.get("INFORMER_IMAGES", "")


@dataclass
class Told:
    """What a browser complained about and asked for."""

    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@dataclass
class Watch:
    """A service on the learned capture, and how far it was fed."""

    served: Served
    fed_ns: int = WEDNESDAY_NS

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.served.ports['health']}"

    def feed(self, hour: float) -> None:
        """Send what happens until an hour of the day, and wait until its steps are judged."""
        until_ns = WEDNESDAY_NS + round(hour * HOUR_NS)
        for message in capture_messages(self.fed_ns, until_ns):
            assert self.served.post(message, PROTOBUF)[0] == 200
        self.fed_ns = until_ns
        # The watermark, and the last trace that came, leave the newest two steps open.
        steps = (until_ns - WEDNESDAY_NS) // (STEP_S * NS_PER_S)
        self.served.wait_for("informer_steps_closed_total", steps - 4, within_s=JUDGED_S)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fourteen days of the capture, and two tokens."""
    folder = tmp_path_factory.mktemp("console")
    with resources.as_file(resources.files("informer.demo") / "train.parquet") as train:
        settings = Settings(traffic=TrafficSettings(step_s=STEP_S))
        learn([str(train)], folder / "workspace", settings=settings)
    tokens = folder / "tokens"
    tokens.write_text(f"read {READER} looker\ndecide {DECIDER} on-call\n")
    tokens.chmod(0o600)
    more = f"api_tokens_file = {json.dumps(str(tokens))}\n"
    more += "[console]\n"
    more += 'links = { Jaeger = "http://jaeger.example/trace/{trace_id}", '
    more += 'Calls = "http://grafana.example/d/rpc?var-service={service}&from={from_ms}" }\n'
    return with_serve_settings(folder / "workspace", more)


@pytest.fixture(scope="module")
def another(learned: Path) -> Path:
    """A copy, from before anything was served."""
    return Path(shutil.copytree(learned, learned.parent / "another"))


@pytest.fixture(scope="module")
def watch(learned: Path, another: Path) -> Iterator[Watch]:
    with serving(learned) as served:
        yield Watch(served)


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
        started = playwright.chromium.launch(executable_path=program, args=list(AT_ONCE))
        yield started
        started.close()


Open = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser, watch: Watch) -> Iterator[Open]:
    """Signs in with a profile of its own; nothing the page says or asks goes unheard."""
    told, contexts = Told(), list[BrowserContext]()

    def opened(token: str = DECIDER, *, width: int = 1280, dark: bool = False) -> Page:
        context = browser.new_context(
            base_url=watch.address,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            timezone_id="Europe/Berlin",
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SOON_MS)
        page.on("console", lambda m: told.complaints.append(m.text))
        page.on("pageerror", lambda e: told.complaints.append(str(e)))
        page.on("dialog", lambda d: told.complaints.append(f"dialog {d.message}"))
        page.on("request", lambda r: told.requests.append(r.url))
        page.goto("/")
        page.get_by_label("Token").fill(token)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_selector("#live")
        page.wait_for_load_state()  # keys are listened for once the scripts have run
        return page

    yield opened
    for context in contexts:
        context.close()
    assert told.complaints == []
    assert [r for r in told.requests if not r.startswith((watch.address, "data:"))] == []


def picture(page: Page, name: str) -> None:
    """For the docs, where somebody asked for them."""
    if IMAGES:
        page.wait_for_timeout(600)  # until what comes into view is drawn
        page.screenshot(path=f"{IMAGES}/console-{name}.png")


def without_serious_issues(page: Page) -> None:
    """What axe finds; canvases are left out of the contrast that it cannot see."""
    found = Axe().run(page).response["violations"]
    serious = [
        (v["id"], [n["html"][:160] for n in v["nodes"][:3]])
        for v in found
        if v["impact"] in ("serious", "critical")
    ]
    assert serious == []


def expected_share(page: Page, pattern: str) -> float:
    """What is expected of ratings in the last step, over what is expected of the entry."""
    page.goto(f"{pattern}?range=24h")
    series = json.loads(page.locator("script.series").text_content() or "[]")
    names = [t.text_content() or "" for t in page.locator("figcaption .callee").all()]
    last = {name: s["e"][-1] for name, s in zip(names, series, strict=True)}
    return float(last["ratings"] / last["productpage"])


def test_an_incident_appears_is_understood_and_accepted_and_the_band_moves(
    watch: Watch, visit: Open
) -> None:
    page = visit()
    watch.feed(CLEAN)
    page.goto("/")
    assert page.locator("h1").text_content() == "✓ All traffic is regular"

    # It appears by itself.
    watch.feed(ATTACKED)
    worst = page.locator(".line.sev-critical .headline")
    worst.wait_for()
    assert "refused calls" in (worst.text_content() or "")
    assert "going on" in (page.locator("h1").text_content() or "")
    assert "the worst is critical" in (page.locator("h1").text_content() or "")
    picture(page, "now")

    # It is understood: what, since when, who, and what speaks for it.
    worst.click()
    page.wait_for_selector(".chart.large canvas")
    facts = page.locator(".facts").inner_text()
    assert "Wed 17 Jun 10:40" in facts
    assert re.search(r"ingress.*productpage POST /login", facts)
    assert re.search(r"\d+ refused calls where [\d.]+ were expected", facts)
    assert page.locator(".box.guilty").count() == 1
    assert "401" in page.locator("table", has_text="Attribute").inner_text()
    picture(page, "incident")
    page.locator("#trace-1 > summary").click()
    page.wait_for_selector("#trace-1 .spans rect")
    assert page.locator("#trace-1 tr.refused").count() >= 1
    trace = page.locator("#trace-1 > summary").inner_text()
    leads = page.locator("#trace-1 a").get_attribute("href")
    assert leads == f"http://jaeger.example/trace/{trace}"
    out = page.get_by_role("link", name="Calls").get_attribute("href")
    assert out == f"http://grafana.example/d/rpc?var-service=productpage&from={opened_ms(10, 40)}"
    page.get_by_role("button", name="Misuse").click()
    page.get_by_text("It is misuse, and teaches nothing.").wait_for()
    assert page.locator(".title-of .pill.misuse").count() == 1

    # The deploy of the night is accepted, and its pattern learns again.
    page.goto("/incidents")
    page.locator(".headline", has_text="reviews-v1 of reviews went").click()
    assert page.locator(".box.guilty").count() == 2
    assert page.locator("path.edge.guilty").count() >= 1
    assert "reviews-v1 of reviews went" in page.locator("#live").inner_text()
    pattern = page.locator("aside a[href^='/patterns/']").first.get_attribute("href") or ""
    before = expected_share(page, pattern)
    page.go_back()
    page.get_by_label("Reason").fill("reviews-v1 is retired, ticket 4711")
    page.get_by_role("button", name="Legitimate").click()
    page.get_by_text("Under way.").or_(page.get_by_text("now runs version")).wait_for()
    page.get_by_text("now runs version 0002").wait_for(timeout=LEARNED_MS)
    assert "reviews-v1 is retired, ticket 4711" in page.locator(".said").inner_text()
    assert "on-call" in page.locator(".said").inner_text()

    # The band moves: all of reviews call ratings now, and not two in three.
    watch.feed(AFTER)
    after = expected_share(page, pattern)
    assert before < 0.85 < 0.92 < after < 1.1
    picture(page, "pattern")

    # The two versions side by side; the graph has colours.
    assert page.locator(".box.calm, .box.warm, .box.hot").count() == 4
    page.get_by_role("link", name="compare").click()
    page.locator(".pairs .chart canvas").first.wait_for()
    assert page.locator(".pairs .chart").count() == 8


def opened_ms(hour: int, minute: int) -> int:
    return (WEDNESDAY_NS + hour * HOUR_NS) // 1_000_000 + minute * 60_000


PLACES = ("/", "/incidents?range=24h", "/patterns", "/explore?q=ratings")


def one_of(page: Page, kind: str) -> str:
    page.goto(f"/{kind}")
    return page.locator(f"#live a[href^='/{kind}/']").first.get_attribute("href") or ""


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_no_serious_issue_on_any_page(watch: Watch, visit: Open, dark: bool) -> None:
    watch.feed(max(ATTACKED, (watch.fed_ns - WEDNESDAY_NS) / HOUR_NS))
    page = visit(dark=dark)
    for place in (*PLACES, one_of(page, "incidents"), one_of(page, "patterns")):
        page.goto(place)
        page.wait_for_selector("#live")
        without_serious_issues(page)
        name = re.sub(r"\W.*", "", place.strip("/")) or "now"
        if dark and place == "/":
            picture(page, "now-dark")
        elif not dark and place in PLACES[1:]:
            picture(page, name)
    page.keyboard.press("?")
    without_serious_issues(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="sign out").click()
    page.get_by_label("Token").wait_for()
    without_serious_issues(page)
    if not dark:
        picture(page, "sign-in")


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_its_window(watch: Watch, visit: Open, width: int) -> None:
    watch.feed(max(ATTACKED, (watch.fed_ns - WEDNESDAY_NS) / HOUR_NS))
    page = visit(width=width)
    for place in (*PLACES, one_of(page, "patterns"), one_of(page, "incidents")):
        page.goto(place)
        page.wait_for_selector("#live")
        assert page.evaluate("document.documentElement.scrollWidth") == width, place
    if width == 390:
        picture(page, "phone")


def test_a_page_is_used_by_keyboard(watch: Watch, visit: Open) -> None:
    page = visit(READER)
    page.keyboard.press("g")
    page.keyboard.press("p")
    page.wait_for_url("**/patterns")
    page.keyboard.press("/")
    page.keyboard.type("login")
    page.get_by_text("1 pattern found").wait_for()
    page.wait_for_url("**q=login**")
    page.locator("h1").click()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector("#graph")
    page.wait_for_load_state()
    page.keyboard.press("]")
    page.wait_for_url("**range=7d**")
    page.keyboard.press("?")
    assert page.locator("dialog[open]").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0


def test_times_are_told_in_the_zone_that_a_person_chose(watch: Watch, visit: Open) -> None:
    watch.feed(max(ATTACKED, (watch.fed_ns - WEDNESDAY_NS) / HOUR_NS))
    page = visit(READER)
    page.goto("/incidents")
    row = page.locator(".line", has_text="refused calls").last
    assert "Wed 17 Jun 10:40" in row.inner_text()
    page.locator("#zone").select_option("Europe/Berlin")
    assert "Wed 17 Jun 12:40" in row.inner_text()
    page.reload()
    assert "Wed 17 Jun 12:40" in row.inner_text()


def test_light_or_dark_is_kept(watch: Watch, visit: Open) -> None:
    page = visit(READER)
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.keyboard.press("t")
    dark = page.evaluate(paper)
    assert dark != light
    page.reload()
    assert page.evaluate(paper) == dark


def test_a_page_says_that_the_service_is_gone(another: Path, browser: Browser) -> None:
    with serving(another) as served:
        context = browser.new_context(base_url=f"http://127.0.0.1:{served.ports['health']}")
        page = context.new_page()
        page.goto("/")
        page.get_by_label("Token").fill(READER)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_selector("#live")
    page.get_by_text("No answer from Informer since").wait_for(timeout=SOON_MS)
    context.close()


def test_without_scripts_pages_are_read_and_verdicts_given(watch: Watch, browser: Browser) -> None:
    watch.feed(max(ATTACKED, (watch.fed_ns - WEDNESDAY_NS) / HOUR_NS))
    context = browser.new_context(base_url=watch.address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/incidents")
    page.get_by_label("Token").fill(DECIDER)
    page.get_by_role("button", name="Sign in").click()
    page.locator(".headline", has_text="5.1 times the expected calls").click()
    page.get_by_role("button", name="Misuse").click()
    assert page.get_by_text("It is misuse, and teaches nothing.").is_visible()
    context.close()


def test_an_open_page_asks_for_nothing_but_whether_there_is_news(watch: Watch, visit: Open) -> None:
    page = visit(READER)
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url.removeprefix(watch.address)))
    for _ in range(10):  # the last steps that were fed may still be judged: that is news
        asked.clear()
        time.sleep(8)
        page.wait_for_timeout(1)
        if set(asked) == {"/pulse"}:
            break
    assert set(asked) == {"/pulse"}
    assert 2 <= len(asked) <= 3
