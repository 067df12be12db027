"""DialogScript: the text that says which parameters an operator has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|([{}\[\]])|([^\s{}\[\]"]+)|(#[^\n]*)')
KINDS = ("string", "file", "oppath", "integer", "float", "toggle", "ordinal", "button")
_FOLDERS = ("group", "multiparm")


@dataclass
class ParmText:
    """One parameter. Defaults that are expressions begin with `=`."""

    name: str
    label: str = ""
    kind: str = ""
    size: int = 1
    default: list[str] = field(default_factory=list)
    help: str = ""
    menu: dict[str, str] = field(default_factory=dict)
    disablewhen: str = ""
    range: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    folder: str = ""
    invisible: bool = False


@dataclass
class Dialog:
    """A whole script."""

    name: str = ""
    label: str = ""
    inputs: list[str] = field(default_factory=list)
    parms: list[ParmText] = field(default_factory=list)
    multiparms: dict[str, list[ParmText]] = field(default_factory=dict)

    def parm(self, name: str) -> ParmText:
        return next(one for one in self.parms if one.name == name)


def read_dialog(text: str) -> Dialog:
    """Raises `ValueError` for what is no DialogScript, and for words that nobody here knows."""
    tokens = _Tokens(text)
    dialog = Dialog()
    tokens.take("{")
    while (word := tokens.next()) != "}":
        match word:
            case "name" | "label":
                setattr(dialog, word, tokens.next())
            case "script":
                tokens.next()
            case "help":
                tokens.block()
            case "inputlabel":
                tokens.next()
                dialog.inputs.append(tokens.next())
            case "parm":
                dialog.parms.append(_parm(tokens, ""))
            case "group" | "multiparm":
                _folder(word, tokens, dialog)
            case _:
                raise ValueError(f"DialogScript has no '{word}'")
    tokens.end()
    _check(dialog)
    return dialog


class _Tokens:
    def __init__(self, text: str) -> None:
        self._all = list(self._read(text))
        self._at = 0

    @staticmethod
    def _read(text: str) -> Iterator[str]:
        at = 0
        while at < len(text):
            if text[at].isspace():
                at += 1
                continue
            found = _TOKEN.match(text, at)
            if found is None:
                raise ValueError(f"DialogScript cannot be read at {text[at : at + 30]!r}")
            at = found.end()
            if found[4] is None:
                quoted = found[1]
                yield found[0] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)

    def next(self) -> str:
        if self._at >= len(self._all):
            raise ValueError("DialogScript ends too early")
        self._at += 1
        return self._all[self._at - 1]

    def take(self, wanted: str) -> None:
        if (found := self.next()) != wanted:
            raise ValueError(f"DialogScript has '{found}' in place of '{wanted}'")

    def block(self) -> list[str]:
        self.take("{")
        found: list[str] = []
        while (word := self.next()) != "}":
            found.append(word)
        return found

    def end(self) -> None:
        if self._at != len(self._all):
            raise ValueError("DialogScript goes on after its end")


def _folder(kind: str, tokens: _Tokens, dialog: Dialog) -> None:
    tokens.take("{")
    name, parms = "", []
    while (word := tokens.next()) != "}":
        match word:
            case "name":
                name = tokens.next()
            case "label" | "default":
                tokens.next()
            case "invisible":
                continue
            case "parm":
                parms.append(_parm(tokens, name))
            case _:
                raise ValueError(f"a {kind} has no '{word}'")
    if kind == "multiparm":
        dialog.multiparms[name] = parms
    else:
        dialog.parms += parms


def _parm(tokens: _Tokens, folder: str) -> ParmText:
    tokens.take("{")
    found: dict[str, Any] = {"folder": folder, "tags": {}}
    while (word := tokens.next()) != "}":
        match word:
            case "name" | "label" | "help" | "disablewhen":
                found[word] = tokens.next()
            case "type":
                found["kind"] = tokens.next()
            case "size":
                found["size"] = int(tokens.next())
            case "invisible" | "joinnext":
                found["invisible"] = word == "invisible"
            case "default":
                found["default"] = _defaults(tokens.block())
            case "range":
                found["range"] = tuple(tokens.block())
            case "menu":
                words = tokens.block()
                found["menu"] = dict(zip(words[::2], words[1::2], strict=True))
            case "parmtag":
                name, value = tokens.block()
                found["tags"][name] = value
            case _:
                raise ValueError(f"a parm has no '{word}'")
    return ParmText(**found)


def _defaults(words: list[str]) -> list[str]:
    """`[ "$FEND" ]` is an expression, all else a value."""
    found: list[str] = []
    at = 0
    while at < len(words):
        if words[at] == "[":
            found.append(f"={words[at + 1]}")
            at += 3
        else:
            found.append(words[at])
            at += 1
    return found


def _check(dialog: Dialog) -> None:
    names = [one.name for one in dialog.parms]
    if len(names) != len(set(names)):
        raise ValueError("two parms have one name")
    for one in dialog.parms:
        if one.kind not in KINDS:
            raise ValueError(f"{one.name}: no kind of parm is called '{one.kind}'")
        if not re.fullmatch(r"[A-Za-z_]\w*", one.name):
            raise ValueError(f"{one.name}: no name of a parm")
        if len(one.default) != one.size:
            raise ValueError(f"{one.name}: has {len(one.default)} defaults, and size {one.size}")
        if one.menu and not one.default[0].startswith("=") and one.default[0] not in one.menu:
            raise ValueError(f"{one.name}: its default is none of its menu")
        for condition in re.findall(r"\{([^}]*)\}", one.disablewhen):
            about, sign, value = condition.split()
            if about not in names or sign not in ("==", "!="):
                raise ValueError(f"{one.name}: cannot be disabled when {condition}")
            menu = dialog.parm(about).menu
            if menu and value.strip('"') and value not in menu:
                raise ValueError(f"{one.name}: {about} is never {value}")
