"""The API of a running service: what it answers, to whom, and what it keeps of decisions."""

import json
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from command import done, run
from informer.cli.there import There
from informer.pipeline.served import socket_of
from running_service import SOON_S, Served, serving, with_serve_settings
from shop import Shop

READER, DECIDER = "reader-0123456789", "decider-0123456789"
AS_READER = {"Authorization": f"Bearer {READER}"}
AS_DECIDER = {"Authorization": f"Bearer {DECIDER}"}

NAMED = {"key": "service.name", "value": {"stringValue": "shop"}}
IDS = {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174"}
TIMES = {"startTimeUnixNano": "1780615800000000000", "endTimeUnixNano": "1780615800000000001"}
SPAN = {
    "resourceSpans": [
        {
            "resource": {"attributes": [NAMED]},
            "scopeSpans": [{"spans": [IDS | TIMES | {"name": "GET /", "kind": 2}]}],
        }
    ]
}


@pytest.fixture(scope="module")
def attacked(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with incidents, whose service knows two tokens."""
    folder = tmp_path_factory.mktemp("api")
    workspace = Path(shutil.copytree(shop.workspace, folder / "workspace"))
    done("detect", shop.attacked, "-w", workspace)
    tokens = folder / "tokens"
    tokens.write_text(f"# ours\nread {READER}\ndecide {DECIDER} on-call\n")
    tokens.chmod(0o600)
    return with_serve_settings(workspace, f"api_tokens_file = {json.dumps(str(tokens))}\n")


@pytest.fixture(scope="module")
def served(attacked: Path) -> Iterator[Served]:
    with serving(attacked) as running:
        yield running


@pytest.fixture(scope="module")
def api(served: Served) -> Iterator[httpx.Client]:
    """Asks as who may decide."""
    base = f"http://127.0.0.1:{served.ports['health']}/api/v1/"
    with httpx.Client(base_url=base, headers=AS_DECIDER, timeout=SOON_S) as client:
        yield client


def problem(answer: httpx.Response) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert told["status"] == answer.status_code
    return told


def all_pages(api: httpx.Client, path: str, limit: int) -> list[dict[str, Any]]:
    answer = api.get(path, params={"limit": limit})
    rows: list[dict[str, Any]] = answer.json()
    while "next" in answer.links:
        assert len(answer.json()) == limit
        answer = api.get(answer.url.join(answer.links["next"]["url"]))
        rows += answer.json()
    return rows


def test_lists_are_those_of_the_command_line_page_by_page(
    api: httpx.Client, attacked: Path
) -> None:
    for path in ("incidents", "patterns"):
        listed = done(path, "list", "-w", attacked, "--json").json
        assert len(listed) > 1
        assert all_pages(api, path, 1) == api.get(path).json() == listed
    place = socket_of(attacked)
    assert place is not None
    through = There(place, page=1)
    assert through.incidents() == all_pages(api, "incidents", 3)
    assert [run["run_id"][:6] for run in api.get("runs").json()] == ["000001"]


def test_an_incident_shows_its_evidence_and_an_example(api: httpx.Client, attacked: Path) -> None:
    (one, *_) = api.get("incidents").json()
    assert api.get(f"incidents/{one['id']}").json()["detections"]
    spans = api.get(f"incidents/{one['id']}/example", params={"trace": one["examples"][0]}).json()
    assert spans[0]["depth"] == 0
    assert {span["trace_id"] for span in spans} == {one["examples"][0]}
    unknown = api.get(f"incidents/{one['id']}/example", params={"trace": "another"})
    assert problem(unknown)["status"] == 404


def test_a_series_shows_what_was_seen_and_expected_where_an_incident_was(
    api: httpx.Client,
) -> None:
    (one,) = [i for i in api.get("incidents").json() if i["kind"] == "refusal"]
    asked: dict[str, Any] = {"from_ns": one["opened_ns"], "limit": 5}
    path = f"patterns/{one['patterns'][0]['id']}/series"
    calls = api.get(path, params=asked).json()
    assert calls["step_start_ns"][0] == one["opened_ns"]
    assert len(calls["step_start_ns"]) == 5
    assert calls["next_from_ns"] == one["opened_ns"] + 5 * calls["step_s"] * 10**9
    for rpc in calls["rpcs"]:
        assert all(x is not None for x in rpc["observed"] + rpc["expected"] + rpc["spread"])
    refusals = api.get(path, params=asked | {"signal": "refusals"}).json()
    (guilty,) = [r for r in refusals["rpcs"] if r["callee"] == "auth"]
    assert guilty["score"][0] > guilty["threshold"][0]


def test_who_has_no_token_gets_nothing_but_health_and_metrics(
    served: Served, api: httpx.Client
) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {READER}"}):
        answer = httpx.get(f"{api.base_url}incidents", headers=headers)
        assert problem(answer)["status"] == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    assert served.get("/healthz")[0] == served.get("/metrics")[0] == 200


def test_a_reader_may_not_decide_and_leaves_nothing_in_the_audit_log(api: httpx.Client) -> None:
    (one, *_) = api.get("incidents").json()
    before = api.get("audit").json()
    told = api.post(f"incidents/{one['id']}/reject", json={}, headers=AS_READER)
    assert problem(told)["status"] == 403
    assert api.get("incidents", headers=AS_READER).status_code == 200
    assert api.get("audit").json() == before


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"{}", "application/x-www-form-urlencoded", 415),
        (b"{", "application/json", 422),
        (b"[" * 10_000, "application/json", 400),
        (b'{"note": 1}', "application/json", 422),
        (b'{"other": "x"}', "application/json", 422),
        (b'{"note": "\\ud800"}', "application/json", 422),
        (b'{"note": "' + b"x" * 1_001 + b'"}', "application/json", 422),
        (b" " * 20_000, "application/json", 413),
    ],
)
def test_a_decision_that_cannot_be_read_is_none(
    api: httpx.Client, body: bytes, kind: str, status: int
) -> None:
    told = api.post("incidents/any/reject", content=body, headers={"Content-Type": kind})
    assert problem(told)["status"] == status


def test_a_decision_is_carried_out_and_audited_in_the_name_of_its_token(
    api: httpx.Client, attacked: Path
) -> None:
    (one,) = [i for i in api.get("incidents").json() if i["kind"] == "refusal"]
    accepted = api.post(f"incidents/{one['id']}/accept", json={"note": "a test of ours"}).json()
    (pattern_id,) = accepted["models"]
    assert accepted == {
        "incident": one["id"],
        "verdict": "accepted",
        "models": {pattern_id: "0002"},
    }
    assert api.get(f"patterns/{pattern_id}").json()["version"] == "0002"
    reverted = done("patterns", "revert", pattern_id, "-w", attacked, "--json").json
    assert reverted["models"] == {pattern_id: "0001"}
    refused = api.post(f"patterns/{pattern_id}/revert", json={})
    assert problem(refused)["status"] == 409
    unknown = api.post("patterns/nobody/accept", json={})
    assert problem(unknown)["status"] == 404
    lines = api.get("audit").json()[-4:]
    assert [(x["role"], x["action"], x["object"], x["outcome"]) for x in lines] == [
        ("decide", "accept", f"incident {one['id']}", "done"),
        ("decide", "revert", f"pattern {pattern_id}", "done"),
        ("decide", "revert", f"pattern {pattern_id}", "refused"),
        ("decide", "accept", "pattern nobody", "refused"),
    ]
    assert lines[0]["who"] == lines[2]["who"] == "on-call"
    assert lines[1]["who"].startswith("local user ")
    assert lines[0]["note"] == "a test of ours"
    assert done("audit", "-w", attacked, "--json").json[-4:] == lines
    assert not [s for s in (READER, DECIDER) if s in json.dumps(api.get("audit").json())]


def test_the_socket_is_for_its_user_alone_and_the_command_line_says_the_same_through_it(
    served: Served, attacked: Path, api: httpx.Client
) -> None:
    place = socket_of(attacked)
    assert place is not None
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    (one, *_) = api.get("incidents").json()
    (pattern, *_) = api.get("patterns").json()
    questions = [
        ("incidents", "list"),
        ("incidents", "list", "--json"),
        ("incidents", "show", one["id"]),
        ("incidents", "show", one["id"], "--json"),
        ("incidents", "show", "../nobody"),
        ("patterns", "list"),
        ("patterns", "show", pattern["id"]),
        ("patterns", "show", pattern["id"], "--json"),
        ("audit", "--json"),
    ]
    through = [run(*question, "-w", attacked) for question in questions]
    alone = Path(shutil.copytree(attacked, attacked.parent / "alone", ignore=left_out))
    direct = [run(*question, "-w", alone) for question in questions]
    assert [r.code for r in through] == [0, 0, 0, 0, 2, 0, 0, 0, 0]
    assert through == direct


def left_out(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith("serv")]


def test_learning_and_detecting_say_what_to_do_while_it_is_served(
    served: Served, attacked: Path, shop: Shop
) -> None:
    for command in (("learn", shop.train), ("detect", shop.attacked), ("serve",)):
        complaint = run(*command, "-w", attacked).complaint
        assert "is in use by `informer serve`: stop it first" in complaint


def test_what_a_killed_service_left_is_no_service(own_workspace: Path) -> None:
    with serving(with_serve_settings(own_workspace)) as killed:
        assert socket_of(own_workspace) is not None
        killed.process.kill()
        killed.process.wait()
    assert socket_of(own_workspace) is None
    assert done("incidents", "-w", own_workspace).out == "No incidents.\n"
    with serving(own_workspace):
        assert socket_of(own_workspace) is not None
    assert not [p for p in own_workspace.iterdir() if p.name.startswith("serv")]


def test_without_tokens_this_machine_may_decide_and_a_page_of_another_site_may_not(
    own_workspace: Path, tmp_path: Path
) -> None:
    deep = tmp_path / ("deep" * 20) / ("down" * 20)
    deep.parent.mkdir()
    own_workspace.rename(deep)  # its path is too long for a socket
    with serving(with_serve_settings(deep, "blind_after_s = 1\n")) as running:
        base = f"http://127.0.0.1:{running.ports['health']}/api/v1/"
        place = socket_of(deep)
        assert place is not None
        assert not place.is_relative_to(deep)
        assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
        with httpx.Client(base_url=base) as api:
            assert api.get("status").json()["ready"] is True
            assert problem(api.post("incidents/none/accept", json={}))["status"] == 404
            for foreign in (
                {"Host": "rebound.example"},
                {"Origin": "https://evil.example"},
                {"Origin": "null"},
                {"Sec-Fetch-Site": "cross-site"},
                {"X-Forwarded-For": "203.0.113.7"},
            ):
                told = api.post("incidents/none/accept", json={}, headers=foreign)
                assert problem(told)["status"] == 403
            ends = time.monotonic() + SOON_S
            while not (found := api.get("notices").json()):
                assert time.monotonic() < ends
                time.sleep(0.1)
            blind = found[0]["document"]
            assert (found[0]["state"], blind["kind"], blind["rpcs"]) == ("firing", "blind", [])
            refused = api.post(f"incidents/{blind['id']}/accept", json={})
            assert "nothing to decide on" in problem(refused)["detail"]
            sent = httpx.post(f"http://127.0.0.1:{running.ports['HTTP']}/v1/traces", json=SPAN)
            assert sent.json() == {}
            while len(found := api.get("notices", params={"incident": blind["id"]}).json()) < 2:
                assert time.monotonic() < ends
                time.sleep(0.1)
            assert [notice["state"] for notice in found] == ["firing", "resolved"]
        assert "No spans have come since" in done("incidents", "show", blind["id"], "-w", deep).out
    assert not place.parent.exists()


def test_beyond_this_machine_the_api_is_closed_without_tokens(own_workspace: Path) -> None:
    service = with_serve_settings(own_workspace)
    file = service / "informer.toml"
    file.write_text(file.read_text("utf-8").replace('web = "127.0.0.1:0"', 'web = "0.0.0.0:0"'))
    with serving(service, "--insecure") as running:
        base = f"http://127.0.0.1:{running.ports['health']}"
        told = problem(httpx.get(f"{base}/api/v1/incidents"))
        assert (told["status"], "needs tokens" in told["detail"]) == (403, True)
        assert httpx.get(f"{base}/healthz").status_code == 200
        assert done("incidents", "-w", service).out == "No incidents.\n"
