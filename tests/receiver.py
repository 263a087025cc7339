"""A real HTTP server that takes what sinks post, and answers as a test wants it to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


@dataclass
class Receiver:
    """What came, and what is answered: the next of `statuses`, then 200 for good."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    answer_headers: dict[str, str] = field(default_factory=dict)
    answer_pieces: int = 0  # of a megabyte each
    hangs: bool = False
    came: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    sent_pieces: int = 0
    let_go: threading.Event = field(default_factory=threading.Event)

    @property
    def bodies(self) -> list[Any]:
        """What came, read as JSON."""
        return [orjson.loads(body) for _, _, body in self.came]


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    """Serves on a port of this machine for the while, by default any that is free."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {k.lower(): v for k, v in self.headers.items()}
            receiver.came.append((self.path, headers, body))
            if receiver.hangs:
                receiver.let_go.wait(60)
                return
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
            for name, value in receiver.answer_headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(receiver.answer_pieces << 20))
            self.end_headers()
            try:
                for _ in range(receiver.answer_pieces):
                    self.wfile.write(b"x" * (1 << 20))
                    receiver.sent_pieces += 1
            except ConnectionError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Tests look at `came`."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.daemon_threads = True
        receiver.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield receiver
        finally:
            receiver.let_go.set()
            server.shutdown()
            thread.join()
