"""A small show with a config of its own, and headers of plates, for the tests of colour."""

from __future__ import annotations

from pathlib import Path

from flashdepth_vfx.plate import FileKind, PlateHeader, Window

SHOW_CONFIG = """ocio_profile_version: 2
environment: {SHOT: none}
search_path: luts
roles: {default: plain, scene_linear: plain}
file_rules:
  - !<Rule> {name: graded, pattern: "*/graded/*", extension: "*", colorspace: shot graded}
  - !<Rule> {name: Default, colorspace: default}
displays:
  sRGB:
    - !<View> {name: Film, colorspace: film}
    - !<View> {name: Raw, colorspace: data}
colorspaces:
  - !<ColorSpace> {name: plain, encoding: scene-linear}
  - !<ColorSpace> {name: data, isdata: true}
  - !<ColorSpace>
    name: film
    from_scene_reference: !<ExponentTransform> {value: [2, 2, 2, 1], direction: inverse}
  - !<ColorSpace>
    name: shot graded
    aliases: [graded]
    to_scene_reference: !<FileTransform> {src: "${SHOT}.spi1d", interpolation: linear}
"""
LUT = "Version 1\nFrom 0.0 1.0\nLength 2\nComponents 1\n{{\n0.0\n{gain}\n}}\n"


def header(
    kind: FileKind = "exr",
    hint: str | None = None,
    path: str = "/p/a.exr",
    window: Window = Window(0, 0, 8, 8),  # noqa: B008 - a value, and never changed
) -> PlateHeader:
    return PlateHeader(
        Path(path), 1001, kind, window, window, 1.0, ("R", "G", "B"), (), hint, None, {}
    )


def make_show(folder: Path) -> Path:
    """A show's config, whose one interesting space reads a LUT that is named by the shot."""
    (folder / "luts").mkdir(parents=True)
    (folder / "config.ocio").write_text(SHOW_CONFIG)
    (folder / "luts" / "sh010.spi1d").write_text(LUT.format(gain=0.5))
    (folder / "luts" / "sh020.spi1d").write_text(LUT.format(gain=0.25))
    return folder / "config.ocio"
