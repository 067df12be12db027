"""A small page that shows a stream as it goes: the picture, its depth, rate, latency, drops, resets."""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import numpy as np
from numpy.typing import NDArray

from flashdepth_vfx.errors import OutputError, SettingsError
from flashdepth_vfx.live.loop import LiveFrame, LiveStatus
from flashdepth_vfx.live.outputs import Shade
from flashdepth_vfx.stills import jpeg

__all__ = ["LivePage"]

N = TypeVar("N", bound=np.generic)

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
#: What is shown is no wider; whoever wants pixels has the files.
_WIDTH_PX = 640
#: Frames that a page may still ask for.
_KEPT = 4
_HTML = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>flashdepth stream</title>
<meta name="viewport" content="width=device-width">
<style>
 body { background: #1c1c1c; color: #d8d8d8; font: 14px/1.5 system-ui, sans-serif; margin: 24px; }
 main { display: flex; flex-wrap: wrap; gap: 16px; }
 figure { margin: 0; } img { display: block; max-width: 100%; background: #000; }
 figcaption { color: #9a9a9a; } dl { display: flex; flex-wrap: wrap; gap: 0 32px; }
 dt { color: #9a9a9a; } dd { margin: 0; font-variant-numeric: tabular-nums; font-size: 20px; }
</style></head><body>
<h1 id="source"></h1>
<dl id="status"></dl>
<main><figure><img id="plate" alt="the picture"><figcaption>picture</figcaption></figure>
<figure><img id="depth" alt="its depth"><figcaption>depth, near is light</figcaption></figure></main>
<script>
const token = new URLSearchParams(location.search).get("token") || "";
const at = name => name + "?token=" + encodeURIComponent(token);
let shown = -1;
async function look() {
  try {
    const said = await (await fetch(at("status.json"))).json();
    document.getElementById("source").textContent = said.source;
    document.getElementById("status").replaceChildren(...Object.entries(said.status).map(([name, value]) => {
      const [part, dt, dd] = ["div", "dt", "dd"].map(kind => document.createElement(kind));
      dt.textContent = name; dd.textContent = value; part.append(dt, dd); return part; }));
    if (said.frame !== shown) {
      shown = said.frame;
      for (const name of ["plate", "depth"]) document.getElementById(name).src = at(name + ".jpg") + "&n=" + shown;
    }
    document.title = "flashdepth stream: frame " + said.frame;
  } catch (error) { document.title = "flashdepth stream: over"; }
  setTimeout(look, 250);
}
look();
</script></body></html>
"""


class LivePage:
    """An output that serves a page. `address` is what a person opens.

    Bound to loopback unless `host` says otherwise: then a word is in its address, and nobody comes in without it.
    Raises `SettingsError` for a port that is none, `OutputError` for one that is taken.
    """

    def __init__(
        self, source: str, shade: Shade, *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        if not 0 <= port <= 65535:
            raise SettingsError(f"port {port}: from 0, for any that is free, to 65535")
        self._source, self._shade = source, shade
        self._token = "" if host in _LOOPBACK else secrets.token_urlsafe(16)
        self._lock = threading.Lock()
        self._status: dict[str, str] = {}
        self._frames: deque[LiveFrame] = deque(maxlen=_KEPT)
        try:
            self._server = ThreadingHTTPServer((host, port), self._handler())
        except OSError as error:
            raise OutputError(
                f"{host}:{port}", f"cannot be served ({error.strerror or error})"
            ) from error
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="page", daemon=True).start()

    @property
    def address(self) -> str:
        """With the word in it, where there is one."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/" + (f"?token={self._token}" if self._token else "")

    def write(self, frame: LiveFrame) -> None:
        """Show this one from now on. Costs nothing while nobody looks."""
        with self._lock:
            self._frames.append(frame)

    def tell(self, status: LiveStatus) -> None:
        """How it goes."""
        said = {
            "frames": str(status.frames),
            "frames a second": f"{status.frames_per_second:.1f}",
            "latency": f"{1000 * status.latency_seconds:.0f} ms",
            "dropped": str(status.dropped),
            "damaged": str(status.damaged),
            "gaps": str(status.gaps),
            "state begun anew": str(status.resets),
        }
        with self._lock:
            self._status = said

    def close(self) -> None:
        """No more of it."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, path: str, number: str) -> tuple[str, bytes] | None:
        """The kind and the bytes of what was asked for; None for what there is not."""
        with self._lock:
            frames, status = list(self._frames), dict(self._status)
        # The one that the page asks for, so that picture and depth are of one moment.
        named = (one for one in frames if str(one.number) == number)
        frame = next(named, frames[-1] if frames else None)
        if path == "/":
            return "text/html; charset=utf-8", _HTML.encode()
        if path == "/status.json":
            said = {"source": self._source, "frame": frame.number if frame else 0, "status": status}
            return "application/json", json.dumps(said).encode()
        if frame is None or path not in ("/plate.jpg", "/depth.jpg"):
            return None
        if path == "/plate.jpg":
            return "image/jpeg", jpeg(_small(frame.picture))
        return "image/jpeg", jpeg(self._shade.colours(_small(frame.depth.depth)))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer: Callable[[str, str], tuple[str, bytes] | None] = self._answer
        token = self._token

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = urlsplit(self.path)
                given = {name: values[0] for name, values in parse_qs(asked.query).items()}
                if not self._is_let_in(given.get("token", "")):
                    self.send_error(HTTPStatus.FORBIDDEN)
                    return
                found = answer(asked.path, given.get("n", ""))
                if found is None:
                    self.send_error(HTTPStatus.NOT_FOUND)
                    return
                kind, data = found
                # A browser that goes away in the middle is no news.
                with contextlib.suppress(OSError):
                    self.send_response(HTTPStatus.OK)
                    self.send_header("Content-Type", kind)
                    self.send_header("Content-Length", str(len(data)))
                    self.send_header("Cache-Control", "no-store")
                    self.end_headers()
                    self.wfile.write(data)

            def _is_let_in(self, given: str) -> bool:
                if token:
                    return secrets.compare_digest(given, token)
                # A page elsewhere must not read this one through a name that it made up for this address.
                name = urlsplit(f"//{self.headers.get('Host', '')}").hostname
                return name in _LOOPBACK

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                """Nobody reads who looked."""

        return Handler


def _small(picture: NDArray[N]) -> NDArray[N]:
    """By whole steps: it is looked at, and made anew for each frame."""
    step = -(-picture.shape[1] // _WIDTH_PX)
    return picture[::step, ::step]
