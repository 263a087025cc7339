"""Secrets are in files, and stay there: no log, no answer and no table ever holds one."""

import json
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from receiver import receiving
from running_service import Served, serving, with_serve_settings
from shop import ATTACK, Shop
from span_feed import Feed

PROTOBUF = "application/x-protobuf"
SECRETS = {
    name: f"do-not-tell-{name}-4f1b9c0d7e6a"
    for name in ("senders", "readers", "deciders", "hook-token", "hook-key", "alerts-token")
}
PATHS = ("incidents", "patterns", "status", "audit", "openapi.json", "nothing")


def settings_with(secrets: Mapping[str, str], folder: Path, hook: str, alerts: str) -> str:
    """Lines for [serve] and the sinks, each secret in a file of its own."""
    files = {name: folder / name for name in secrets}
    for name, secret in secrets.items():
        files[name].write_text(secret, encoding="utf-8")
        files[name].chmod(0o600)
    holders = f"read {secrets['readers']} reader\ndecide {secrets['deciders']} decider\n"
    files["deciders"].write_text(holders, encoding="utf-8")
    address = folder / "address"
    address.write_text(hook, encoding="utf-8")
    return f"""
tokens_file = {json.dumps(str(files["senders"]))}
api_tokens_file = {json.dumps(str(files["deciders"]))}
[webhook]
url_file = {json.dumps(str(address))}
token_file = {json.dumps(str(files["hook-token"]))}
secret_file = {json.dumps(str(files["hook-key"]))}
[alertmanager]
url = "{alerts}"
token_file = {json.dumps(str(files["alerts-token"]))}
timeout_s = 1
"""


def test_secrets_are_in_no_log_no_answer_and_no_table(
    shop: Shop, own_workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with receiving() as gone:
        alerts = gone.url  # nobody listens there from now on: what fails is logged
    with receiving() as receiver:
        hook = f"{receiver.url}/do-not-tell-address-4f1b9c0d7e6a"
        more = settings_with(SECRETS, tmp_path, hook, alerts)
        with serving(with_serve_settings(own_workspace, more)) as served:
            sender = {"Authorization": f"Bearer {SECRETS['senders']}"}
            for message in Feed(shop, ATTACK.first - 4, ATTACK.last + 4).messages():
                assert served.post(message.body, PROTOBUF, **sender)[0] == 200
            assert served.post(b"", PROTOBUF, Authorization="Bearer do-not-tell-wrong")[0] == 401
            served.wait_for('informer_notices_total{how="delivered",sink="webhook"}', 1)
            served.wait_for('informer_notices_total{how="failed",sink="alertmanager"}', 1)
            answers = everything_answered(served)
        shown = {headers.get("authorization") for _, headers, _ in receiver.came}
        assert shown == {f"Bearer {SECRETS['hook-token']}"}
    said = capsys.readouterr()
    kept = [p for p in own_workspace.rglob("*") if p.is_file() and p.name != "informer.toml"]
    places = {
        "the log": said.out + said.err,
        "answers": answers,
        **{p.name: p.read_bytes().decode("latin-1") for p in kept},
    }
    assert "webhook" in answers
    for name, text in places.items():
        assert "do-not-tell" not in text, name


def everything_answered(served: Served) -> str:
    """To who may look, who may decide, and who shows a wrong token."""
    texts = [served.get(path)[1].decode() for path in ("/healthz", "/readyz", "/metrics")]
    tokens = (SECRETS["readers"], SECRETS["deciders"], "do-not-tell-a-wrong-one-at-all")
    for token in tokens:
        base, shown = f"http://127.0.0.1:{served.ports['health']}/api/v1/", f"Bearer {token}"
        with httpx.Client(base_url=base, headers={"Authorization": shown}) as client:
            for path in PATHS:
                answer = client.get(path)
                texts.append(f"{answer.headers} {answer.text}")
            texts.append(client.post("incidents/none/accept", json={}).text)
    return "\n".join(texts)
