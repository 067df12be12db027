"""Which space a plate is in, and who says so. Nothing is taken over in silence."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal, NamedTuple, TypeAlias

import PyOpenColorIO

from flashdepth_vfx.color.config import OpenConfig, context_values, open_config
from flashdepth_vfx.color.plan import ColorPlan
from flashdepth_vfx.color.transform import (
    ACES_INTERCHANGE,
    LINEAR_REC709,
    pixels_hash,
    processor_for,
)
from flashdepth_vfx.errors import ColorError
from flashdepth_vfx.plate import FileKind, PlateHeader

__all__ = ["plan_color"]

_Meaning: TypeAlias = Literal["scene-linear", "display-encoded sRGB", "film log"]

_LINEAR_NAMES = (LINEAR_REC709, "lin_rec709_srgb", "lin_rec709", "lin_srgb", "lin_rec709_scene")
#: Names, then roles, by which configs know the three things that an unnamed file can be.
_CANDIDATES: Mapping[_Meaning, tuple[str, ...]] = {
    "scene-linear": (*_LINEAR_NAMES, PyOpenColorIO.ROLE_SCENE_LINEAR),
    "display-encoded sRGB": (
        "sRGB Encoded Rec.709 (sRGB)",
        "srgb_tx",
        "srgb_texture",
        "srgb_rec709_scene",
        "sRGB",
        PyOpenColorIO.ROLE_TEXTURE_PAINT,
        PyOpenColorIO.ROLE_COLOR_PICKING,
    ),
    "film log": ("ADX10", "Cineon", PyOpenColorIO.ROLE_COMPOSITING_LOG),
}
# EXR: its specification takes Rec.709 primaries where the file has none, and no wider choice leaves
# every colour of an untagged picture inside the gamut. DPX and Cineon were made for film log.
_KIND_MEANING: Mapping[FileKind, _Meaning] = {
    "exr": "scene-linear",
    "dpx": "film log",
    "cineon": "film log",
    "tiff": "display-encoded sRGB",
    "png": "display-encoded sRGB",
    "jpeg": "display-encoded sRGB",
    "movie": "display-encoded sRGB",
}
#: What files say in words of their own, lower case without blanks and punctuation: DPX's transfers,
#: and the ACES names for a config that does not have them.
_HINT_MEANING: Mapping[str, _Meaning] = {
    "linear": "scene-linear",
    "scenelinear": "scene-linear",
    "linearrec709srgb": "scene-linear",
    "srgb": "display-encoded sRGB",
    "srgbencodedrec709srgb": "display-encoded sRGB",
    "rec709": "display-encoded sRGB",
    "bt709": "display-encoded sRGB",
    "itur7094": "display-encoded sRGB",
    "smpte274m": "display-encoded sRGB",
    "unspecifiedvideo": "display-encoded sRGB",
    "adx": "film log",
    "cineon": "film log",
    "kodaklog": "film log",
    "logarithmic": "film log",
    "printingdensity": "film log",
}


#: OCIO's word for it.
_HDR_VIDEO = "hdr-video"


class _Choice(NamedTuple):
    colorspace: str
    chosen_by: str
    note: str = ""


def plan_color(
    header: PlateHeader,
    *,
    colorspace: str | None = None,
    ocio: str | os.PathLike[str] | None = None,
    display_view: str | None = None,
    exposure: float = 0.0,
    context: Mapping[str, str] | None = None,
) -> ColorPlan:
    """Decide a shot's way from the plate that `header` describes to display-encoded sRGB.

    The plate's space is `colorspace` (a name, alias or role), else what the config's file rules say
    of the path (its default rule says nothing), else what the file itself says, else a default for
    the kind of file. `ocio` is a config's path or `ocio://` URI, else `$OCIO`, else a pinned
    built-in one. `display_view` is "Display/View", or a view of the default display; without it the
    picture gets the plain sRGB curve. `exposure` is in stops. `context` are OCIO context variables
    that go before the environment's. Raises `ColorError`.
    """
    if not math.isfinite(exposure):
        raise ColorError(f"exposure {exposure}: give a finite number of stops")
    opened = open_config(ocio)
    choice = _choose(opened, header, colorspace)
    linear, linear_note = _linear_space(opened, for_view=display_view is not None)
    display, view = (None, None) if display_view is None else _find_view(opened, display_view)
    plan = ColorPlan(
        config=opened.uri,
        config_name=opened.name,
        config_origin=opened.origin,
        colorspace=choice.colorspace,
        chosen_by=choice.chosen_by,
        linear=linear,
        display=display,
        view=view,
        exposure_stops=float(exposure),
        context=context_values(opened, context),
        note="; ".join(note for note in (choice.note, linear_note) if note),
        hdr=view is None and _is_hdr(opened, choice.colorspace),
    )
    processor = processor_for(opened.config, plan)
    return plan if opened.is_built_in else replace(plan, pixels_hash=pixels_hash(processor))


def _choose(opened: OpenConfig, header: PlateHeader, asked: str | None) -> _Choice:
    if asked is not None:
        return _Choice(_named_space(opened, asked), "asked for")
    by_rule = _by_file_rules(opened, header)
    by_hint, ignored = _by_hint(opened, header.color_hint)
    # the rules of a config that OCIO carries know extensions only: a file knows itself better
    ordered = (by_hint, by_rule) if opened.is_built_in else (by_rule, by_hint)
    for choice in ordered:
        if choice is not None:
            return choice
    meaning = _KIND_MEANING[header.kind]
    space = _first_known(opened, meaning)
    if space is None:
        raise ColorError(
            f"OCIO config {opened.uri} names no {meaning} space or role, and {header.path} "
            f"does not say what it is in: pass --colorspace with one of {_listed(opened.config)}"
        )
    return _Choice(space, f"default for {header.kind}", ignored)


def _named_space(opened: OpenConfig, name: str) -> str:
    """The canonical name of a space that can be converted, from a name, alias or role."""
    config = opened.config
    space = config.getColorSpace(name)
    if space is None:
        close = difflib.get_close_matches(name.lower(), lowered := _all_names(config), 5, 0.4)
        hint = ", ".join(dict.fromkeys(lowered[match] for match in close)) or _listed(config)
        raise ColorError(f"OCIO config {opened.uri} has no colour space '{name}'; close: {hint}")
    if space.isData():
        raise ColorError(
            f"'{space.getName()}' holds data, not colour: say what the picture is in "
            "(for values to be taken as they are, the config's display-encoded sRGB)"
        )
    return str(space.getName())


def _by_file_rules(opened: OpenConfig, header: PlateHeader) -> _Choice | None:
    # nobody asked for the fallback config: what it says about extensions is nobody's statement
    path = str(header.path)
    if opened.origin == "built in" or opened.config.filepathOnlyMatchesDefaultRule(path):
        return None
    name, _rule = opened.config.getColorSpaceFromFilepath(path)
    return _Choice(_named_space(opened, name), "config's file rules")


def _by_hint(opened: OpenConfig, hint: str | None) -> tuple[_Choice | None, str]:
    """The file's own statement, and what to say of one that the config does not know."""
    if not hint:
        return None, ""
    space = opened.config.getColorSpace(hint)
    if space is not None and not space.isData():
        return _Choice(str(space.getName()), "named by the file"), ""
    word = "".join(letter for letter in hint.lower() if letter.isalnum())
    meaning = _HINT_MEANING.get(word)
    known = None if meaning is None else _first_known(opened, meaning)
    if known is None:
        return None, f"the file says '{hint}', which names no colour space of the config"
    return _Choice(known, "named by the file"), ""


