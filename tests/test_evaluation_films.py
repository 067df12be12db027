"""The three films: which frames are shown, and one clear error for what is not there, short or damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from movie_plates import write_movie

from flashdepth_vfx.errors import CorruptPlateError, PlateError
from flashdepth_vfx.evaluation.films import FILMS, Film, load_film

LOSSLESS = {"codec": "libx264rgb", "pixel_format": "rgb24", "options": {"qp": "0"}}
#: Frames in each file, and which of them are shown.
FILES = {
    "bikes.mp4": (250, range(137, 187)),
    "carphone_pristine.mp4": (120, range(96)),
    "vtest.avi": (80, range(64)),
}


def write_films(folder: Path, **counts: int) -> Path:
    """The three files; each frame has its number as its grey. `counts` by stem, for fewer frames."""
    (folder / "films").mkdir(parents=True)
    for name, (count, _) in FILES.items():
        path = folder / "films" / name
        numbers = range(counts.get(path.stem, count))
        frames = [np.full((32, 48, 3), number, np.float32) / 255 for number in numbers]
        frames[-1][:16] = 1.0
        write_movie(path, frames, **({} if path.suffix == ".avi" else LOSSLESS))  # type: ignore[arg-type]
    return folder


def load_films(folder: Path) -> list[Film]:
    return [load_film(folder, name) for name in FILMS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_films(tmp_path_factory.mktemp("data"))


def test_the_takes_are_those_between_the_cuts(folder: Path) -> None:
    films = load_films(folder)
    assert [film.name for film in films] == [Path(name).stem for name in FILES]
    for film, (_, shown) in zip(films, FILES.values(), strict=True):
        assert film.rgb.shape == (len(shown), 3, 32, 48)
        assert film.rgb.dtype == torch.float32
        assert film.rgb.is_contiguous()
        greys = (film.rgb * 255).round()
        assert torch.equal(greys.amin(dim=(1, 2, 3)), torch.tensor(shown, dtype=torch.float32))
        assert torch.equal(greys.amax(dim=(1, 2, 3)), torch.tensor(shown, dtype=torch.float32))


@pytest.mark.parametrize("name", FILES)
def test_a_film_that_is_not_there_says_how_to_get_it(tmp_path: Path, name: str) -> None:
    write_films(tmp_path)
    (tmp_path / "films" / name).unlink()
    with pytest.raises(PlateError, match=rf"{name}: not there; .*--fetch FOLDER"):
        load_film(tmp_path, Path(name).stem)
    for other in set(FILMS) - {Path(name).stem}:
        assert load_film(tmp_path, other).name == other


def test_a_film_that_is_too_short_says_so(tmp_path: Path) -> None:
    write_films(tmp_path, bikes=186)
    with pytest.raises(
        CorruptPlateError, match=r"bikes\.mp4: it has 186 frames, and 187 are wanted"
    ):
        load_films(tmp_path)


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5])
def test_a_film_that_is_cut_off_is_refused(tmp_path: Path, kept: float) -> None:
    path = write_films(tmp_path) / "films" / "bikes.mp4"
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(PlateError, match=r"bikes\.mp4"):
        load_films(tmp_path)
