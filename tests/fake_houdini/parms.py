"""Parameters: each is of a kind, and takes no value of another."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from . import errors

if TYPE_CHECKING:
    from .nodes import Node

_DEFAULTS: dict[str, Any] = {"integer": 0, "ordinal": 0, "toggle": 0, "button": 0, "float": 0.0}
_CALL = re.compile(r'(chs?)\("\.\./(\w+)"\)')


class Parm:
    """One parameter. `menu` are its tokens with their labels."""

    def __init__(
        self,
        node: Node,
        name: str,
        kind: str,
        default: Any = None,
        menu: dict[str, str] | None = None,
        callback: str = "",
    ) -> None:
        self._node, self._name, self._kind = node, name, kind
        self._menu, self._callback = menu or {}, callback
        self._expression: str | None = None
        self._value: Any = _DEFAULTS.get(kind, "")
        if isinstance(default, str) and default.startswith("="):
            self._expression = default[1:]
        elif default is not None:
            self._value = self._checked(default)

    def name(self) -> str:
        return self._name

    def path(self) -> str:
        return f"{self._node.path()}/{self._name}"

    def menuLabels(self) -> tuple[str, ...]:
        if not self._menu:
            raise errors.OperationFailed(f"{self.path()} has no menu")
        return tuple(self._menu.values())

    def set(self, value: Any) -> None:
        self._node.check_may_edit(self._name)
        self._expression = None
        self._value = self._checked(value)

    def setExpression(self, expression: str, language: Any) -> None:
        if language is not self._node.session.module.exprLanguage.Hscript:
            raise TypeError(f"{self.path()}: {language} is no language")
        self._node.check_may_edit(self._name)
        self._evaluated(expression)
        self._expression = expression

    def eval(self) -> Any:
        if self._expression is not None:
            return self._evaluated(self._expression)
        if isinstance(self._value, str):
            return self._node.session.expanded(self._value)
        return self._value

    def evalAsString(self) -> str:
        value = self.eval()
        if self._kind == "ordinal":
            return list(self._menu)[int(value)]
        return str(value)

    def unexpandedString(self) -> str:
        if not isinstance(self._value, str) or self._expression is not None:
            raise errors.OperationFailed(f"{self.path()} has no string to be expanded")
        return self._value

    def pressButton(self) -> None:
        if self._kind != "button":
            raise errors.OperationFailed(f"{self.path()} is no button")
        self.changed()

    def changed(self) -> None:
        """What Houdini does when a person has changed or pressed it."""
        if self._callback:
            self._node.session.call_back(self._node, self._callback)

    def _checked(self, value: Any) -> Any:
        match self._kind:
            case "float":
                if isinstance(value, int | float) and not isinstance(value, bool):
                    return float(value)
            case "integer" | "toggle" | "button":
                if isinstance(value, int) and (self._kind == "integer" or value in (0, 1)):
                    return int(value)
            case "ordinal":
                if isinstance(value, str) and value in self._menu:
                    return list(self._menu).index(value)
                if isinstance(value, int) and 0 <= value < len(self._menu):
                    return value
            case _:
                if isinstance(value, str) and (not self._menu or value in self._menu):
                    return value
        raise TypeError(f"{self.path()}: {value!r} is no value of a {self._kind}")

    def _evaluated(self, expression: str) -> Any:
        """The few expressions that nodes of ours use: a variable, `ch`, `chs`, `strcat` and a text."""
        if expression.startswith("$"):
            return float(self._node.session.expanded(expression))
        parts = re.fullmatch(r"strcat\((.+), (.+)\)", expression)
        if parts:
            return self._evaluated(parts[1]) + self._evaluated(parts[2])
        call = _CALL.fullmatch(expression)
        if call:
            parent = self._node.parent()
            parm = parent.parm(call[2]) if parent is not None else None
            if parm is None:
                raise errors.OperationFailed(f"{self.path()}: bad parameter reference {expression}")
            return parm.eval() if call[1] == "ch" else parm.evalAsString()
        if re.fullmatch(r'"[^"]*"', expression):
            return expression[1:-1]
        raise errors.OperationFailed(f"{self.path()}: cannot be evaluated: {expression}")
