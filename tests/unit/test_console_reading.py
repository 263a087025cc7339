"""Parts of the console, one at a time: sessions, tries, links, waterfalls, hours and curves."""

import asyncio
import itertools
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from starlette.applications import Starlette

from informer.config.load import settings_of
from informer.core.errors import InformerError
from informer.core.tables import FORECASTS, STEPS, TRAFFIC
from informer.core.types import NS_PER_S
from informer.pipeline.curves import MOST_STEPS, Curve, curves
from informer.pipeline.hours import HOUR_NS, forget_hours, roll_up, rolled_until_ns
from informer.pipeline.workspace import Workspace
from informer.service.api.roles import DECIDE, Holder
from informer.service.console.app import refusal
from informer.service.console.attempts import MOST_FROM_ONE, Attempts
from informer.service.console.door import Door
from informer.service.console.links import incident_links, trace_links
from informer.service.console.sessions import LASTS_S, MOST, Sessions
from informer.web.waterfall import MOST_DEPTH, waterfall

ON_CALL = Holder("on-call", DECIDE)
STEP_NS = 60 * NS_PER_S
START_NS = 1_780_272_000 * NS_PER_S


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_session_lasts_half_a_day_and_is_known_by_what_the_browser_shows() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    shown = sessions.begin(ON_CALL)
    found = sessions.of(shown)
    assert found is not None
    assert found.holder == ON_CALL
    assert found.knows(found.form_key)
    assert not found.knows("")
    assert sessions.of(shown[:-1]) is None
    clock.now_s += LASTS_S
    assert sessions.of(shown) is None


def test_who_signed_out_is_nobody() -> None:
    sessions = Sessions(Clock())
    shown, other = sessions.begin(ON_CALL), sessions.begin(ON_CALL)
    sessions.end(shown)
    assert sessions.of(shown) is None
    assert sessions.of(other) is not None


def test_the_oldest_session_makes_room() -> None:
    sessions = Sessions(Clock())
    first, second = sessions.begin(ON_CALL), sessions.begin(ON_CALL)
    for _ in range(MOST - 1):
        sessions.begin(ON_CALL)
    assert sessions.of(first) is None
    assert sessions.of(second) is not None


def test_tries_are_bounded_by_address_and_in_all_until_the_minute_is_over() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(MOST_FROM_ONE):
        assert attempts.wait_s("a") == 0
        attempts.failed("a")
    assert 0 < attempts.wait_s("a") <= 60
    for address in map(str, range(9)):
        for _ in range(MOST_FROM_ONE):
            attempts.failed(address)
    assert attempts.wait_s("another") > 0
    clock.now_s += 60
    assert attempts.wait_s("a") == 0


INCIDENT: dict[str, Any] = {
    "id": "1a2b3c4d5e",
    "opened_ns": 5_000_000_000,
    "resolved_ns": None,
    "rpcs": [{"callee": "a/b?c", "method": "GET /x y&z"}],
}


def test_links_hold_names_that_cannot_leave_their_place() -> None:
    links = {
        "Jaeger": "https://jaeger.example/trace/{trace_id}",
        "Calls": "https://grafana.example/d?s={service}&m={method}&f={from_ms}&u={until_s}",
    }
    assert incident_links(links, INCIDENT, 9_000_000_000) == [
        ("Calls", "https://grafana.example/d?s=a%2Fb%3Fc&m=GET%20%2Fx%20y%26z&f=5000&u=9")
    ]
    assert trace_links(links, INCIDENT, "../a b", 9_000_000_000) == [
        ("Jaeger", "https://jaeger.example/trace/..%2Fa%20b")
    ]


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert({trace_id})",
        "https://{service}.example/",
        "https://jaeger.example/trace/",
        "https://jaeger.example/{trace}",
        "https://jaeger.example/{trace_id",
        "https://jaeger.example/{trace_id!r}",
        "https://jaeger.example/{trace_id:>99999999}",
        "https://jaeger.example/{trace_id.__class__}",
        "https://jaeger.example/ {trace_id}",
        "ftp://jaeger.example/{trace_id}",
    ],
)
def test_a_link_that_is_none_is_told_at_the_start(url: str) -> None:
    with pytest.raises(InformerError, match=r"console\.links must be up to 12 names"):
        settings_of({"console": {"links": {"Jaeger": url}}}, "informer.toml")


def test_a_waterfall_places_spans_in_percent_of_the_trace() -> None:
    spans = [
        span("a", 0, 1_000, 200),
        span("b", 250, 500, 401, depth=1, refused=True),
        span("c", 999, 1, 500, depth=40, failed=True),
    ]
    fall = waterfall(spans)
    assert fall.lasted_ms == 1.0
    assert [(r.x, r.width, r.look) for r in fall.rows] == [
        (0.0, 100.0, ""),
        (25.0, 50.0, "refused"),
        (99.9, 0.3, "failed"),
    ]
    assert fall.rows[2].depth == MOST_DEPTH
    assert waterfall([]).rows == ()


def span(service: str, start_us: int, lasts_us: int, status: int, **more: Any) -> dict[str, Any]:
    return {
        "service": service,
        "operation": "GET /",
        "kind": "server",
        "start_ns": start_us * 1_000,
        "duration_ns": lasts_us * 1_000,
        "status_code": status,
        "failed": False,
        "refused": False,
        "depth": 0,
    } | more