def _first_known(opened: OpenConfig, meaning: _Meaning) -> str | None:
    candidates = _CANDIDATES[meaning]
    if meaning == "scene-linear" and opened.origin != "built in":
        # a config that the show chose says what the show's linear is
        candidates = (candidates[-1], *candidates[:-1])
    for name in candidates:
        space = opened.config.getColorSpace(name)
        if space is not None and not space.isData():
            return str(space.getName())
    return None


def _linear_space(opened: OpenConfig, *, for_view: bool) -> tuple[str, str]:
    """Where exposure is applied and the sRGB curve begins, and what the log must say of it."""
    config = opened.config
    for name in _LINEAR_NAMES:
        space = config.getColorSpace(name)
        if space is not None:
            return str(space.getName()), ""
    if config.hasRole(ACES_INTERCHANGE):
        return ACES_INTERCHANGE, ""
    if config.hasRole(PyOpenColorIO.ROLE_SCENE_LINEAR):
        note = "" if for_view else "the config's scene_linear is taken to have Rec.709 primaries"
        return str(config.getColorSpace(PyOpenColorIO.ROLE_SCENE_LINEAR).getName()), note
    raise ColorError(
        f"OCIO config {opened.uri} has neither '{LINEAR_REC709}' nor a role {ACES_INTERCHANGE} or "
        f"{PyOpenColorIO.ROLE_SCENE_LINEAR}: there is no way to linear light through it"
    )


def _is_hdr(opened: OpenConfig, colorspace: str) -> bool:
    """Whether the config says that a space is one of HDR video: PQ, HLG."""
    return str(opened.config.getColorSpace(colorspace).getEncoding()) == _HDR_VIDEO


def _find_view(opened: OpenConfig, text: str) -> tuple[str, str]:
    """Display and view from "Display/View", or from a view of the default display."""
    config = opened.config
    # a display's own name may hold a "/"
    pairs = [(text[:at], text[at + 1 :]) for at, letter in enumerate(text) if letter == "/"]
    pairs.append((config.getDefaultDisplay(), text))
    for display, view in pairs:
        if display in config.getDisplays() and view in config.getViews(display):
            return display, view
    known = "; ".join(f"{d}: {', '.join(config.getViews(d))}" for d in config.getDisplays())
    raise ColorError(f"OCIO config {opened.uri} has no view '{text}'; it has: {known}")


def _all_names(config: Any) -> dict[str, str]:
    """Every name, alias and role, lower case -> as it is written."""
    names: Iterable[str] = [role for role, _space in config.getRoles()]
    spaces = [(space.getName(), *space.getAliases()) for space in config.getColorSpaces()]
    return {name.lower(): name for group in (names, *spaces) for name in group}


def _listed(config: Any) -> str:
    return ", ".join(config.getColorSpaceNames())
