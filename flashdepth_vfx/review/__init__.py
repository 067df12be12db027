"""Looking at depth that is there: what a pass holds, what to remark of it, how two of them differ.

files ─▶ passes ─▶ measure ─▶ findings ─▶ report ─▶ page    one pass
manifests ─▶ records ────────────┘
two passes ─▶ compare ─▶ compare_page                      two of them
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flashdepth_vfx.lazy import public_names

if TYPE_CHECKING:
    from flashdepth_vfx.review.compare import Comparison as Comparison
    from flashdepth_vfx.review.compare import FrameDifference as FrameDifference
    from flashdepth_vfx.review.compare import compare_passes as compare_passes
    from flashdepth_vfx.review.compare_page import write_comparison as write_comparison
    from flashdepth_vfx.review.measure import FrameMeasure as FrameMeasure
    from flashdepth_vfx.review.page import write_report as write_report
    from flashdepth_vfx.review.passes import DepthPass as DepthPass
    from flashdepth_vfx.review.passes import find_passes as find_passes
    from flashdepth_vfx.review.preview import write_preview as write_preview
    from flashdepth_vfx.review.report import PassReport as PassReport

_HOME = {
    "Comparison": "compare",
    "DepthPass": "passes",
    "FrameDifference": "compare",
    "FrameMeasure": "measure",
    "PassReport": "report",
    "compare_passes": "compare",
    "find_passes": "passes",
    "write_comparison": "compare_page",
    "write_preview": "preview",
    "write_report": "page",
}

__all__ = sorted(_HOME)

__getattr__, __dir__ = public_names(__name__, _HOME)
