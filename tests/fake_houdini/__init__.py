"""A Houdini of a few hundred lines that does less than the real one and forgives nothing.

What the real one refuses is an error here: kinds of nodes, parameters and values that are not there, contents that
are locked, dialogs without a UI, work on another thread than Houdini's. Digital assets are read from their folders,
files are real, and work items are processes. `tests/test_houdini_contract.py` holds every name of `hou` to its stubs.
"""

from __future__ import annotations

from .session import FakeHoudini

__all__ = ["FakeHoudini"]
