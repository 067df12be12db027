"""What is taken for granted about Nuke, and could not be tried in one. To mend any of it is to edit this file.

Names of Python functions and methods are not here: they are in Nuke's published type stubs, and a test holds them to
those. What the stubs do not have are knobs of nodes, their values and what they mean.
"""

from __future__ import annotations

import re

#: Knobs of a Read, by what they are for. `before` and `after` say what comes outside of first to last.
READ_FILE, READ_FIRST, READ_LAST = "file", "first", "last"
READ_ORIGINAL_FIRST, READ_ORIGINAL_LAST, READ_ORIGINAL_SET = "origfirst", "origlast", "origset"
READ_BEFORE, READ_AFTER = "before", "after"
READ_ON_ERROR, READ_RAW, READ_COLORSPACE = "on_error", "raw", "colorspace"
READ_FRAME_MODE, READ_FRAME = "frame_mode", "frame"
READ_RELOAD = "reload"

#: Values of `on_error`, and what the renderer is told to do with a hole that the Read shows so.
HOLES = {"error": "error", "black": "skip", "checkerboard": "skip", "nearest frame": "hold"}
ON_ERROR_ERROR, ON_ERROR_BLACK = "error", "black"

#: Values of `frame_mode`. "expression" can be anything, so such a Read is rendered as a comp is.
FRAME_EXPRESSION, FRAME_START_AT, FRAME_OFFSET = "expression", "start at", "offset"

#: Knobs of the root: the colour management, where relative names begin, and proxies.
ROOT_MANAGEMENT, ROOT_OCIO = "colorManagement", "OCIO"
ROOT_CONFIG, ROOT_CONFIG_FILE = "OCIO_config", "customOCIOConfigPath"
ROOT_CONFIG_IS_A_FILE = "custom"
ROOT_FOLDER = "project_directory"

#: Suffixes that the renderer reads; a Read of anything else is rendered as a comp is.
STILLS = frozenset(
    (".exr", ".sxr", ".mxr", ".dpx", ".cin", ".tif", ".tiff", ".png", ".jpg", ".jpeg")
)
MOVIES = frozenset((".mov", ".mp4", ".m4v", ".mxf", ".avi", ".mkv"))

#: Nuke's own curves, where no OCIO config is in use, by the names that the renderer's config has for them.
COLORSPACES = {
    "linear": "lin_rec709",
    "srgb": "srgb_tx",
    "rec709": "Camera Rec.709",
    "gamma2.2": "g22_rec709",
    "gamma1.8": "g18_rec709",
    "cineon": "ADX10",
    "alexav3logc": "ARRI LogC3 (EI800)",
    "log3g10": "Log3G10 REDWideGamutRGB",
    "slog3": "S-Log3 S-Gamut3",
}
#: Where pixels are as they are inside of Nuke: of a Read with `raw`, and of comps that are rendered.
WORKING_OCIO, WORKING_NUKE = "scene_linear", "lin_rec709"

#: A comp's plates are written by this, in place of `nuke -X`: the Write inside a node needs its file told first.
PLATES_COMMAND = ("-t",)


def offset_of(mode: str, frame: str, first: int) -> int:
    """Frames from a file's number to the script's: a file `f` is seen at `f + offset`. `first` is the Read's first.

    "offset 1000" shows file 1 at 1001; "start at 1001" shows the Read's first file there. Raises `ValueError` for
    "expression", or a number that is none.
    """
    if not frame.strip():
        return 0
    if mode == FRAME_OFFSET:
        return int(float(frame))
    if mode == FRAME_START_AT:
        return int(float(frame)) - first
    raise ValueError(f"{mode} {frame}")


def colorspace_name(value: str) -> str:
    """The name in what a Read's `colorspace` shows: "default (sRGB)", "scene_linear (ACES - ACEScg)" and
    "Input/ARRI/LogC4" name what is in the brackets, or last.
    """
    bracketed = re.fullmatch(r"[^()]+\((.+)\)\s*", value)
    named = bracketed[1] if bracketed and value.split("(")[0].strip() in _ROLES else value
    return re.split(r"[/\t]", named)[-1].strip()


_ROLES = frozenset(
    (
        "default",
        "scene_linear",
        "compositing_linear",
        "rendering",
        "color_picking",
        "texture_paint",
        "matte_paint",
    )
) | frozenset(("compositing_log", "color_timing", "data", "reference"))
