"""Bad plates: one line that names the file and what to do, and nothing left half-written."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plates import exr_attribute, write_dpx, write_exr, write_image, write_movie
from render_checks import require_one_line
from render_kit import (
    Probe,
    RenderKit,
    Watcher,
    at,
    picture,
    run,
    run_with,
    same,
    temporaries,
    write_plate,
)

from flashdepth_vfx import Shot
from flashdepth_vfx.errors import (
    CorruptPlateError,
    FlashDepthError,
    PlateError,
)
from flashdepth_vfx.plate import Window


def huge_header(good: bytes) -> bytes:
    """A window of two thousand million pixels a side."""
    place = good.index(b"dataWindow\0box2i\0") + len(b"dataWindow\0box2i\0") + 4
    return good[:place] + struct.pack("<4i", 0, 0, 2**31 - 2, 2**31 - 2) + good[place + 16 :]


def huge_attribute(good: bytes) -> bytes:
    """An attribute that states two gigabytes."""
    place = good.index(b"compression\0")
    return (
        good[:place]
        + exr_attribute("note", "string", b"")[:-4]
        + b"\xff\xff\xff\x7f"
        + good[place:]
    )


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "zero bytes": lambda good: b"",
    "one byte": lambda good: good[:1],
    "cut in the header": lambda good: good[:200],
    "cut in the pixels": lambda good: good[:-100],
    "wrong magic": lambda good: b"GIF89a" + good[6:],
    "text": lambda good: b"not an image at all\n",
    "huge window": huge_header,
    "huge attribute": huge_attribute,
    "zeros in the end": lambda good: good[:-200] + bytes(200),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_first_plate_is_named_and_leaves_no_folder(kit: RenderKit, damage: str) -> None:
    plates = kit.shot((1, 2))
    first = at(plates, 1)
    first.write_bytes(DAMAGES[damage](first.read_bytes()))
    with pytest.raises(CorruptPlateError) as raised:
        run(kit.job(plates))
    require_one_line(raised.value, "shot.0001.exr")
    assert not (kit.folder / "depth").exists()


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_plate_in_the_middle_leaves_only_whole_frames(kit: RenderKit, damage: str) -> None:
    plates = kit.shot(range(1, 6))
    run(kit.job(plates, "whole/shot.####.exr"))
    middle = at(plates, 3)
    good = middle.read_bytes()
    middle.write_bytes(DAMAGES[damage](good))
    with pytest.raises(CorruptPlateError) as raised:
        run(kit.job(plates))
    require_one_line(raised.value, "shot.0003.exr")
    assert temporaries(kit.folder) == []
    whole = kit.depths("whole/shot.####.exr")
    if (kit.folder / "depth").exists():
        assert same(kit.depths(), {frame: whole[frame] for frame in (1, 2)})
    middle.write_bytes(good)
    run(kit.job(plates, resume=True))
    assert same(kit.depths(), whole)


@pytest.mark.parametrize("damage", ["zero bytes", "wrong magic", "cut in the header"])
def test_damaged_plate_that_is_not_needed_is_a_warning(kit: RenderKit, damage: str) -> None:
    """It may be on its way to the disk: another chunk's task will meet it."""
    plates = kit.shot(range(1, 6))
    last = at(plates, 5)
    last.write_bytes(DAMAGES[damage](last.read_bytes()))
    watcher = Watcher()
    assert run(kit.job(plates, frames="1-3"), watcher).frames_written == (1, 2, 3)
    assert any("shot.0005.exr" in text for text in watcher.warnings)


def test_a_damaged_head_stops_no_sparse_chunk_behind_it(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 5))
    at(plates, 1).write_bytes(b"")
    watcher = Watcher()
    result = run(kit.job(plates, frames="3-4", sparse=True), watcher)
    assert result.frames_written == (3, 4)
    assert any("shot.0001.exr" in text for text in watcher.warnings)


def test_plate_that_is_not_needed_may_lack_the_layer(kit: RenderKit) -> None:
    plates = kit.shot((), "plates/shot.####.exr")
    for frame in (1, 2):
        rgb = picture(frame)
        names = dict(zip(("fg.R", "fg.G", "fg.B"), np.moveaxis(rgb, 2, 0), strict=True))
        write_exr(at(plates, frame), names)
    write_plate(at(plates, 3), 3)
    job = kit.job(plates, frames="1-2")
    watcher = Watcher()
    run(replace(job, shot=Shot(input=plates, layer="fg")), watcher)
    assert any("shot.0003.exr" in text for text in watcher.warnings)


