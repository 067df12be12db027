"""What an artist chooses, once for both hosts: names, defaults, choices and words.

Knobs and parameters are called as here, and tests hold these to the renderer's own settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

__all__ = ["ANCHORS", "ENGINES", "FIELDS", "LICENCES", "MODES", "Field", "Value", "defaults"]

Value = Union[str, int, float, bool]

#: So many known distances a node has room for.
ANCHORS = 4
#: May they be used for paid work? As `flashdepth weights list` says.
LICENCES = {
    "nano": "paid work: yes (Apache-2.0)",
    "s": "paid work: not stated",
    "l": "paid work: no (made from CC-BY-NC-4.0)",
    "full": "paid work: no (made from CC-BY-NC-4.0)",
    "dav2-s": "paid work: yes (Apache-2.0)",
    "dav2-l": "paid work: no (CC-BY-NC-4.0)",
}
OTHER_WEIGHTS = "file"
CONVENTIONS = ("inverse_z", "z", "disparity", "normalised_near_white", "normalised_near_black")
UNITS = ("mm", "cm", "dm", "m", "km", "in", "ft", "yd")
COMPRESSIONS = ("zips", "zip", "rle", "piz", "none")
ENGINES = ("openjd", "slurm", "opencue", "deadline", "deadline-cloud", "tractor")
MODES = ("whole", "chain", "preroll")


@dataclass(frozen=True)
class Field:
    """One choice. `kind` is word, text, file, int, number or flag; `choices` are those of a word."""

    name: str
    kind: str
    default: Value
    label: str
    help: str
    choices: tuple[str, ...] = ()


FIELDS = (
    Field(
        "weights", "word", "nano", "weights",
        "The network. nano is in the package, and runs anywhere; others are fetched once: flashdepth weights fetch.",
        (*LICENCES, OTHER_WEIGHTS),
    ),
    Field("weights_file", "file", "", "weights file", "Weights of your own, where weights is 'file'."),
    Field(
        "accept_license", "flag", False, "I may use these weights",
        "You have read what the weights may be used for, and may. Needed for all that do not say yes.",
    ),
    Field(
        "resolution", "text", "", "resolution",
        "Long side of what the network sees, in pixels, or native. Empty: by the weights.",
    ),
    Field("device", "text", "auto", "device", "auto, cuda, cuda:N or cpu."),
    Field(
        "colorspace", "text", "", "colour space",
        "Of the plates, as the OCIO config calls it. Empty: from the input.",
    ),
    Field("cuts", "text", "none", "cuts", "Where takes begin: none, auto, or a file that lists them (.txt, .otio)."),
    Field("views", "text", "", "views", "Views to render, as left,right, or all. Empty: from the input."),
    Field("handles", "int", 0, "handles", "So many frames more at both ends, as far as the input has them."),
    Field(
        "upsampling", "word", "bilinear", "edges",
        "How depth reaches plate size: guided has edges where the plate has them.",
        ("bilinear", "nearest", "guided"),
    ),
    Field("stabilise", "flag", False, "stabilise", "Take out flicker of the depth's scale, frame by frame."),
    Field(
        "convention", "word", "inverse_z", "convention",
        "What a pixel says. inverse_z: 1/Z, for DepthToPosition. z: distance, for ZDefocus in depth mode and"
        " DeepFromImage. normalised: 0 to 1 over the whole shot.",
        CONVENTIONS,
    ),
    Field("scene_unit", "word", "m", "scene unit", "What a length of 1 is in the scene.", UNITS),
    Field(
        "near", "number", 0.0, "near",
        "How far the nearest of the shot is, in scene units; 0: not known. Goes with far.",
    ),
    Field(
        "far", "number", 0.0, "far",
        "How far the farthest of the shot is, in scene units; 0: not known. Goes with near.",
    ),
    Field("layer", "text", "depth", "layer", "Layer of the depth channel in the files."),
    Field("file", "file", "", "file", "Where the depth goes. Empty: beside the input, in depth/."),
    Field(
        "compression", "word", "zips", "compression",
        "Of the depth EXRs; zips is what Nuke reads fastest.", COMPRESSIONS,
    ),
    Field("engine", "word", "openjd", "farm", "The farm's engine.", ENGINES),
    Field(
        "mode", "word", "whole", "mode",
        "whole: one task a take. chain: chunks in turn, the same pixels. preroll: chunks at once, approximate.",
        MODES,
    ),
    Field("chunk", "int", 100, "chunk", "Frames of a task, where the mode has chunks."),
    Field("job_dir", "file", "", "job folder", "Where the farm's files go. Empty: beside the depth."),
)  # fmt: skip


def defaults() -> dict[str, Value]:
    """Of every field."""
    return {field.name: field.default for field in FIELDS}
