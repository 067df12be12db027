"""A Nuke of a few hundred lines that does less than the real one and forgives nothing.

What the real one refuses, or hangs on, is an error here: edits from another thread, `executeInMainThread` from the
main one, knobs and values that are not there, dialogs without a GUI. Pictures are real: Reads read EXRs, Writes write
them. `tests/test_nuke_contract.py` holds every name and signature to Nuke's type stubs.
"""

from __future__ import annotations

from .module import FakeNuke

__all__ = ["FakeNuke"]
