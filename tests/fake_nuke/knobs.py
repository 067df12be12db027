"""Knobs: values with the strictness of their kind. An edit is made on the main thread, and is a step of Undo."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .nodes import Node


class Knob:
    """What all kinds share."""

    default: Any = ""

    def __init__(self, node: Node, name: str, value: Any = None) -> None:
        self._node, self._name = node, name
        self._value = self.default if value is None else self.checked(value)
        self._enabled = True

    def checked(self, value: Any) -> Any:
        if not isinstance(value, str):
            raise TypeError(f"{self._name}: {value!r} is no text")
        return value

    def name(self) -> str:
        return self._name

    def value(self) -> Any:
        return self._value

    def getValue(self) -> Any:
        return self._value

    def setValue(self, val: Any, /) -> bool:
        value = self.checked(val)
        self._node.fake.edit(f"{self._node.name()}.{self._name}")
        self._value = value
        return True

    def setEnabled(self, enabled: bool) -> None:
        self._node.fake.edit_of_panel()
        self._enabled = enabled

    def enabled(self) -> bool:
        return self._enabled


class String_Knob(Knob):
    def value(self) -> str:
        return str(self._value)


class Text_Knob(Knob):
    """Words in a panel: setting them is no edit of the script."""

    def setValue(self, val: Any, /) -> bool:
        self._node.fake.edit_of_panel()
        self._value = self.checked(val)
        return True


class Script_Knob(String_Knob):
    def execute(self) -> None:
        """As when it is clicked, or by `node[...].execute()`: a name that was not imported fails."""
        fake = self._node.fake
        with fake.this(self._node):
            exec(self._value, {"nuke": fake.module})


class PyScript_Knob(Script_Knob):
    """One whose script is Python."""


class File_Knob(String_Knob):
    def getEvaluatedValue(self) -> str:
        """Its TCL done, and its frame number in technical notation."""
        text = self._value
        for command, result in self._node.fake.tcl.items():
            text = text.replace(f"[{command}]", result)
        if "[" in text:
            raise RuntimeError(f"{text}: no such TCL command here")
        return re.sub(r"#+", lambda hashes: f"%0{len(hashes[0])}d", text)


class Enumeration_Knob(Knob):
    def __init__(
        self, node: Node, name: str, values: tuple[str, ...], value: str | None = None
    ) -> None:
        self._values = values
        super().__init__(node, name, values[0] if value is None else value)

    def checked(self, value: Any) -> str:
        if value not in self._values:
            raise ValueError(f"{self._name}: {value!r} is none of {self._values}")
        return str(value)

    def values(self) -> list[str]:
        return list(self._values)


class Boolean_Knob(Knob):
    default = False

    def checked(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise TypeError(f"{self._name}: {value!r} is no boolean")
        return value


class Int_Knob(Knob):
    default = 0

    def checked(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{self._name}: {value!r} is no whole number")
        return value


class Double_Knob(Knob):
    default = 0.0

    def checked(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{self._name}: {value!r} is no number")
        return float(value)


class XY_Knob(Knob):
    default = (0.0, 0.0)

    def value(self, n: int, /) -> float:  # type: ignore[override]
        return float(self._value[n])

    def setValue(self, val: Any, chan: int, /) -> bool:  # type: ignore[override]
        self._node.fake.edit(f"{self._node.name()}.{self._name}")
        self._value = tuple(float(val) if n == chan else old for n, old in enumerate(self._value))
        return True


class Array_Knob(Double_Knob):
    """A number that may have an expression of the frame in its place."""

    expression: str | None = None

    def setExpression(self, expression: str) -> bool:
        self._node.fake.edit(f"{self._node.name()}.{self._name}")
        self.expression = expression
        self.at(0)
        return True

    def clearAnimated(self) -> bool:
        self._node.fake.edit(f"{self._node.name()}.{self._name}")
        self.expression = None
        return True

    def at(self, frame: int) -> float:
        """Its value there; an expression with anything but frames and logic in it is refused."""
        if self.expression is None:
            return float(self._value)
        if not re.fullmatch(r"[!()&|<>=\d\s-]+", self.expression.replace("frame", "")):
            raise RuntimeError(f"{self.expression}: cannot be parsed")
        python = self.expression.replace("&&", " and ").replace("||", " or ").replace("!", " not ")
        return float(eval(python, {"frame": frame}))


class Channel_Knob(String_Knob):
    def checked(self, value: Any) -> str:
        if not re.fullmatch(r"[A-Za-z]\w*(\.\w+)?", str(value)):
            raise ValueError(f"{self._name}: {value!r} is no channel")
        return str(value)


#: By the number that `addUserKnob` has for a kind.
USER_KNOBS: dict[int, type[Knob]] = {
    1: String_Knob,
    2: File_Knob,
    3: Int_Knob,
    6: Boolean_Knob,
    7: Double_Knob,
    12: XY_Knob,
    22: PyScript_Knob,
    26: Text_Knob,
}
