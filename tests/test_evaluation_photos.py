"""The two photographs: what their files say in metres, and one clear error for every damage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plates import write_image

from flashdepth_vfx.errors import CorruptPlateError, PlateError
from flashdepth_vfx.evaluation.photos import PHOTOS, load_photo
from flashdepth_vfx.measures.clip import TruthClip

HEIGHT, WIDTH = 24, 32
FILES = ("motorcycle_left.png", "motorcycle_disp.npz", "aloeL.jpg", "aloeGT.png")


def write_photos(folder: Path) -> Path:
    """The four files, small: noise, and disparities that rise to the right, 0 or infinite in the first column."""
    photos = folder / "photos"
    rgb = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    write_image(photos / "motorcycle_left.png", rgb)
    write_image(photos / "aloeL.jpg", np.full((HEIGHT, WIDTH, 3), (200, 100, 50), np.uint8))
    pixels = np.broadcast_to(np.arange(WIDTH, dtype=np.float32) * 3, (HEIGHT, WIDTH)).copy()
    write_image(photos / "aloeGT.png", pixels.astype(np.uint8))
    pixels[:, 0] = np.inf
    np.savez(photos / "motorcycle_disp.npz", disparity=pixels)
    return folder


def load_photos(folder: Path) -> list[TruthClip]:
    return [load_photo(folder, name) for name in PHOTOS]


def test_disparity_is_what_the_rig_makes_of_the_file(tmp_path: Path) -> None:
    motorcycle, aloe = load_photos(write_photos(tmp_path))
    assert (motorcycle.name, aloe.name) == ("motorcycle", "aloe")
    stored = np.arange(WIDTH) * 3.0
    # depth = focal length times baseline over disparity, and what the crop took from it
    for clip, focal_px, baseline_m, offset_px in (
        (motorcycle, 994.978, 0.193001, 31.086),
        (aloe, 3740.0, 0.160, 270.0),
    ):
        depth_m = focal_px * baseline_m / (stored + offset_px)
        assert clip.truth_100_per_m.shape == (1, HEIGHT, WIDTH)
        assert torch.allclose(
            clip.truth_100_per_m[0, :, 1:].double(), torch.from_numpy(100 / depth_m[1:]), rtol=1e-6
        )
        assert (clip.truth_100_per_m[0, :, 0] == -1).all(), "not measured"
        assert (clip.cameras, clip.still) == (None, None)


def test_colours_are_as_displayed(tmp_path: Path) -> None:
    motorcycle, aloe = load_photos(write_photos(tmp_path))
    for clip in (motorcycle, aloe):
        assert clip.rgb.shape == (1, 3, HEIGHT, WIDTH)
        assert clip.rgb.dtype == torch.float32
    rgb = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3))
    assert np.allclose(motorcycle.rgb[0].permute(1, 2, 0).numpy() * 255, rgb, atol=1e-3)
    assert np.allclose(aloe.rgb[0].mean(dim=(1, 2)).numpy() * 255, (200, 100, 50), atol=3)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_not_there_says_how_to_get_it(tmp_path: Path, name: str) -> None:
    (write_photos(tmp_path) / "photos" / name).unlink()
    with pytest.raises(PlateError, match=rf"{name}: not there; .*--fetch FOLDER"):
        load_photos(tmp_path)


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=30)
@given(where=st.floats(0, 0.99), cut=st.booleans(), flip=st.integers(1, 255))
def test_a_file_damaged_anywhere_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, where: float, cut: bool, flip: int
) -> None:
    folder = write_photos(tmp_path_factory.mktemp("damaged"))
    whole = load_photos(folder)
    path = folder / "photos" / name
    data = bytearray(path.read_bytes())
    at = int(where * len(data))
    if cut:
        del data[at:]
    else:
        data[at] ^= flip
    path.write_bytes(data)
    error = refusal(lambda: load_photos(folder))
    assert error is None or "photos" in error.path
    if error is None and cut:
        # What was cut off came after the picture.
        for clip, before in zip(load_photos(folder), whole, strict=True):
            assert torch.equal(clip.rgb, before.rgb)
            assert torch.equal(clip.truth_100_per_m, before.truth_100_per_m)


def refusal(reads: Callable[[], object]) -> PlateError | None:
    """What a reader says; any other error goes on."""
    try:
        reads()
    except PlateError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({}, "it holds nothing, not one picture"),
        ({"a": np.zeros((2, 2)), "b": np.zeros((2, 2))}, r"float64 \(2, 2\), float64 \(2, 2\)"),
        ({"a": np.zeros(5)}, r"it holds float64 \(5,\)"),
        ({"a": np.array([["words"]])}, "not one picture"),
        ({"a": np.array([[{}]])}, "fetch it again"),
        ({"a": np.full((HEIGHT, WIDTH), np.inf)}, "no pixel of its disparity is measured"),
        ({"a": np.ones((HEIGHT, WIDTH + 1))}, rf"\({HEIGHT}, {WIDTH}\), its disparity"),
    ],
)
def test_an_archive_of_something_else_is_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], said: str
) -> None:
    np.savez(write_photos(tmp_path) / "photos" / "motorcycle_disp.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(CorruptPlateError, match=said):
        load_photos(tmp_path)


def test_an_array_without_its_archive_is_refused(tmp_path: Path) -> None:
    path = write_photos(tmp_path) / "photos" / "motorcycle_disp.npz"
    with path.open("wb") as file:
        np.save(file, np.ones((HEIGHT, WIDTH), np.float32))
    with pytest.raises(
        CorruptPlateError, match=r"motorcycle_disp\.npz: File is not a zip file; fetch"
    ):
        load_photos(tmp_path)
