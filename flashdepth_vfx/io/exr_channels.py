"""Which channels of an EXR are its picture: layers, views, luminance and chroma, names by hand.

Channel names: the last word is the channel, the words before it the layer. In a file with a `multiView`
attribute the word before the last may be a view, and a name of one word belongs to the default view;
a part may also state its view, and its own name serves as a layer's. Source: "Storing Multi-View
Images" of the OpenEXR documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flashdepth_vfx.errors import NoSuchChannelError, UsageError

__all__ = ["ChannelChoice", "ChannelRequest", "ExrChannel", "choose_channels", "list_channels"]

#: Colours in any case, as renderers spell them. Luminance only in capitals: y is an axis.
_COLOR = {
    "r": "r",
    "red": "r",
    "g": "g",
    "green": "g",
    "b": "b",
    "blue": "b",
    "a": "a",
    "alpha": "a",
}
_LUMINANCE = {"Y": "y", "RY": "ry", "BY": "by"}


@dataclass(frozen=True)
class ExrChannel:
    """One channel: `name` as its part has it, taken apart into `layer`, `view` and `base`.

    `shown` is its name in the whole file: parts may use one name for several channels.
    """

    part: int
    part_name: str
    name: str
    shown: str
    layer: str
    view: str | None
    base: str

    @property
    def role(self) -> str:
        """r, g, b, a, y, ry, by, or an empty text for a channel of another kind."""
        return _LUMINANCE.get(self.base) or _COLOR.get(self.base.lower(), "")

    @property
    def plain(self) -> str:
        """The name without the view: `diffuse.R` of `diffuse.left.R`."""
        return f"{self.layer}.{self.base}" if self.layer else self.base


@dataclass(frozen=True)
class ChannelRequest:
    """What the user asked for: a layer, or channels by name (1 or 3), of a view; None is the default."""

    layer: str | None = None
    channels: tuple[str, ...] | None = None
    view: str | None = None

    def __post_init__(self) -> None:
        """Raises `UsageError` for a number of channels that is no picture."""
        if self.channels is not None and len(self.channels) not in (1, 3):
            raise UsageError(
                f"{len(self.channels)} channels named ({','.join(self.channels)}): name 1 or 3"
            )


@dataclass(frozen=True)
class ChannelChoice:
    """The channels to read, all of one part: 3 colours or 1, or Y, RY, BY when `luminance_chroma`."""

    part: int
    color: tuple[str, ...]
    alpha: str | None
    luminance_chroma: bool = False


def list_channels(
    headers: Sequence[Mapping[str, Any]],
) -> tuple[tuple[str, ...], tuple[ExrChannel, ...]]:
    """The views (default first) and channels of a file, from its parts' headers."""
    part_views = [header.get("view") for header in headers]
    by_part = any(part_views)
    named = part_views if by_part else headers[0].get("multiView", ())
    views = tuple(dict.fromkeys(view for view in named if view))
    channels: dict[str, ExrChannel] = {}
    for index, header in enumerate(headers):
        for stored in header["channels"]:
            view = part_views[index]
            if not by_part and "." not in stored.name and views:
                view = views[0]
            channel = _take_apart(index, header, stored.name, view, views)
            if channel.shown in channels:
                channel = replace(channel, shown=f"{channel.part_name or index}.{channel.shown}")
            channels[channel.shown] = channel
    return views, tuple(channels.values())


def choose_channels(
    path: Path,
    views: tuple[str, ...],
    channels: tuple[ExrChannel, ...],
    request: ChannelRequest,
) -> ChannelChoice:
    """The channels that `request` means in this file. Raises `NoSuchChannelError`, `UsageError`."""
    view = request.view if request.view is not None else (views[0] if views else None)
    if view is not None and view not in views:
        raise NoSuchChannelError(path, "view", view, views)
    # A layer without a view is there for every view; one that has the view goes first.
    pool = [c for c in channels if c.view == view] + [
        c for c in channels if c.view is None and view is not None
    ]
    if request.channels is not None:
        return _by_name(path, channels, pool, request.channels, request.layer)
    if request.layer is not None:
        return _layer(path, pool, request.layer)
    return _default(path, pool)


