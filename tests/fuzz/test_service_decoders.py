"""Whatever stands in the spool, in logs, in topics or comes by HTTP, the service goes on."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from spoiling import JSON_REQUEST, fuzz, now_and_then, request

from informer.config.settings import SourceSettings
from informer.config.streams import TAILED, TailSettings
from informer.core.errors import InformerError
from informer.engines.duckdb import DuckDBEngine
from informer.service.api.roles import ApiTokens
from informer.service.kafka_messages import check_value
from informer.service.marks import Lines, Mark, lines_message, mark_message
from informer.service.reception import Received
from informer.service.segment_sources import frames_of, sources_of
from informer.service.segments import Segment
from informer.service.spool import Spool
from informer.service.tail import TailStream
from informer.spans.otlp import read_frames
from informer.spans.received import Tally
from informer.spans.telling import Telling
from informer.spans.unpack import Content
from running_service import Served, serving, with_serve_settings

SAMPLES = Path(__file__).parents[1] / "golden/spans"
ENVOY = (SAMPLES / "envoy.jsonl").read_bytes()[:2_000]
TABLE = SourceSettings(columns={"trace_id": "t", "service": "s", "start_ns": "at"})
MOST = 1 << 20


def read(segment: Segment, settings: SourceSettings = TABLE) -> None:
    """As the loop does; with all that SQL makes of it now and then."""
    for _ in read_frames(Content(segment.path), Tally()):
        pass
    if not now_and_then(segment.path.read_bytes()):
        return
    frames = frames_of(segment, settings, Telling())
    with (
        DuckDBEngine(threads=1) as engine,
        sources_of(segment, frames, settings) as sources,
    ):
        for source in sources:
            for _ in source.stage(engine, "staged"):
                pass


def emptied(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for file in folder.iterdir():
        file.unlink()
    return folder


def test_segments_of_the_spool_read_back(tmp_path: Path) -> None:
    lines = lines_message(Lines("envoy", "shop.log", b"", ENVOY[: ENVOY.rindex(b"\n") + 1]))
    table = lines_message(Lines("table", "a.log", b"t,s,at\n", b"1,shop,5\n"))
    spool = Spool(emptied(tmp_path / "spool"), most_bytes=1 << 24)
    spool.add(request())
    spool.add_group([lines, table, JSON_REQUEST], {"file/1": {"path": "/a", "offset": 3}})
    spool.close()
    (segment,) = spool.sealed()
    sample = segment.path.read_bytes()

    def decode(data: bytes) -> None:
        folder = emptied(tmp_path / "spool")
        (folder / segment.path.name).write_bytes(data)
        again = Spool(folder, most_bytes=1 << 24)
        assert isinstance(again.places, dict)
        for one in again.sealed():
            read(one)
            again.forget(one.number)

    fuzz((sample, sample[: len(sample) // 2]), decode)


def test_the_note_of_the_spool(tmp_path: Path) -> None:
    told = orjson.dumps({"upto": 3, "places": {"kafka/t/0": 5}})

    def decode(data: bytes) -> None:
        folder = emptied(tmp_path / "spool")
        (folder / "last").write_bytes(data)
        spool = Spool(folder, most_bytes=1 << 24)
        spool.add_group([request()], {"kafka/t/1": 7})
        spool.close()
        for one in spool.sealed():
            spool.forget(one.number)
        assert Spool(folder, most_bytes=1 << 24).places["kafka/t/1"] == 7

    fuzz((b"12\n" + told, b"12"), decode)


def test_values_of_kafka(tmp_path: Path) -> None:
    """What is kept of them is whole after a kill, and moves no place but its own."""

    def decode(data: bytes) -> None:
        spool = Spool(emptied(tmp_path / "spool"), most_bytes=1 << 24)
        checked = check_value(data, Received(), MOST)
        good = [checked.message] if checked and checked.spans else []
        spool.add_group([request(), *good], {"kafka/t/0": 2})
        spool.add(request())
        spool.close()
        again = Spool(tmp_path / "spool", most_bytes=1 << 24)
        assert again.places == {"kafka/t/0": 2}
        assert again.size == spool.size
        for segment in again.sealed():
            assert not segment.has_lines
            read(segment)

    mark = mark_message(Mark({"kafka/t/1": 9}, 4)) + request()
    fuzz((request(), JSON_REQUEST, mark), decode)


@pytest.mark.parametrize("format", TAILED)
def test_logs_that_are_followed(format: str, tmp_path: Path) -> None:
    log = tmp_path / "shop.log"
    istio = (SAMPLES / "productpage-v1.log").read_bytes()[:2_000]
    samples = {
        "envoy": (ENVOY,),
        "istio": (istio,),
        "otlp": (JSON_REQUEST + b"\n", JSON_REQUEST.replace(b":", b": ") + b"\n"),
        "table": (b't,s,at\n1,shop,5\n2,"a, b",6\n', b'{"t":"1","s":"shop","at":5}\n'),
    }

    def decode(data: bytes) -> None:
        log.write_bytes(data)
        spool = Spool(emptied(tmp_path / "spool"), most_bytes=1 << 24)
        settings = TailSettings(paths=(str(log),), format=format, start="begin")
        stream = TailStream(settings, spool, most_ahead_s=10, clock=lambda: 0.0)
        while stream.turn():
            pass
        for file in stream._files.values():
            file.file.close()
        spool.close()
        for segment in spool.sealed():
            read(segment)

    fuzz(samples[format], decode)


def test_files_of_tokens(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    sample = (
        b"# ours\nread sha256:" + b"5e" * 32 + b" grafana\ndecide x9Jm2vT0qkLr7cWd4zYb on-call\n"
    )

    def decode(data: bytes) -> None:
        path.write_bytes(data)
        path.chmod(0o600)
        with contextlib.suppress(InformerError):
            ApiTokens.read(str(path))

    fuzz((sample,), decode)


@pytest.fixture
def served(own_workspace: Path) -> Iterator[Served]:
    with serving(with_serve_settings(own_workspace)) as running:
        yield running


def asked(method: str, path: str, body: str = "", kind: str = "application/json") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    sized = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n" if body else ""
    return (head + sized + "\r\n" + body).encode()


FORM = "application/x-www-form-urlencoded"
REQUESTS = (
    asked("GET", "/api/v1/incidents?limit=2&after=17~a&from_ns=0&until_ns=5&verdict=open"),
    asked("GET", "/api/v1/patterns?limit=1&after=p1"),
    asked("GET", "/api/v1/patterns/p1/series?signal=calls&from_ns=1&limit=3"),
    asked("GET", "/api/v1/audit?after=1~a%20b%20c"),
    asked("POST", "/api/v1/incidents/abc/accept", '{"note": "\\u00e9"}'),
    asked("GET", "/?from=1&until=2"),
    asked("GET", "/explore?q=cart&service=cart&at=2026-06-17T10:40"),
    asked("GET", "/incidents?range=24h&first=10&verdict=open&kind=volume&q=%F0%9F%A7%A8"),
    asked("GET", "/incidents/abc/trace?trace=%00"),
    asked("GET", "/patterns/p1?signal=calls&range=7d&rpc=a"),
    asked("GET", "/static/console.js"),
    asked("POST", "/incidents/abc/verdict", "action=accept&form_key=x&back=/incidents/abc", FORM),
    asked("POST", "/sign-in", "token=abc&next=%2Fincidents", FORM),
    asked("GET", "/metrics"),
)


def test_requests_of_the_web(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    def decode(data: bytes) -> None:
        address = ("127.0.0.1", served.ports["health"])
        with socket.create_connection(address, timeout=10) as one, contextlib.suppress(OSError):
            one.sendall(data)
            one.settimeout(0.3)  # what is not whole gets no answer
            assert not one.recv(20).startswith(b"HTTP/1.1 500"), data

    fuzz(REQUESTS, decode)
    assert served.get("/healthz")[0] == 200
    served.process.terminate()
    served.process.wait(60)
    assert "Traceback" not in capsys.readouterr().out
