"""Who gets into the console, what it lets them do, and what hostile names do to it."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import httpx
import pytest

from command import done
from running_service import SOON_S, Served, serving, with_serve_settings
from shop import Shop

READER, DECIDER = "reader-0123456789", "decider-0123456789"
HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "pay\u202eexe.tpircs",
    "☠️🧨",
    "x" * 10_000,
    "{{ 7 * 7 }}{% raw %}",
)
PAGES = ("/", "/incidents", "/patterns", "/explore", "/explore?q=alert")


@pytest.fixture(scope="module")
def attacked(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with incidents, some of whose names are hostile."""
    workspace = Path(
        shutil.copytree(shop.workspace, tmp_path_factory.mktemp("console") / "workspace")
    )
    done("detect", shop.attacked, "-w", workspace)
    _make_hostile(workspace)
    return workspace


def _make_hostile(workspace: Path) -> None:
    with duckdb.connect(str(workspace / "workspace.duckdb")) as tables:
        for table, key, column in (
            ("rpcs", "rpc_id", "method"),
            ("rpcs", "rpc_id", "callee"),
            ("patterns", "pattern_id", "label"),
            ("incidents", "incident_id", "title"),
        ):
            ids = tables.execute(f"select {key} from {table} order by 1").fetchall()
            for i, (one,) in enumerate(ids):
                tables.execute(
                    f"update {table} set {column} = ? where {key} = ?",
                    [HOSTILE[i % len(HOSTILE)] + str(i), one],
                )
        for one, text in tables.execute("select incident_id, evidence from incidents").fetchall():
            found = json.loads(text)
            for rpc in found["rpcs"]:
                rpc["caller"], rpc["method"] = HOSTILE[0], HOSTILE[5]
            found["attributes"] = [
                {"key": name, "value": name, "share_now": 0.5, "share_before": 0.0}
                for name in HOSTILE
            ]
            found["changes"] = list(HOSTILE)
            tables.execute(
                "update incidents set evidence = ? where incident_id = ?", [json.dumps(found), one]
            )


@pytest.fixture(scope="module")
def served(attacked: Path) -> Iterator[Served]:
    with serving(with_tokens(attacked)) as running:
        yield running


def with_tokens(workspace: Path) -> Path:
    tokens = workspace.parent / "tokens"
    tokens.write_text(f"read {READER} looker\ndecide {DECIDER} on-call\n")
    tokens.chmod(0o600)
    return with_serve_settings(workspace, f"api_tokens_file = {json.dumps(str(tokens))}\n")


@contextmanager
def browser(served: Served, token: str = "") -> Iterator[httpx.Client]:
    """Keeps cookies and says where its forms come from, as browsers do."""
    base = f"http://127.0.0.1:{served.ports['health']}"
    with httpx.Client(base_url=base, headers={"Origin": base}, timeout=SOON_S) as client:
        if token:
            answer = client.post("/sign-in", data={"token": token, "next": "/patterns"})
            assert (answer.status_code, answer.headers["location"]) == (303, "/patterns")
        yield client


