"""Points with their attributes, and matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import errors

if TYPE_CHECKING:
    from .session import FakeHoudini


class Geometry:
    """Points in order. `attributes` are arrays by name, as a test looks at them."""

    def __init__(self, session: FakeHoudini) -> None:
        self._session = session
        self.clear_all()

    def clear_all(self) -> None:
        self.positions = np.zeros((0, 3))
        self.attributes: dict[str, np.ndarray] = {}
        self._defaults: dict[str, Any] = {}

    def clear(self) -> None:
        self._check()
        self.clear_all()

    def addAttrib(self, type: Any, name: str, default_value: Any) -> None:  # noqa: A002
        self._check()
        if type is not self._session.module.attribType.Point:
            raise TypeError(f"{type} is no kind of attribute")
        if name in self._defaults:
            raise errors.OperationFailed(f"there is an attribute {name}")
        self._defaults[name] = default_value

    def createPoints(self, point_positions: Sequence[Sequence[float]]) -> None:
        self._check()
        if any(len(one) != 3 for one in point_positions):
            raise errors.OperationFailed("a position has three numbers")
        self.positions = np.array(point_positions, np.float64).reshape(-1, 3)
        for name, default in self._defaults.items():
            shape = (len(self.positions), *np.shape(default))
            self.attributes[name] = np.broadcast_to(np.array(default, np.float32), shape)

    def setPointFloatAttribValuesFromString(
        self, name: str, values: bytes, float_type: Any
    ) -> None:
        self._check()
        if name not in self.attributes:
            raise errors.OperationFailed(f"there is no attribute {name}")
        if float_type is not self._session.module.numericData.Float32:
            raise TypeError(f"{float_type} is no kind of number")
        there = self.attributes[name]
        if not isinstance(values, bytes) or len(values) != there.size * 4:
            raise errors.OperationFailed(f"{name}: not as many values as points have")
        self.attributes[name] = np.frombuffer(values, np.float32).reshape(there.shape)

    def intrinsicValue(self, intrinsic_name: str) -> int:
        return {"pointcount": len(self.positions)}[intrinsic_name]

    def _check(self) -> None:
        if self._session.cooked is None:
            raise errors.PermissionError("geometry is changed in its node's cook alone")


class Matrix4:
    """Of row vectors."""

    def __init__(self, values: Any = None) -> None:
        self._values = np.eye(4) if values is None else np.array(values, np.float64)

    def asTuple(self) -> tuple[float, ...]:
        return tuple(float(one) for one in self._values.ravel())
