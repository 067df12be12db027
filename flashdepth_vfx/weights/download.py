"""One address into one file over HTTP, continued where an earlier try stopped."""

from __future__ import annotations

import http
import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import msgspec

__all__ = ["DROPPED", "Progress", "download", "forget"]

#: Called with the bytes that are here and the bytes that there will be (None: not said).
Progress: TypeAlias = Callable[[int, int | None], None]
#: What a connection that dies on the way raises.
DROPPED = (TimeoutError, ConnectionError, http.client.HTTPException)

_TIMEOUT_S = 30.0
_BLOCK_BYTES = 1 << 20
_TRIES = 5
_FIRST_PAUSE_S = 0.25


@dataclass(frozen=True)
class _Origin:
    """What a half-fetched file is half of."""

    url: str
    etag: str


class _BeginAgainError(Exception):
    """The server cannot continue this part."""


def download(url: str, part: Path, *, hash_is_known: bool, progress: Progress) -> None:
    """Bring the whole of `url` into `part`, going on from what it holds.

    A part is continued when the server vouches for it (a strong ETag), or when `hash_is_known` and
    the result will be checked. Raises `urllib.error.URLError`, `OSError` and `DROPPED` when five
    tries in a row brought nothing; the part stays.
    """
    failures = 0
    while True:
        before = _size(part)
        try:
            _receive(url, part, hash_is_known, progress)
            return
        except _BeginAgainError:
            forget(part)
            part.unlink()
        except DROPPED:
            failures = 1 if _size(part) > before else failures + 1
            if failures >= _TRIES:
                raise
            time.sleep(_FIRST_PAUSE_S * 2 ** (failures - 1))


def forget(part: Path) -> None:
    """Remove the note of what `part` is a part of."""
    _note_path(part).unlink(missing_ok=True)


def _receive(url: str, part: Path, hash_is_known: bool, progress: Progress) -> None:
    request, start = _request(url, part)
    try:
        response = _OPENER.open(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if not start or error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        if error.headers.get("Content-Range") == f"bytes */{start}":
            return  # it was whole already
        raise _BeginAgainError from error
    with response:
        start = _continues_at(response, start)
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        etag = _strong_etag(response)
        if etag or hash_is_known:
            _note_path(part).write_bytes(msgspec.json.encode(_Origin(url, etag)))
        else:
            forget(part)
        done = _copy(response, part, start, lambda here: progress(here, total))
    if total is not None and done < total:
        raise ConnectionError(f"the connection ended at {done} of {total} bytes")


def _request(url: str, part: Path) -> tuple[urllib.request.Request, int]:
    """The request for what is missing, and where that starts."""
    request = urllib.request.Request(url, headers={"User-Agent": "flashdepth-vfx"})
    origin = _read_note(part)
    start = _size(part) if origin and origin.url == url else 0
    if start and origin:
        request.add_header("Range", f"bytes={start}-")
        if origin.etag:
            request.add_header("If-Range", origin.etag)
    return request, start


def _continues_at(response: Any, start: int) -> int:
    """Where the server takes up: at `start`, or from the beginning."""
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        return 0
    if not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        raise _BeginAgainError
    return start


def _copy(response: Any, part: Path, start: int, report: Callable[[int], None]) -> int:
    """Append the response to `part`, and return its bytes then."""
    done = start
    with part.open("ab" if start else "wb") as file:
        while block := response.read(_BLOCK_BYTES):
            file.write(block)
            done += len(block)
            report(done)
        file.flush()
        os.fsync(file.fileno())
    return done


def _strong_etag(response: Any) -> str:
    etag = str(response.headers.get("ETag", ""))
    return "" if etag.startswith("W/") else etag


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _note_path(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _read_note(part: Path) -> _Origin | None:
    try:
        return msgspec.json.decode(_note_path(part).read_bytes(), type=_Origin)
    except (OSError, msgspec.DecodeError):
        return None  # a part of nobody knows what begins again


class _NoDowngrade(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to http."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise urllib.error.URLError(f"it redirects from https to {newurl}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_NoDowngrade)
