"""Which channel of a file is depth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flashdepth_vfx.errors import NoSuchChannelError

__all__ = ["choose_depth_channel"]

#: Channels that are depth by their name, the most usual first; compared without regard to case.
_DEPTH_CHANNELS = ("z", "depth.z", "depth")
#: What a file that is depth alone calls it when it does not call it Z.
_ONLY_CHANNELS = ("y", "r", "depth.r", "depth.y")


def choose_depth_channel(
    path: Path, channels: Sequence[str], layer: str | None, *, own_file: bool
) -> str:
    """The full name of the channel that is depth.

    `layer` names it or its layer. Without it: `Z`, `depth.Z`, `depth`, else the one channel whose last word is Z;
    in a file that is depth alone (`own_file`) also its only channel, `Y` or `R`. Raises NoSuchChannelError.
    """
    by_name = {name.casefold(): name for name in channels}
    if layer is not None:
        return _of_layer(path, by_name, layer)
    if own_file and len(channels) == 1:
        return channels[0]
    for wanted in (*_DEPTH_CHANNELS, *(_ONLY_CHANNELS if own_file else ())):
        if wanted in by_name:
            return by_name[wanted]
    others = [name for folded, name in by_name.items() if folded.endswith(".z")]
    if len(others) == 1:
        return others[0]
    raise NoSuchChannelError(path, "depth channel", "Z", channels)


def _of_layer(path: Path, by_name: dict[str, str], layer: str) -> str:
    folded = layer.casefold()
    if folded in by_name:
        return by_name[folded]
    members = {
        f.rpartition(".")[2]: n for f, n in by_name.items() if f.rpartition(".")[0] == folded
    }
    if len(members) == 1:
        return next(iter(members.values()))
    for word in ("z", "y", "r", "red"):
        if word in members:
            return members[word]
    raise NoSuchChannelError(path, "depth channel or layer", layer, by_name.values())