def _take_apart(
    part: int,
    header: Mapping[str, Any],
    name: str,
    view: str | None,
    views: tuple[str, ...],
) -> ExrChannel:
    words = name.split(".")
    if len(words) > 1 and words[-2] in views and view in (None, words[-2]):
        view = words.pop(-2)
    part_name = str(header.get("name", ""))
    for end in (f".{view}", f"_{view}"):
        part_name = part_name.removesuffix(end) if view else part_name
    of_default_view = view is None or view == views[0]
    shown = name if of_default_view or view in name.split(".") else f"{view}.{name}"
    return ExrChannel(part, part_name, name, shown, ".".join(words[:-1]), view, words[-1])


def _groups(pool: Iterable[ExrChannel]) -> list[dict[str, ExrChannel]]:
    """The channels of `pool` by part, view and layer, each a table from role (or name) to channel."""
    groups: dict[tuple[int, str | None, str], dict[str, ExrChannel]] = {}
    for channel in pool:
        group = groups.setdefault((channel.part, channel.view, channel.layer), {})
        group.setdefault(channel.role or channel.name, channel)
    return list(groups.values())


def _picture(group: Mapping[str, ExrChannel]) -> ChannelChoice | None:
    """The colour picture of a group, or None when it has neither R, G, B nor Y."""
    alpha = group["a"].name if "a" in group else None
    for roles in (("r", "g", "b"), ("y", "ry", "by"), ("y",)):
        if all(role in group for role in roles):
            found = [group[role] for role in roles]
            return ChannelChoice(
                found[0].part, tuple(c.name for c in found), alpha, len(roles) == 3 and "y" in roles
            )
    return None


def _default(path: Path, pool: Sequence[ExrChannel]) -> ChannelChoice:
    """The picture without a layer; else that of the only layer that has one."""
    pictures = [p for g in _groups(c for c in pool if not c.layer) if (p := _picture(g))]
    if pictures:
        # In parts of equal standing, colour goes before a luminance such as an occlusion pass.
        return next((p for p in pictures if len(p.color) == 3), pictures[0])
    layered = [p for g in _groups(pool) if (p := _picture(g)) and len(p.color) == 3]
    if len(layered) == 1:
        return layered[0]
    raise NoSuchChannelError(path, "channel", "R,G,B", (c.shown for c in pool))


def _layer(path: Path, pool: Sequence[ExrChannel], layer: str) -> ChannelChoice:
    folded = layer.casefold()
    matches: tuple[Callable[[ExrChannel], bool], ...] = (
        lambda c: c.layer == layer,
        lambda c: not c.layer and c.part_name == layer,
        lambda c: c.layer.casefold() == folded,
        lambda c: not c.layer and c.part_name.casefold() == folded,
    )
    for matched in matches:
        members = [c for c in pool if matched(c)]
        for group in _groups(members):
            if picture := _picture(group):
                return picture
        if len(members) == 1:
            return ChannelChoice(members[0].part, (members[0].name,), None)
        if members:
            raise NoSuchChannelError(path, "channel", f"{layer}.R", (c.shown for c in members))
    layers = dict.fromkeys(c.layer or c.part_name for c in pool if c.layer or c.part_name)
    raise NoSuchChannelError(path, "layer", layer, layers)


def _by_name(
    path: Path,
    channels: Sequence[ExrChannel],
    pool: Sequence[ExrChannel],
    names: tuple[str, ...],
    layer: str | None,
) -> ChannelChoice:
    found = [_named(path, channels, pool, name, layer) for name in names]
    parts = {c.part for c in found}
    if len(parts) > 1:
        raise UsageError(
            f"{path}: channels {','.join(names)} lie in different parts; name one part's"
        )
    whole = [p for g in _groups(channels) if (p := _picture(g))]
    color = tuple(c.name for c in found)
    part = found[0].part
    alpha = next((p.alpha for p in whole if p.part == part and p.color == color), None)
    return ChannelChoice(part, color, alpha)


def _named(
    path: Path,
    channels: Sequence[ExrChannel],
    pool: Sequence[ExrChannel],
    name: str,
    layer: str | None,
) -> ExrChannel:
    for wanted in dict.fromkeys((f"{layer}.{name}" if layer else name, name)):
        folded = wanted.casefold()
        matches = (
            *(c for c in pool if c.plain == wanted),
            *(c for c in channels if c.shown == wanted),
            *(c for c in pool if c.plain.casefold() == folded),
        )
        if matches:
            return matches[0]
    raise NoSuchChannelError(path, "channel", name, (c.shown for c in channels))