def form_key(page: str) -> str:
    found = re.search(r'name="form_key" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def an_incident(client: httpx.Client) -> str:
    found = re.search(r'href="(/incidents/[0-9a-f]{10})"', client.get("/incidents").text)
    assert found is not None
    return found[1]


def test_who_is_not_signed_in_is_asked_for_a_token_and_led_back(served: Served) -> None:
    with browser(served) as client:
        answer = client.get("/patterns?q=a%20b")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/sign-in?next=%2Fpatterns%3Fq%3Da%2520b"
        assert client.get("/pulse", headers={"Sec-Fetch-Dest": "empty"}).status_code == 401
        assert client.post("/sign-in", data={"token": "wrong"}).status_code == 403
        for place in ("//elsewhere.example", "/\\elsewhere.example", "https://elsewhere.example"):
            answer = client.post("/sign-in", data={"token": READER, "next": place})
            assert answer.headers["location"] == "/"


def test_the_cookie_is_for_this_site_alone_and_no_script_reads_it(served: Served) -> None:
    with browser(served) as client:
        cookie = client.post("/sign-in", data={"token": READER}).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert READER not in cookie


def test_a_link_from_elsewhere_is_asked_again_and_finds_the_session(served: Served) -> None:
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    with browser(served) as client:
        answer = client.get("/incidents/0123456789?range=7d", headers=followed)
    assert answer.status_code == 200
    assert 'content="0;url=/incidents/0123456789?range=7d"' in answer.text


def test_signing_out_ends_the_session(served: Served) -> None:
    with browser(served, READER) as client:
        kept = dict(client.cookies)
        key = form_key(client.get("/").text)
        assert client.post("/sign-out", data={"form_key": key}).status_code == 303
        client.cookies.update(kept)
        assert client.get("/").status_code == 303


def test_a_reader_sees_no_buttons_and_may_not_decide(served: Served) -> None:
    with browser(served, READER) as client:
        incident = an_incident(client)
        page = client.get(incident)
        assert 'value="accept"' not in page.text
        assert "takes a token with the role" in page.text
        given = {"action": "reject", "form_key": form_key(page.text)}
        assert client.post(f"{incident}/verdict", data=given).status_code == 403
    with browser(served, DECIDER) as client:
        assert "Nobody has decided yet" in client.get(incident).text


def test_a_form_of_another_site_is_refused(served: Served) -> None:
    with browser(served, DECIDER) as client:
        incident = an_incident(client)
        key = form_key(client.get(incident).text)
        place, given = f"{incident}/verdict", {"action": "reject", "form_key": key}
        for origin in ("http://elsewhere.example", "null", ""):
            assert client.post(place, data=given, headers={"Origin": origin}).status_code == 403
        without = httpx.Request("POST", client.base_url.join(place), data=given)
        without.headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in client.cookies.items())
        assert client.send(without).status_code == 403
        wrong = client.post(place, data={"action": "reject", "form_key": "x" * 43})
        assert wrong.status_code == 403
        assert client.post(place, data={"action": "reject"}).status_code == 403
        assert client.post(place, json=given).status_code == 415
        assert "Nobody has decided yet" in client.get(incident).text


def test_a_verdict_has_its_line_in_the_audit_log(served: Served) -> None:
    with browser(served, DECIDER) as client:
        incident = an_incident(client)
        key = form_key(client.get(incident).text)
        given = {"action": "reject", "form_key": key, "reason": "<b>scrapers</b>, again"}
        assert client.post(f"{incident}/verdict", data=given).headers["location"] == incident
        page = client.get(incident).text
        assert "It is <b>misuse</b>" in page
        assert "&lt;b&gt;scrapers&lt;/b&gt;, again" in page
        lines = client.get("/api/v1/audit", headers={"Authorization": f"Bearer {READER}"}).json()
        (line,) = [x for x in lines if x["object"] == f"incident {incident.rpartition('/')[2]}"]
        assert (line["who"], line["role"], line["action"], line["outcome"]) == (
            "on-call",
            "decide",
            "reject",
            "done",
        )
        assert line["note"] == "<b>scrapers</b>, again"


def test_what_cannot_be_done_is_told_in_words(served: Served) -> None:
    with browser(served, DECIDER) as client:
        (pattern,) = re.findall(r'href="(/patterns/[0-9a-z]+)"', client.get("/patterns").text)[:1]
        key = form_key(client.get(pattern).text)
        client.post(f"{pattern}/verdict", data={"action": "revert", "form_key": key})
        assert "It was not done:" in client.get(pattern).text
        bad = client.post(f"{pattern}/verdict", data={"action": "drop", "form_key": key})
        assert bad.status_code == 422
        for path in ("/patterns/none", "/incidents/none", "/nowhere", "/static/none.js"):
            assert client.get(path).status_code == 404
        for path in ("/?range=9y", "/?from=5&until=1", "/explore?at=noon", "/?from=x&until=1"):
            assert client.get(path).status_code == 422
        assert client.get("/explore?at=9999-12-31").status_code == 422
        assert client.get("/patterns?first=-1&q=%00").status_code == 200


