"""From a plate's colour space to what the network was trained on: display-encoded sRGB in 0..1.

`plan_color` decides, once for a shot; the `ColorPlan` it returns can be logged, written to a job
and sent to another machine. `ColorTransform` is made from a plan and does the work.
"""

from __future__ import annotations

from flashdepth_vfx.color.choose import plan_color
from flashdepth_vfx.color.plan import ColorPlan
from flashdepth_vfx.color.transform import ColorTransform, Each

__all__ = ["ColorPlan", "ColorTransform", "Each", "plan_color"]
