"""A workspace that never learned: the service gathers, learns by itself, and then watches."""

import json
import signal
from pathlib import Path

from informer.pipeline.folder import FIRST
from informer.pipeline.look import list_patterns
from real_parts import free_port
from running_service import Served, serving
from shop import SETTINGS, Shop
from soaking import eventually
from span_feed import Feed, Message

PROTOBUF = "application/x-protobuf"
LEARNED = 100  # steps


def settings(folder: Path, first_hours: float) -> Path:
    """A folder for a workspace that listens on the same ports before and after it has learned."""
    ports = "".join(f'{name} = "127.0.0.1:{free_port()}"\n' for name in ("grpc", "http", "web"))
    serve = f"[serve]\n{ports}watermark_s = 60\nfirst_hours = {first_hours}\n"
    folder.mkdir()
    text = f"{SETTINGS}\n[traffic]\nstep_s = 600\n{serve}"
    (folder / "informer.toml").write_text(text, encoding="utf-8")
    return folder


def send(served: Served, messages: list[Message]) -> int:
    """Again and again until each is taken; how many spans there are."""
    for message in messages:
        eventually(lambda body=message.body: answered(served, body))  # type: ignore[misc]
    return sum(message.spans for message in messages)


def answered(served: Served, body: bytes) -> bool:
    try:
        return served.post(body, PROTOBUF)[0] == 200
    except OSError:  # between learning and watching nobody listens for a moment
        return False


def why(served: Served) -> str:
    status, said = served.get("/readyz")
    assert status == 503
    return str(json.loads(said)["why"][0])


def test_a_workspace_that_never_learned_gathers_learns_and_watches(
    shop: Shop, tmp_path: Path
) -> None:
    workspace = settings(tmp_path / "new", first_hours=1.0)
    first = list(Feed(shop, 0, LEARNED).messages())
    half = len(first) // 2
    with serving(workspace) as served:
        assert "does anybody send them?" in why(served)
        spans = send(served, first[:half])
        assert served.metric("informer_spans_received_total") == spans
        eventually(lambda: "spans are gathered until" in why(served))
        assert served.get("/healthz")[0] == 200
        assert served.get("/api/v1/incidents")[0] == 503
        served.process.kill()
        served.process.wait()
    file = workspace / "informer.toml"
    soon = file.read_text("utf-8").replace("first_hours = 1.0", "first_hours = 0.004")
    file.write_text(soon, encoding="utf-8")
    with serving(workspace) as served:
        send(served, first[half:])
        eventually(lambda: ready(served), 240)
        assert not (workspace / FIRST).exists()
        send(served, list(Feed(shop, LEARNED, LEARNED + 8).messages()))
        served.wait_for("informer_steps_closed_total", 5)
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(30) == 0
    labels = " ".join(pattern["label"] for pattern in list_patterns(workspace))
    assert "/catalog" in labels
    assert "/login" in labels


def ready(served: Served) -> bool:
    try:
        return served.get("/readyz")[0] == 200
    except OSError:
        return False


def test_gathering_ends_at_once_when_it_is_told_to(tmp_path: Path) -> None:
    with serving(settings(tmp_path / "new", first_hours=1.0)) as served:
        served.process.send_signal(signal.SIGINT)
        assert served.process.wait(30) == 0
