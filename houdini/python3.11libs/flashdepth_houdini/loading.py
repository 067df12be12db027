"""Where the plugin lies, and what both hosts share, under the name that it is imported by."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

__all__ = ["PLUGIN", "load_host"]

#: The folder with packages/ and otls/: what an installation settled lies there. Links are not followed: an
#: installation may be made of them.
PLUGIN = Path(__file__).absolute().parents[2]
_HOST = "flashdepth_host"


def load_host() -> None:
    """Import it from beside the plugin, as an installation has it, or from the package of a checkout."""
    if _HOST in sys.modules:
        return
    places = (PLUGIN / _HOST, PLUGIN.parent / "flashdepth_vfx" / "host")
    place = next((one for one in places if one.is_dir()), None)
    if place is None:
        raise ImportError(f"{_HOST} is not beside {PLUGIN}: install the plugin again")
    spec = importlib.util.spec_from_file_location(
        _HOST, place / "__init__.py", submodule_search_locations=[str(place)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{place} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[_HOST] = module
    spec.loader.exec_module(module)
