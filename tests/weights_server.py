"""A web server that misbehaves on request: it hangs up, forgets ranges, answers with errors."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = bytes(range(256)) * 20_000


@dataclass
class Behaviour:
    """What the server does: it hangs up after `drops` bytes of an answer, as often as they last."""

    content: bytes = CONTENT
    etag: str = '"one"'
    status: int = 200
    drops: list[int] = field(default_factory=list)
    ranges: bool = True
    redirect_to: str = ""
    requests: list[tuple[str, str | None, str | None]] = field(default_factory=list)


@dataclass
class Server:
    url: str
    behaviour: Behaviour


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    behaviour: Behaviour

    def do_GET(self) -> None:
        does, asked = self.behaviour, self.headers.get("Range")
        does.requests.append((self.path, asked, self.headers.get("If-Range")))
        self.close_connection = True
        if does.redirect_to and not self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", f"{does.redirect_to}/moved{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if does.status != 200:
            self.send_error(does.status)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if not does.ranges or self.headers.get("If-Range", does.etag) != does.etag:
            start = 0
        size = len(does.content)
        if start >= size:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        if does.etag:
            self.send_header("ETag", does.etag)
        self.send_header("Content-Length", str(size - start))
        self.end_headers()
        end = start + does.drops.pop(0) if does.drops else size
        self.wfile.write(does.content[start:end])

    def log_message(self, *_args: object) -> None:
        return


class _Listening(ThreadingHTTPServer):
    def handle_error(self, *_args: object) -> None:
        """A client that hangs up is part of the tests."""


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """A server on this machine, until the end of the block."""
    behaviour = Behaviour()
    handler = type("Handler", (_Handler,), {"behaviour": behaviour})
    with _Listening(("127.0.0.1", 0), handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
        thread.start()
        yield Server(f"http://127.0.0.1:{listening.server_address[1]}", behaviour)
        listening.shutdown()
        thread.join()
