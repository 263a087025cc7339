"""A small mesh: services of ours in Python, each behind a listener of a real Envoy that traces.

The services hand on `traceparent` and nothing else; all spans are Envoy's own.
"""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

from real_parts import free_port, listens, needed, running

STEP_S, WATERMARK_S = 2, 2  # of what watches it
# Whom each service calls, by path; a login with a wrong password is refused by `auth`.
CALLS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "front": {"/catalog": ("catalog", "/items"), "/login": ("auth", "/check")},
    "catalog": {"/items": ("stock", "/count")},
    "auth": {"/check": ("users", "/find")},
    "stock": {},
    "users": {},
}


@dataclass
class Mesh:
    """Where the front is, and what was sent there."""

    front: int
    sent: int = 0
    _rng: Random = field(default_factory=lambda: Random(7))

    def request(self, path: str, *, password: str = "right") -> int:
        """One request from outside; its status."""
        connection = http.client.HTTPConnection("127.0.0.1", self.front, timeout=10)
        try:
            connection.request("GET", path, headers={"x-password": password})
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
        self.sent += 1
        return answer.status

    def usual(self, seconds: float, *, a_second: float = 25.0) -> None:
        """What users do: they look, and some log in; a few mistype."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._rng.random() < 0.7:
                self.request("/catalog")
            else:
                self.request("/login", password="wrong" if self._rng.random() < 0.1 else "right")
            time.sleep(self._rng.expovariate(a_second))


@contextmanager
def mesh(folder: Path, collector: int) -> Iterator[Mesh]:
    """Services and Envoy for the while; spans go to a port of this machine by OTLP over gRPC."""
    program = needed("envoy")
    with ExitStack() as stack:
        outer = {name: free_port() for name in CALLS}
        inner = {name: stack.enter_context(_service(_answering(name, outer))) for name in CALLS}
        config = folder / "envoy.json"
        config.write_text(json.dumps(_config(outer, inner, collector)))
        command = [program, "--config-path", config, "--disable-hot-restart", "--concurrency", "1"]
        command += ["--log-level", "warn"]
        ready = lambda: all(listens(port) for port in outer.values())  # noqa: E731
        stack.enter_context(running(command, folder / "envoy.log", ready))
        yield Mesh(outer["front"])


@contextmanager
def meanwhile(mesh: Mesh) -> Iterator[None]:
    """Users go on with what they do."""
    ends = threading.Event()

    def use() -> None:
        while not ends.is_set():
            mesh.usual(0.5)

    thread = threading.Thread(target=use)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()


def _answering(name: str, outer: Mapping[str, int]) -> Callable[[str, Mapping[str, str]], int]:
    def answer(path: str, headers: Mapping[str, str]) -> int:
        if name == "auth" and headers.get("x-password") == "wrong":
            return 401
        called = CALLS[name].get(path)
        if called is None:
            return 200
        handed_on = {k: v for k, v in headers.items() if k in ("traceparent", "x-password")}
        connection = http.client.HTTPConnection("127.0.0.1", outer[called[0]], timeout=10)
        try:
            connection.request("GET", called[1], headers=handed_on)
            status = connection.getresponse().status
        finally:
            connection.close()
        return status

    return answer


@contextmanager
def _service(answer: Callable[[str, Mapping[str, str]], int]) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = answer(self.path, {k.lower(): v for k, v in self.headers.items()})
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Envoy tells."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def _config(outer: Mapping[str, int], inner: Mapping[str, int], collector: int) -> dict[str, Any]:
    clusters = [_cluster(name, port) for name, port in inner.items()]
    h2 = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    speaks = {"@type": f"type.googleapis.com/{h2}"}
    speaks |= {"explicit_http_config": {"http2_protocol_options": {}}}
    to_us = _cluster("collector", collector) | {"typed_extension_protocol_options": {h2: speaks}}
    clusters.append(to_us)
    flushing = {
        "tracing.opentelemetry.flush_interval_ms": 200,
        "tracing.opentelemetry.min_flush_spans": 20,
    }
    return {
        "layered_runtime": {"layers": [{"name": "static", "static_layer": flushing}]},
        "static_resources": {
            "listeners": [_listener(name, port) for name, port in outer.items()],
            "clusters": clusters,
        },
    }


def _listener(name: str, port: int) -> dict[str, Any]:
    types = "type.googleapis.com/envoy"
    tracer = {
        "name": "envoy.tracers.opentelemetry",
        "typed_config": {
            "@type": f"{types}.config.trace.v3.OpenTelemetryConfig",
            "grpc_service": {"envoy_grpc": {"cluster_name": "collector"}, "timeout": "1s"},
            "service_name": name,
        },
    }
    route = {
        "name": name,
        "virtual_hosts": [
            {
                "name": name,
                "domains": ["*"],
                "routes": [{"match": {"prefix": "/"}, "route": {"cluster": name}}],
            }
        ],
    }
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{types}.extensions.filters.http.router.v3.Router"},
    }
    manager = f"{types}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    connections = {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": manager,
            "stat_prefix": name,
            "tracing": {"provider": tracer, "random_sampling": {"value": 100}},
            "route_config": route,
            "http_filters": [router],
        },
    }
    return {
        "name": name,
        "address": _address(port),
        "traffic_direction": "INBOUND",
        "filter_chains": [{"filters": [connections]}],
    }


def _cluster(name: str, port: int) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": _address(port)}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
