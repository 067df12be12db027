"""The colours of what is connected to the Nuke node, by the Read's knobs and the script's colour management."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nuke_kit import NukeSession, start_nuke

__all__ = ["start_nuke"]

Start = Callable[..., NukeSession]


def _request(session: NukeSession, node: Any) -> dict[str, Any]:
    """What the worker would be asked for."""
    return dict(session.rendering._asked(node, overwrite=False).request)


@pytest.mark.parametrize(
    ("management", "knobs", "colorspace"),
    [
        ("Nuke", {"colorspace": "default (linear)"}, "lin_rec709"),
        ("Nuke", {"colorspace": "AlexaV3LogC"}, "ARRI LogC3 (EI800)"),
        ("Nuke", {"raw": True}, "lin_rec709"),
        ("OCIO", {"colorspace": "scene_linear (ACES - ACEScg)"}, "ACES - ACEScg"),
        ("OCIO", {"colorspace": "Input/ARRI/ARRI LogC4"}, "ARRI LogC4"),
        ("OCIO", {"colorspace": "ARRI LogC3 (EI800)"}, "ARRI LogC3 (EI800)"),
        ("OCIO", {"raw": True}, "scene_linear"),
        ("OCIO", {"colorspace": "default"}, None),
    ],
)
def test_the_colours_are_the_reads(
    start_nuke: Start, management: str, knobs: dict[str, Any], colorspace: str | None
) -> None:
    session = start_nuke()
    session.nuke.root["colorManagement"]._value = management
    node = session.node(session.read(1, **knobs))
    assert _request(session, node)["job"]["settings"]["colorspace"] == colorspace
    session.nuke.set(node, "colorspace", "ACEScct")
    assert _request(session, node)["job"]["settings"]["colorspace"] == "ACEScct"


def test_every_colour_that_is_named_for_nuke_is_in_the_renderers_config(start_nuke: Start) -> None:
    import PyOpenColorIO

    start_nuke()
    import flashdepth_nuke.assumptions as nuke_has

    from flashdepth_vfx.color.config import BUILT_IN

    config = PyOpenColorIO.Config.CreateFromFile(BUILT_IN)
    for name in (*nuke_has.COLORSPACES.values(), nuke_has.WORKING_NUKE, nuke_has.WORKING_OCIO):
        assert config.getColorSpace(name) is not None, name


def test_a_config_of_the_script_is_the_renderers(start_nuke: Start, tmp_path: Path) -> None:
    session = start_nuke()
    root = session.nuke.root
    root["colorManagement"]._value = "OCIO"
    root["OCIO_config"]._value = "custom"
    root["customOCIOConfigPath"]._value = str(tmp_path / "show.ocio")
    node = session.node(session.read(1, colorspace="show_log"))
    settings = _request(session, node)["job"]["settings"]
    assert (settings["ocio"], settings["colorspace"]) == (str(tmp_path / "show.ocio"), "show_log")


def test_a_curve_without_a_name_is_refused_in_words(start_nuke: Start) -> None:
    session = start_nuke()
    node = session.node(session.read(1, colorspace="PLogLin"))
    session.render(node)
    assert "no name for Nuke's colour space 'PLogLin'" in session.nuke.said[0]