@pytest.fixture
def home(tmp_path: Path) -> Any:
    """Two days of one cell: one call in even steps, none in odd ones, two expected; a hole."""
    with Workspace.create(tmp_path / "workspace") as workspace:
        workspace.put("trained", {"step_s": 60})
        steps = range(2 * 1_440)
        hole = range(120, 150)
        starts = [START_NS + s * STEP_NS for s in steps]
        workspace.save(
            "steps",
            STEPS.of(
                [
                    {"step_start_ns": at, "seen": s not in hole}
                    for s, at in zip(steps, starts, strict=True)
                ]
            ),
        )
        cell = {"pattern_id": "p1", "rpc_id": "r1"}
        nothing = {"failures": 0.0, "refusals": 0.0, "latency_mean_ms": 7.0, "seen": True}
        quantiles = {"latency_p50_ms": None, "latency_p95_ms": None}
        workspace.save(
            "traffic",
            TRAFFIC.of(
                [
                    cell | nothing | quantiles | {"step_start_ns": at, "calls": 1.0}
                    for s, at in zip(steps, starts, strict=True)
                    if s % 2 == 0 and s not in hole
                ]
            ),
        )
        made = {"run_id": "1", "signal": "calls", "made_at_ns": 0, "expected": 2.0, "spread": 0.5}
        workspace.save(
            "forecasts", FORECASTS.of([cell | made | {"step_start_ns": at} for at in starts])
        )
        yield workspace


def drawn(home: Workspace, first: int, last: int) -> Curve:
    (curve,) = curves(home, [("p1", "r1")], START_NS + first * STEP_NS, START_NS + last * STEP_NS)
    return curve


def test_a_short_range_is_read_step_by_step_and_a_hole_is_no_zero(home: Workspace) -> None:
    curve = drawn(home, 118, 152)
    assert curve.every_s == 60
    assert np.isnan(curve.observed[2:32]).all()
    assert curve.observed[[0, 1, 32, 33]].tolist() == [1.0, 0.0, 1.0, 0.0]
    assert (curve.expected == 2.0).all()
    assert curve.high[0] == pytest.approx(2 + 2.58 * 2)  # variance 2 + 0.5 * 4
    assert curve.low[0] == 0.0
    assert np.isnan(curve.score).all()


def test_a_long_range_is_read_hour_by_hour_as_steps_on_average(home: Workspace) -> None:
    while roll_up(home):
        pass
    assert rolled_until_ns(home) == START_NS + 48 * HOUR_NS
    curve = drawn(home, 0, MOST_STEPS + 1)
    assert curve.every_s == 3_600
    assert len(curve.starts_ns) == 26
    assert curve.observed[:4].tolist() == [0.5] * 4  # the hole is left out of the third hour
    assert curve.expected[:4].tolist() == [2.0] * 4
    assert curve.high[0] == pytest.approx(2 + 2.58 * 2)


@pytest.mark.parametrize("signal", ["calls", "failures", "latency"])
def test_the_last_hour_is_drawn_before_it_is_rolled_up_as_it_will_be(
    home: Workspace, signal: str
) -> None:
    def drawn_by_hour() -> Curve:
        first, last = START_NS, START_NS + 48 * HOUR_NS
        return curves(home, [("p1", "r1")], first, last, signal, by_hour=True)[0]

    while roll_up(home):
        pass
    whole = drawn_by_hour()
    forget_hours(home, START_NS + 47 * HOUR_NS)
    assert rolled_until_ns(home) == START_NS + 47 * HOUR_NS
    before = drawn_by_hour()
    assert len(before.starts_ns) == 48
    for name in ("starts_ns", "observed", "expected", "low", "high"):
        assert getattr(before, name) == pytest.approx(getattr(whole, name), nan_ok=True), name


def test_hours_are_rolled_up_some_at_a_time_and_only_when_they_are_over(home: Workspace) -> None:
    assert roll_up(home)
    assert rolled_until_ns(home) == START_NS + 6 * HOUR_NS
    more = list(itertools.takewhile(bool, (roll_up(home) for _ in range(20))))
    assert len(more) == 6  # the last of eight says that there are no more
    home.engine.run("delete from steps where step_start_ns >= $t", t=START_NS + 47 * HOUR_NS + 1)
    assert not roll_up(home)


def test_hours_whose_steps_are_written_anew_are_made_again(home: Workspace) -> None:
    while roll_up(home):
        pass
    home.engine.run("update traffic set calls = 3 where step_start_ns >= $t", t=START_NS + HOUR_NS)
    forget_hours(home, START_NS + HOUR_NS + 5 * STEP_NS)
    assert rolled_until_ns(home) == START_NS + HOUR_NS
    while roll_up(home):
        pass
    assert drawn(home, 0, MOST_STEPS + 1).observed[:2].tolist() == [0.5, 1.5]
    rows = home.engine.query("select count(*) as n from hours")["n"][0].as_py()
    assert rows == 48


def answered_at_the_door(path: str, **headers: str) -> str:
    """Head and body of what one who is not signed in gets; the path as servers decode it."""
    said: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        heads = [name + b": " + value for name, value in message.get("headers", [])]
        said.extend(part.decode() for part in [*heads, message.get("body", b"")])

    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": named}
    asyncio.run(Door(Starlette(), Sessions(), None, refusal)(scope, receive, send))
    return "\n".join(said)


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("/patterns/a b", "/patterns/a%20b"),
        ("//elsewhere.example/x", "/"),
        ("///elsewhere.example/x", "/"),
        ("/\\elsewhere.example/x", "/%5Celsewhere.example/x"),
        ("/\t/elsewhere.example/x", "/%09/elsewhere.example/x"),
    ],
)
def test_a_link_of_another_site_leads_to_a_place_on_this_server_and_no_other(
    path: str, leads_to: str
) -> None:
    followed = {"sec_fetch_mode": "navigate", "sec_fetch_site": "cross-site"}
    assert f'content="0;url={leads_to}"' in answered_at_the_door(path, **followed)
    asked = f"/sign-in?next={quote(leads_to, safe='')}"
    assert f"location: {asked}\n" in answered_at_the_door(path)
