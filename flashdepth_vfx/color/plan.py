"""ColorPlan: what was decided about a shot's colour, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["ColorPlan", "ConfigOrigin"]

#: Who named the OCIO config: the caller, the environment, or nobody.
ConfigOrigin: TypeAlias = Literal["asked for", "$OCIO", "built in"]


@dataclass(frozen=True)
class ColorPlan:
    """How a shot's pixels become the network's. Strings and numbers only: it pickles, and is JSON.

    `config` is an `ocio://` URI or an absolute path. `colorspace` is the canonical name of the
    plate's space, `chosen_by` says whose choice that was. `linear` is where the config's own part
    ends and plain sRGB begins: a colour space or role of the config. `display` and `view` are both
    None for the plain sRGB curve. `exposure_stops` is one number for the whole shot; `exposure_chosen_by` is
    empty where it was asked for, "auto" where it was measured. `context` are
    the OCIO context variables that the config mentions, with their values, so that a machine with
    another environment does the same. `pixels_hash` tells apart two files that share a config's
    name; it is empty for a config built into OCIO. `note` is what else the log must say. `hdr` says that the plate's
    space is one of HDR video, so that what is brighter than paper white is rolled off and not cut off.
    """

    config: str
    config_name: str
    config_origin: ConfigOrigin
    colorspace: str
    chosen_by: str
    linear: str
    display: str | None = None
    view: str | None = None
    exposure_stops: float = 0.0
    context: tuple[tuple[str, str], ...] = ()
    pixels_hash: str = ""
    note: str = ""
    exposure_chosen_by: str = ""
    hdr: bool = False

    @property
    def display_view(self) -> str | None:
        """ "Display/View", or None for the plain sRGB curve."""
        return None if self.display is None else f"{self.display}/{self.view}"

    def describe(self) -> dict[str, str | float | None]:
        """The facts that a manifest records, as JSON values."""
        return {
            "config": self.config_name,
            "config_origin": self.config_origin,
            "colorspace": self.colorspace,
            "chosen_by": self.chosen_by,
            "display_view": self.display_view,
            "exposure_stops": self.exposure_stops,
            "exposure_chosen_by": self.exposure_chosen_by or None,
            "hdr": self.hdr,
            "note": self.note or None,
        }

    def sentence(self) -> str:
        """One line for the log: `colour: ACEScg (asked for) -> sRGB`."""
        text = f"colour: {self.colorspace} ({self.chosen_by}) -> {self.display_view or 'sRGB'}"
        chosen = f" ({self.exposure_chosen_by})" if self.exposure_chosen_by else ""
        if self.exposure_stops or chosen:
            text += f", exposure {self.exposure_stops:+g} stops{chosen}"
        if self.hdr:
            text += ", highlights of HDR rolled off"
        if self.config_origin != "built in":
            text += f", config {self.config_name} ({self.config_origin})"
        return f"{text}; {self.note}" if self.note else text

    def fingerprint(self) -> str:
        """A text that is equal for two plans exactly when they give the same pixels.

        It holds no path: a config copied elsewhere with its LUTs is the same config.
        """
        parts = (
            self.pixels_hash or self.config_name,
            self.colorspace,
            self.linear,
            self.display_view or "sRGB",
            f"{self.exposure_stops:+g}",
        )
        return "|".join((*parts, "hdr") if self.hdr else parts)
