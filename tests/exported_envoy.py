"""A real Envoy with the configuration that a policy is exported as, services of ours behind it."""

import http.client
import json
import ssl
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from informer.policies.parse import parse
from informer.policies.targets.envoy import BOOTSTRAP, compile_envoy
from informer.policies.targets.names import dns_label
from informer.policies.targets.workloads import Workloads
from real_parts import eventually, free_port, listens, needed, running

CALLER = "x-caller"


@dataclass
class Guarded:
    """Where the services are, and what Envoy says of their calls."""

    ports: Mapping[str, int]
    admin: int
    log: Path
    calls: int = 0

    def __call__(
        self,
        callee: str,
        path: str,
        verb: str = "GET",
        *,
        caller: str | None = None,
        tls: ssl.SSLContext | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> int:
        """One request; its status."""
        sent = {**({CALLER: caller} if caller else {}), **(headers or {})}
        port = self.ports[callee]
        connection = (
            http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            if tls is None
            else http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=tls)
        )
        try:
            connection.request(verb, path, headers=sent)
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
        self.calls += 1
        return answer.status

    def stats(self) -> dict[str, int]:
        """Envoy's counters."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/stats?format=json") as answer:
            found = json.load(answer)["stats"]
        return {one["name"]: one["value"] for one in found if "value" in one}

    def lines(self) -> list[dict[str, Any]]:
        """The access log, once all calls are in it."""
        eventually(lambda: len(self.log.read_text().splitlines()) >= self.calls)
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@contextmanager
def exported(
    folder: Path,
    rules: str,
    *,
    shadow: bool = False,
    workloads: Workloads | None = None,
    upstream: int | None = None,
) -> Iterator[Guarded]:
    """Envoy with what the rules are exported as; all services answer 200, or are at `upstream`."""
    with ExitStack() as stack:
        behind = stack.enter_context(answering()) if upstream is None else upstream
        given = workloads or Workloads(caller_header=CALLER)
        config, ports, admin = moved(compiled(rules, given, shadow), behind, folder / "calls.log")
        (folder / "calls.log").touch()
        file = folder / "envoy.yaml"
        file.write_text(yaml.safe_dump(config))
        command = [needed("envoy"), "--config-path", file, "--disable-hot-restart"]
        command += ["--concurrency", "1", "--log-level", "warn"]
        ready = lambda: all(map(listens, [*ports.values(), admin]))  # noqa: E731
        stack.enter_context(running(command, folder / "envoy.log", ready))
        callees = {name: ports[dns_label(name)] for name in names_of(config)}
        yield Guarded(callees, admin, folder / "calls.log")


def compiled(rules: str, workloads: Workloads, shadow: bool = False) -> dict[str, Any]:
    """The whole configuration."""
    files = compile_envoy(parse(rules, "test"), workloads, shadow).files
    found: dict[str, Any] = yaml.safe_load(files[BOOTSTRAP])
    return found


def moved(
    config: dict[str, Any], upstream: int, log: Path
) -> tuple[dict[str, Any], dict[str, int], int]:
    """To ports that are free now; all services are one, and calls are written to a file."""
    ports = {}
    for listener in config["static_resources"]["listeners"]:
        ports[listener["name"]] = free_port()
        listener["address"]["socket_address"]["port_value"] = ports[listener["name"]]
        manager_of(listener)["access_log"][0]["typed_config"]["path"] = str(log)
    for cluster in config["static_resources"]["clusters"]:
        (endpoint,) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
        endpoint["endpoint"]["address"]["socket_address"]["port_value"] = upstream
    admin = free_port()
    config["admin"]["address"]["socket_address"]["port_value"] = admin
    return config, ports, admin


def manager_of(listener: Mapping[str, Any]) -> dict[str, Any]:
    """The connection manager of a listener."""
    (chain,) = listener["filter_chains"]
    found: dict[str, Any] = chain["filters"][0]["typed_config"]
    return found


def names_of(config: Mapping[str, Any]) -> list[str]:
    """The services, as the rules call them."""
    logs = [
        manager_of(listener)["access_log"][0]["typed_config"]["log_format"]["json_format"]
        for listener in config["static_resources"]["listeners"]
    ]
    return [log["callee"].replace("%%", "%") for log in logs]


@contextmanager
def answering() -> Iterator[int]:
    """A service that says yes to everything."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        do_POST = do_PUT = do_DELETE = do_PATCH = do_GET  # noqa: N815

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
