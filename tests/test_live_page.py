"""The page of a stream: what it shows, who is let in, and a real browser that looks at it."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import OpenImageIO
import pytest
from conftest import command_line, environment
from live_kit import wait_for
from movie_plates import write_movie

from flashdepth_vfx import DepthStream, RenderSettings
from flashdepth_vfx.errors import OutputError, SettingsError
from flashdepth_vfx.live import LiveFrame, LivePage, LiveStatus, Shade

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")


def _frames(weights: Path, count: int = 2) -> list[LiveFrame]:
    pushed = DepthStream(RenderSettings(weights=str(weights), device="cpu"))
    made = []
    for number in range(count):
        picture = np.random.default_rng(number).random((90, 1300, 3)).astype(np.float32)
        depth = pushed.push(picture)
        made.append(LiveFrame(depth.frame, picture, depth, 0.0))
    return made


@pytest.fixture
def page() -> Iterator[LivePage]:
    made = LivePage("rtsp://cam <b>1</b>", Shade(RenderSettings()))
    yield made
    made.close()


def _get(address: str, **headers: str) -> bytes:
    with urllib.request.urlopen(
        urllib.request.Request(address, headers=headers), timeout=10
    ) as answer:
        return bytes(answer.read())


def _code(address: str, **headers: str) -> int:
    try:
        _get(address, **headers)
    except urllib.error.HTTPError as error:
        return error.code
    return 200


def test_it_shows_the_latest_picture_and_how_it_goes(
    page: LivePage, nano_weights: Path, tmp_path: Path
) -> None:
    assert _code(page.address + "plate.jpg") == 404
    assert json.loads(_get(page.address + "status.json"))["frame"] == 0
    first, second = _frames(nano_weights)
    page.write(first)
    page.write(second)
    page.tell(LiveStatus(frames=2, dropped=7))
    said = json.loads(_get(page.address + "status.json"))
    assert said["frame"] == 2
    assert said["status"]["dropped"] == "7"
    for name in ("plate", "depth"):
        (tmp_path / f"{name}.jpg").write_bytes(_get(page.address + f"{name}.jpg"))
        seen = OpenImageIO.ImageBuf(str(tmp_path / f"{name}.jpg"))
        assert (seen.spec().width, seen.spec().height) == (434, 30)
    assert _get(page.address + "plate.jpg?n=1") != _get(page.address + "plate.jpg")
    assert _get(page.address + "plate.jpg?n=99") == _get(page.address + "plate.jpg?n=2")
    assert _code(page.address + "etc/passwd") == 404


def test_on_loopback_it_is_for_names_of_loopback_alone(page: LivePage) -> None:
    assert page.address.startswith("http://127.0.0.1:")
    assert _code(page.address, Host="evil.example") == 403
    assert _code(page.address, Host="localhost:80") == 200


def test_elsewhere_a_word_is_needed() -> None:
    page = LivePage("cam", Shade(RenderSettings()), host="0.0.0.0")
    try:
        bare, _, token = page.address.replace("0.0.0.0", "127.0.0.1").partition("?token=")
        assert len(token) > 16
        for name in ("", "status.json", "plate.jpg"):
            assert _code(bare + name) == 403
            assert _code(f"{bare}{name}?token=guess") == 403
        assert _code(f"{bare}status.json?token={token}") == 200
    finally:
        page.close()


def test_ports_that_cannot_be(page: LivePage) -> None:
    taken = int(page.address.rsplit(":", 1)[1].strip("/"))
    with pytest.raises(OutputError, match="cannot be served"):
        LivePage("cam", Shade(RenderSettings()), port=taken)
    with pytest.raises(SettingsError, match="65535"):
        LivePage("cam", Shade(RenderSettings()), port=70000)


@pytest.mark.skipif(BROWSER is None, reason="NO CHROMIUM: the page is seen by no browser")
def test_a_browser_shows_it(page: LivePage, nano_weights: Path, tmp_path: Path) -> None:
    for frame in _frames(nano_weights):
        page.write(frame)
    page.tell(LiveStatus(frames=2, resets=1))
    assert BROWSER is not None
    line = [
        BROWSER,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'browser'}",
    ]
    line += ["--virtual-time-budget=4000", "--window-size=1000,600"]
    dumped = subprocess.run(
        [*line, "--dump-dom", page.address], capture_output=True, text=True, timeout=120, check=True
    )
    assert "flashdepth stream: frame 2" in dumped.stdout
    assert "<dt>state begun anew</dt><dd>1</dd>" in dumped.stdout
    # A source's name is words, and no part of the page.
    assert "rtsp://cam &lt;b&gt;1&lt;/b&gt;" in dumped.stdout
    shot = tmp_path / "page.png"
    subprocess.run(
        [*line, f"--screenshot={shot}", page.address], capture_output=True, timeout=120, check=True
    )
    seen = OpenImageIO.ImageBuf(str(shot)).get_pixels(OpenImageIO.FLOAT)[..., :3]
    # Both pictures are drawn, a noise of colours and colours of depth, on a dark page.
    colour = (seen.max(-1) - seen.min(-1)) > 0.2
    assert 0.005 < colour.mean() < 0.2, colour.mean()
    assert np.median(seen) < 0.15


def test_the_command_serves_it_as_it_goes(nano_weights: Path, tmp_path: Path) -> None:
    pictures = [np.random.default_rng(n).random((64, 80, 3)).astype(np.float32) for n in range(60)]
    movie = write_movie(tmp_path / "take.mkv", pictures)
    process = subprocess.Popen(
        command_line(
            ["stream", str(movie), "--page", "0", "--weights", str(nano_weights), "--device", "cpu"]
        ),
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    address = process.stderr.readline().partition("page: ")[2].strip()
    wait_for("a frame", lambda: json.loads(_get(address + "status.json"))["frame"] > 0, 60.0)
    assert _get(address + "depth.jpg")[:2] == b"\xff\xd8"
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode in (0, 143)
