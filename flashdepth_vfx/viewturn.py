"""ViewTurn: which view of a stereo shot is worked on, and which others it has to agree with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flashdepth_vfx.errors import NoSuchChannelError, SettingsError
from flashdepth_vfx.frames import FrameSequence

__all__ = ["ViewTurn", "stands_for_view", "turns_of", "view_names"]

_ALL = "all"


@dataclass(frozen=True)
class ViewTurn:
    """One view's turn in work on several: `names` are all of them, in order, the hero first.

    The hero decides the cuts of all; the canvas holds all. `one_file`: the depth of all goes into one
    file a frame, else each has files of its own.
    """

    name: str
    names: tuple[str, ...]
    one_file: bool

    @property
    def hero(self) -> str:
        """The view that decides."""
        return self.names[0]

    @property
    def index(self) -> int:
        """Its place among them."""
        return self.names.index(self.name)

    @property
    def is_hero(self) -> bool:
        """Whether it is this one."""
        return self.name == self.hero

    @property
    def others(self) -> tuple[str, ...]:
        """All but this one."""
        return tuple(name for name in self.names if name != self.name)


def view_names(
    asked: str | None, pattern: str, views_there: Callable[[], tuple[str, ...]]
) -> tuple[str, ...]:
    """The views that `--view` asks for in the files of `pattern`, the hero first; none for the default one.

    `views_there` are those in the files, for "all". Raises `SettingsError` for names that are empty or
    given twice; `NoSuchChannelError` for "all" of a shot that has no views.
    """
    if asked is None:
        return ()
    if asked != _ALL:
        names = tuple(name.strip() for name in asked.split(","))
        if not all(names) or len(set(names)) < len(names):
            raise SettingsError(f"--view {asked}: name each view once, as left,right")
        return names
    if stands_for_view(pattern):
        raise SettingsError(
            f"--view all: {pattern} has a file for each view; name them, as --view left,right"
        )
    views = views_there()
    if not views:
        raise NoSuchChannelError(pattern, "view", _ALL, ())
    return views


def turns_of(
    names: tuple[str, ...], source: str, output: str, depth_layer: str
) -> tuple[ViewTurn, ...]:
    """The turns of several views, from the files of `source` to those of `output`.

    Raises `SettingsError` where the output has no room for each: one file for views that come in files
    of their own, one name for two views, or a part without a name.
    """
    one_file = not stands_for_view(output)
    if one_file and stands_for_view(source):
        raise SettingsError(
            f"{output}: {source} has a file for each view, so put %V into the output's name too"
        )
    if one_file and not depth_layer:
        raise SettingsError("several views in one file: name their layer with --depth-layer")
    places = {FrameSequence.parse(output, view=name).path(0) for name in names}
    if not one_file and len(places) < len(names):
        raise SettingsError(
            f"{output}: is the same for two of {', '.join(names)}; write %V for the whole name"
        )
    return tuple(ViewTurn(name, names, one_file) for name in names)


def stands_for_view(pattern: str) -> bool:
    """Whether `%V` or `%v` is in it."""
    return "%V" in pattern or "%v" in pattern
