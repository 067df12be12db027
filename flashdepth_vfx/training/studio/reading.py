"""How a studio's shots are to be read: which files, which channel, what a depth pixel says, in which colour space."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Literal, TypeAlias, get_args

from flashdepth_vfx.errors import SettingsError

__all__ = ["SHOT_FILE", "DepthIs", "StudioReading"]

DepthIs: TypeAlias = Literal["z", "inverse_z", "disparity"]
"""A depth pixel is planar depth in scene units, 1 over it, or 100 over it."""

SHOT_FILE = "shot.json"


@dataclass(frozen=True)
class StudioReading:
    """How to read plates and depth; None leaves it to the stated rules.

    `plate` and `depth` are patterns relative to a shot's folder, with `*` for what differs from shot to shot.
    `depth_layer` is a channel or layer. `scene_unit_m` is the length of a scene unit in metres: 0.01 for a scene in
    centimetres. `colorspace` and `ocio` are `plan_color`'s. Raises SettingsError for a value that cannot be.
    """

    plate: str | None = None
    depth: str | None = None
    depth_layer: str | None = None
    depth_is: DepthIs = "z"
    scene_unit_m: float = 1.0
    colorspace: str | None = None
    ocio: str | None = None

    def __post_init__(self) -> None:
        if self.depth_is not in get_args(DepthIs):
            known = ", ".join(get_args(DepthIs))
            raise SettingsError(f"depth is '{self.depth_is}'? It is one of: {known}")
        for option, pattern in (("plate", self.plate), ("depth", self.depth)):
            if pattern is not None and (
                not PurePath(pattern).name or PurePath(pattern).is_absolute()
            ):
                raise SettingsError(
                    f"--{option} {pattern}: give a pattern below the shot's own folder, as plate/*.####.exr"
                )
        if not (math.isfinite(self.scene_unit_m) and self.scene_unit_m > 0.0):
            raise SettingsError(
                f"a scene unit of {self.scene_unit_m} m: give its length in metres, 0.01 for centimetres"
            )

    def for_shot(self, folder: Path) -> StudioReading:
        """With what `shot.json` in `folder` says instead, if it is there.

        It is a table of this class's fields. Raises SettingsError that names the file.
        """
        path = folder / SHOT_FILE
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return self
        except (OSError, ValueError) as problem:
            raise SettingsError(f"{path}: cannot be read: {problem}") from problem
        try:
            return dataclasses.replace(self, **_checked(said))
        except SettingsError as problem:
            raise SettingsError(f"{path}: {problem}") from problem


def _checked(said: Any) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(StudioReading)]
    if not isinstance(said, dict):
        raise SettingsError(f"it should be a table with any of: {', '.join(names)}")
    for name, value in said.items():
        if name not in names:
            raise SettingsError(f"'{name}' is unknown; it may hold: {', '.join(names)}")
        kind = (int, float) if name == "scene_unit_m" else str
        if not isinstance(value, kind) or isinstance(value, bool):
            what = "a number" if name == "scene_unit_m" else "text"
            raise SettingsError(f"'{name}' should be {what}, not {value!r}")
    return said
