"""Options as several commands have them: one that is not given sets nothing, so that defaults are the job's own."""

from __future__ import annotations

from typing import Any

import click

__all__ = ["DISTANCES", "compression_option", "flag", "number", "seconds", "text", "word"]

#: As the EXR writer has them, which help must not import: it would load the EXR library.
_LOSSLESS = ("none", "rle", "zips", "zip", "piz", "htj2k256", "htj2k32", "zstd")
_LOSSY = ("pxr24", "b44", "b44a", "dwaa", "dwab")
_COMPRESSIONS = (*_LOSSLESS, *_LOSSY)
_COMPRESSIONS_TEXT = ", ".join((*_LOSSLESS, *(f"{name} (lossy)" for name in _LOSSY)))


def text(*names: str, help: str, metavar: str | None = None) -> Any:  # noqa: A002
    """An option that takes a text."""
    return click.option(*names, metavar=metavar, help=help)


def number(*names: str, help: str) -> Any:  # noqa: A002
    """An option that takes a number."""
    return click.option(*names, type=float, help=help)


def seconds(*names: str, help: str) -> Any:  # noqa: A002
    """An option that takes seconds."""
    return click.option(*names, type=float, metavar="SECONDS", help=help)


def flag(*names: str, help: str) -> Any:  # noqa: A002
    """An option that takes nothing."""
    # Without a default, a flag that is not given leaves the field as it is.
    return click.option(*names, is_flag=True, default=None, help=help)


def word(*names: str, words: Any, default: str | None, help: str) -> Any:  # noqa: A002
    """An option that takes one of `words`; `default` is what the job has without it, in words."""
    told = help if default is None else f"{help}  [default: {default}]"
    return click.option(*names, type=click.Choice([str(one) for one in words]), help=told)


def compression_option(default: str) -> Any:
    """`--compression`."""
    return click.option(
        "--compression",
        type=click.Choice(_COMPRESSIONS),
        metavar="NAME",
        help=f"Compression of the EXRs: {_COMPRESSIONS_TEXT}.  [default: {default}]",
    )


#: What is known of a shot's distances.
DISTANCES = (
    click.option(
        "--anchor",
        "anchors",
        multiple=True,
        metavar="X,Y,FRAME=DISTANCE",
        help="A measured distance. Two or more.",
    ),
    number(
        "--near",
        help="How far the nearest of the whole input is, in scene units: with --far it calibrates. For a normalised"
        " convention, the range's near end.",
    ),
    number("--far", help="How far the farthest is; the range's far end."),
)
