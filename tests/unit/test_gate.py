"""The gate before the API: whom it lets in, and what it stops before anything reads it."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from informer.service.api.gate import (
    HOLDER,
    MOST_BYTES,
    Admission,
    Gate,
    by_token,
    closed,
    on_loopback,
)
from informer.service.api.roles import ApiTokens, Holder

READER, DECIDER = "reader-0123456789", "decider-0123456789"
TOKENS = ApiTokens(
    tuple(
        (sha256(token.encode()).digest(), Holder(token[:6], role))
        for token, role in ((READER, "read"), (DECIDER, "decide"))
    )
)
JSON = {"Content-Type": "application/json"}


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Says who asks, and how much came."""
    request = Request(scope, receive)
    holder = getattr(request.state, HOLDER, None)
    told = {"who": holder and holder.who, "bytes": len(await request.body())}
    await JSONResponse(told)(scope, receive, send)


def ask(
    admission: Admission,
    method: str = "GET",
    path: str = "/api/v1/incidents",
    body: bytes | AsyncIterator[bytes] = b"",
    **headers: str,
) -> httpx.Response:
    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(Gate(echo, admission))
        base = "http://localhost:8480"
        async with httpx.AsyncClient(transport=transport, base_url=base) as client:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, path, content=body, headers=named)

    return asyncio.run(asked())


def test_roles_say_what_a_token_may() -> None:
    admission = by_token(TOKENS)
    for token, status in ((READER, 403), (DECIDER, 200)):
        shown = {"Authorization": f"Bearer {token}"}
        assert ask(admission, **shown).json()["who"] == token[:6]
        assert ask(admission, "POST", body=b"{}", **shown, **JSON).status_code == status
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS"):
        reads = ask(admission, method, Authorization=f"Bearer {READER}")
        assert reads.status_code == 403


def test_the_openapi_and_what_is_not_the_api_need_no_token() -> None:
    for path in ("/api/v1/openapi.json", "/healthz"):
        assert ask(by_token(TOKENS), path=path).json()["who"] is None
    for path in ("/api/v1/openapi.json/", "/api/v1/openapi.json/../incidents", "/api/"):
        assert ask(by_token(TOKENS), path=path).status_code == 401


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8480", "[::1]:8480", "127.9.9.9"])
def test_this_machine_may_decide_where_there_are_no_tokens(host: str) -> None:
    assert ask(on_loopback, "POST", body=b"{}", Host=host, **JSON).json()["who"] == "local"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "a@evil.example", "", "["],
)
def test_a_page_that_had_its_name_point_here_is_refused(host: str) -> None:
    assert ask(on_loopback, Host=host).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "http://[", "Host": "localhost"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Forwarded": "for=203.0.113.7"},
        {"X_Forwarded_For": "203.0.113.7"},
    ],
)
def test_pages_of_other_sites_and_proxies_are_refused(headers: dict[str, str]) -> None:
    assert ask(on_loopback, "POST", body=b"{}", **headers, **JSON).status_code == 403


def test_a_page_of_ours_is_let_in() -> None:
    own = {"Origin": "http://localhost:8480", "Sec_Fetch_Site": "same-origin"}
    assert ask(on_loopback, "POST", body=b"{}", **own, **JSON).status_code == 200


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_what_a_form_can_send_is_no_decision(kind: str) -> None:
    sent = {"Content_Type": kind} if kind else {}
    assert ask(on_loopback, "POST", body=b"{}", **sent).status_code == 415


def test_a_closed_gate_lets_nobody_in() -> None:
    assert ask(closed, Authorization=f"Bearer {DECIDER}").status_code == 403


def test_a_body_is_cut_off_as_soon_as_it_is_too_large() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1024
            yield b"x" * 1024

    assert ask(on_loopback, "POST", body=endless(), **JSON).status_code == 413
    assert sent <= MOST_BYTES + 2 * 1024
    whole = ask(on_loopback, "POST", body=b"x" * MOST_BYTES, **JSON)
    assert whole.json()["bytes"] == MOST_BYTES


def test_answers_are_not_kept_by_those_between() -> None:
    assert ask(on_loopback).headers["cache-control"] == "no-store"
    assert ask(closed).headers["x-content-type-options"] == "nosniff"