def test_a_time_to_explore_is_utc_unless_it_says_otherwise(served: Served) -> None:
    with browser(served, READER) as client:
        for typed in ("2026-06-17T10:40", "2026-06-17T12:40+02:00", "2026-06-17T10:40Z"):
            page = client.get("/explore", params={"at": typed}).text
            assert 'value="2026-06-17T10:40"' in page, typed


def test_every_answer_carries_the_policy(served: Served) -> None:
    with browser(served, READER) as client:
        for path in (*PAGES, "/sign-in", "/nowhere", "/pulse", "/static/console.js"):
            headers = client.get(path).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"


def test_pages_hold_no_script_and_no_style_of_their_own(served: Served) -> None:
    with browser(served, READER) as client:
        for path in (*PAGES, an_incident(client)):
            page = client.get(path).text
            scripts = re.findall(r"<script([^>]*)>", page)
            assert all(' src="/static/' in s or "application/json" in s for s in scripts)
            assert not re.search(r"<style|\sstyle=|\son[a-z]+=\"|javascript:", page)


def test_hostile_names_stand_as_text_on_every_page(served: Served) -> None:
    with browser(served, READER) as client:
        patterns = re.findall(r'href="(/patterns/[0-9a-z]+)"', client.get("/patterns").text)
        seen = ""
        for path in (*PAGES, an_incident(client), *patterns[:3]):
            answer = client.get(path)
            assert answer.status_code == 200
            assert len(answer.content) < 500_000
            assert "<script>alert" not in answer.text
            assert not re.search(r"<(img|svg)[^>]*\son(error|load)", answer.text)
            assert "\u202e" not in answer.text
            assert "x" * 1_000 not in answer.text
            seen += answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in seen
    assert "pay\\u202eexe" in seen
    assert "(10,00" in seen  # it says how long the name is
    assert "{{ 7 * 7 }}" in seen


def test_tokens_cannot_be_guessed_at_leisure(own_workspace: Path) -> None:
    with serving(with_tokens(own_workspace)) as guarded, browser(guarded) as client:
        answers = [client.post("/sign-in", data={"token": f"guess {i}"}) for i in range(12)]
        assert [a.status_code for a in answers[:10]] == [403] * 10
        assert answers[11].status_code == 429
        assert 0 < int(answers[11].headers["retry-after"]) <= 60
        assert client.post("/sign-in", data={"token": READER}).status_code == 429


def test_without_tokens_this_machine_gets_in_and_pages_of_other_sites_do_not(
    own_workspace: Path,
) -> None:
    with serving(with_serve_settings(own_workspace)) as open_one, browser(open_one) as client:
        page = client.get("/")
        assert page.status_code == 200
        assert "sign out" not in page.text
        assert "no spans yet" in page.text
        assert client.get("/", headers={"Host": "rebound.example"}).status_code == 403
        assert client.get("/", headers={"X-Forwarded-For": "10.0.0.1"}).status_code == 403
        fetched = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
        assert client.get("/", headers=fetched).status_code == 403
        assert "There has been no incident yet" in client.get("/incidents").text
        assert "No pattern is like that" in client.get("/patterns?q=no-such").text
        (pattern,) = re.findall(r'href="(/patterns/[0-9a-z]+)"', client.get("/patterns").text)[:1]
        key = form_key(client.get(pattern).text)
        given = {"action": "reject", "form_key": key}
        elsewhere = {"Origin": "http://elsewhere.example"}
        place = f"{pattern}/verdict"
        assert client.post(place, data=given, headers=elsewhere).status_code == 403
        assert client.post(place, data={"action": "reject"}).status_code == 403
        assert client.post(place, data=given).status_code == 303
        assert client.get("/healthz").status_code == 200
        assert client.get("/api/v1/nowhere").headers["content-type"] == "application/problem+json"
