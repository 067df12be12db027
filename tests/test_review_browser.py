"""The page of `flashdepth report` in a real browser, from disk."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import OpenImageIO
import pytest
from render_kit import RenderKit, run

from flashdepth_vfx.review import write_report

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")


def screenshot(page: Path, scheme: str) -> np.ndarray:
    """What a browser shows of it, `(H, W, 3)` in 0..1."""
    if BROWSER is None:
        pytest.skip("no Chromium here: the page is not seen by a browser")
    picture = page.with_suffix(f".{scheme}.png")
    asked = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--disable-dev-shm-usage",
    )
    preferred = f"--blink-settings=preferredColorScheme={'0' if scheme == 'dark' else '1'}"
    profile = f"--user-data-dir={page.parent / scheme}"
    subprocess.run(
        [
            BROWSER,
            *asked,
            preferred,
            profile,
            "--window-size=1100,2400",
            f"--screenshot={picture}",
            page.as_uri(),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return np.asarray(OpenImageIO.ImageBuf(str(picture)).get_pixels()[..., :3])


def test_a_browser_shows_it_from_disk_in_the_light_and_in_the_dark(kit: RenderKit) -> None:
    run(kit.job(kit.shot(range(1, 9))))
    path, _ = write_report(str(kit.folder / "depth"))
    light, dark = (screenshot(path, scheme) for scheme in ("light", "dark"))
    assert light.shape == dark.shape == (2400, 1100, 3)
    assert np.median(light) > 0.9
    assert np.median(dark) < 0.15
    for shown in (light, dark):
        # The pictures and the lines of the charts are in colour; nothing else is.
        colour = (shown.max(-1) - shown.min(-1)) > 0.25
        assert 0.05 < colour.mean() < 0.6
        # Text is legible: the paper and the ink are far apart.
        assert np.percentile(shown, 99.5) - np.percentile(shown, 0.5) > 0.7
