"""Nuke reads this in every mode: it puts what both hosts share on the path. What fails is said."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path

import nuke

#: As it is called where it lies beside the plugin.
_HOST = "flashdepth_host"


def _load_host(here: Path) -> None:
    """In a checkout what both hosts share lies in the package; an installed plugin has a copy beside it."""
    in_checkout = here.parent / "flashdepth_vfx" / "host"
    if (here / _HOST).is_dir() or not in_checkout.is_dir():
        return
    spec = importlib.util.spec_from_file_location(
        _HOST, in_checkout / "__init__.py", submodule_search_locations=[str(in_checkout)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{in_checkout} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[_HOST] = module
    spec.loader.exec_module(module)


try:
    _here = Path(__file__).absolute().parent
    if str(_here) not in sys.path:
        sys.path.append(str(_here))
    _load_host(_here)
except Exception:  # noqa: BLE001 - a plugin that fails must not stop Nuke
    nuke.tprint("FlashDepth cannot be loaded:\n" + traceback.format_exc())
