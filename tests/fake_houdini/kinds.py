"""Kinds of nodes that Houdini has by itself, with the parameters that are used: what `assumptions` has of them."""

from __future__ import annotations

from typing import Any

_GENERATE = {
    "0": "Automatic",
    "1": "All Upstream Items are Generated",
    "2": "All Upstream Items are Cooked",
    "3": "Each Upstream Item is Cooked",
}
_CACHE = {"0": "Automatic", "1": "Read Files", "2": "Write Files"}

#: Which operators a network of a kind has inside of it.
TABLE_OF = {"obj": "Object", "topnet": "Top", "copnet": "Cop", "geo": "Sop"}

#: By table and kind: parameters as (name, kind, menu).
KINDS: dict[str, dict[str, list[tuple[str, str, dict[str, str] | None]]]] = {
    "Object": {
        "topnet": [],
        "copnet": [],
        "geo": [],
        "cam": [("focal", "float", None), ("aperture", "float", None)],
    },
    "Top": {
        "filepattern": [("pattern", "string", None)],
        "output": [],
        "pythonprocessor": [
            ("generate", "string", None),
            ("addinternaldependencies", "string", None),
            ("pdg_workitemgeneration", "ordinal", _GENERATE),
            ("pdg_cachemode", "ordinal", _CACHE),
        ],
    },
    "Cop": {
        "file": [
            ("filename", "file", None),
            ("aovs", "integer", None),
            ("aov1", "string", None),
            ("reload", "button", None),
        ],
        "outputs": [],
        "pythonsnippet": [
            ("python", "string", None),
            ("inputs", "integer", None),
            ("outputs", "integer", None),
            ("bindings", "integer", None),
        ],
    },
    "Sop": {"python": [("python", "string", None)]},
}

#: Nodes that a subnet has from the beginning.
INSIDE = {"Top": {"output0": "output"}, "Cop": {"outputs": "outputs"}, "Sop": {}}

_WORDS = {"float": "float", "string": "string"}
#: Parameters of multiparms, by the kind of node, the parameter that counts them, and what one of them has.
MULTI: dict[str, dict[str, list[tuple[str, str, dict[str, Any] | None]]]] = {
    "pythonsnippet": {
        "inputs": [("input#_name", "string", None), ("input#_type", "string", _WORDS)],
        "outputs": [("output#_name", "string", None), ("output#_type", "string", _WORDS)],
        "bindings": [
            ("bindings#_name", "string", None),
            ("bindings#_type", "string", _WORDS),
            ("bindings#_fval", "float", None),
            ("bindings#_sval", "string", None),
        ],
    }
}
