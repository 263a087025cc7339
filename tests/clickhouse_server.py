"""ClickHouse behind HTTP on the loopback address: chDB with the interface of the server's port.

There is no ClickHouse server among the packages that tests install. What is asked, how it is asked
and what comes back are ClickHouse's own; only the few lines between socket and statement are here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

PASSWORD = "a secret: of tests"


@contextmanager
def served() -> Iterator[str]:
    """Its address, as in `clickhouse://tester@127.0.0.1:PORT`."""
    from chdb.session import Session

    from informer.engines.clickhouse import SETTINGS

    session: Any = Session(":memory:")
    one_at_a_time = Lock()

    class Port(BaseHTTPRequestHandler):
        """One request: the statement in the body, or in `query` with rows in the body."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            given = {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
            key = (self.headers["X-ClickHouse-User"], self.headers["X-ClickHouse-Key"])
            if key != ("tester", PASSWORD):
                self.answer(403, b"Code: 516. DB::Exception: tester: Authentication failed")
                return
            try:
                with one_at_a_time:
                    found = done(given, body)
            except RuntimeError as error:
                self.answer(500, str(error).encode())
                return
            self.answer(200, found)

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Tests say nothing."""

    def done(given: dict[str, str], body: bytes) -> bytes:
        values = {k.removeprefix("param_"): v for k, v in given.items() if k.startswith("param_")}
        session.query(f"use {given['database']}")
        for name in SETTINGS:
            session.query(f"set {name} = '{given[name]}'")
        if "query" in given:
            sql, form = given["query"].split(" format ")
            with session.send_insert(sql, form) as inserter:
                inserter.append(body)
                inserter.finish()
            return b""
        found = session.query(body.decode(), given["default_format"], params=values or None)
        return bytes(found.bytes() or b"")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Port)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"clickhouse://tester@127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        session.close()