def dpx(path: Path, frame: int) -> None:
    write_dpx(path, (picture(frame) * 1023).astype(int))


def movie(path: Path, frame: int) -> None:
    write_movie(path, [picture(f) for f in range(6)])


def codes(kind: type) -> Callable[[Path, int], object]:
    top = np.iinfo(kind).max
    return lambda path, frame: write_image(path, (picture(frame) * top).astype(kind))


MAKERS: dict[str, Callable[[Path, int], object]] = {
    "png": codes(np.uint8),
    "tif": codes(np.uint16),
    "jpg": codes(np.uint8),
    "dpx": dpx,
    "mkv": movie,
}


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("damage", ["zero bytes", "one byte", "half", "text"])
def test_damaged_file_of_any_kind_is_named_and_leaves_no_folder(
    kit: RenderKit, kind: str, damage: str
) -> None:
    path = kit.folder / f"plate.{kind}"
    MAKERS[kind](path, 1)
    good = path.read_bytes()
    cut = {
        "zero bytes": b"",
        "one byte": good[:1],
        "half": good[: len(good) // 2],
        "text": b"hello",
    }
    path.write_bytes(cut[damage])
    out = "depth/shot.####.exr" if kind == "mkv" else "depth/shot.exr"
    with pytest.raises(CorruptPlateError) as raised:
        run_with(Probe(), kit.job(str(path), out))
    require_one_line(raised.value, f"plate.{kind}")
    if not (kind == "mkv" and damage == "half"):
        assert not (kit.folder / "depth").exists()
    assert temporaries(kit.folder) == []


@pytest.mark.parametrize("kind", ["exr", "png", "tif", "dpx"])
def test_random_damage_never_escapes_the_tree_of_errors(kit: RenderKit, kind: str) -> None:
    """Whatever the bytes are, a render ends well or with an error that names the file in one line."""
    source, path = kit.folder / f"good.{kind}", kit.folder / f"bad.{kind}"
    window = Window(0, 0, 40, 24)
    if kind == "exr":
        write_plate(source, 1, data=window)
    elif kind == "dpx":
        write_dpx(source, (picture(1, window) * 1023).astype(int))
    else:
        write_image(source, (picture(1, window) * 255).astype(np.uint8))
    good, chance = source.read_bytes(), random.Random(kind)
    ends: set[str] = set()
    for _ in range(60):
        content = bytearray(good)
        reach = len(good) if chance.random() < 0.4 else min(len(good), 600)
        for _ in range(chance.choice((1, 1, 8))):
            content[chance.randrange(reach)] = chance.choice((0, 0x7F, 0xFF, chance.randrange(256)))
        path.write_bytes(content[: chance.choice((len(good), chance.randrange(len(good))))])
        try:
            run_with(Probe(), kit.job(str(path), "depth/shot.exr", overwrite=True))
            ends.add("rendered")
        except FlashDepthError as error:
            require_one_line(error, f"bad.{kind}")
            ends.add("refused")
    assert ends == {"rendered", "refused"}
    assert temporaries(kit.folder) == []


def test_plate_that_vanishes_while_it_is_rendered_is_named(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 31))

    class Thief(Watcher):
        def __call__(self, event: Any) -> None:
            super().__call__(event)
            if self.written == [1]:
                at(plates, 28).unlink(missing_ok=True)

    with pytest.raises(PlateError) as raised:
        run_with(Probe(), kit.job(plates), Thief())
    require_one_line(raised.value, "shot.0028.exr")
    assert sorted(kit.depths()) == list(range(1, 28))


def test_plate_that_changes_its_window_while_it_is_rendered_is_named(kit: RenderKit) -> None:
    plates = kit.shot(range(1, 31))

    class Meddler(Watcher):
        def __call__(self, event: Any) -> None:
            super().__call__(event)
            if self.written == [1]:
                write_plate(at(plates, 28), 28, data=Window(-10, 0, 200, 120))

    with pytest.raises(PlateError) as raised:
        run_with(Probe(), kit.job(plates), Meddler())
    require_one_line(raised.value, "shot.0028.exr")
    assert sorted(kit.depths()) == list(range(1, 28))
