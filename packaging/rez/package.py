"""flashdepth_vfx for rez: `rez-build --install` in this folder, then `rez-env flashdepth_vfx -- flashdepth --help`.

It is installed with all that it needs into the package itself, by pip, from $FLASHDEPTH_WHEELS (`make wheelhouse`)
where that is set, else from the index that pip knows. PyTorch is inside: nothing else in the environment should bring
one. Read by rez, which gives `early` and `env`.
"""

name = "flashdepth_vfx"
description = "Plates in, float depth EXRs out, with a state that is carried from frame to frame."
tools = ["flashdepth"]
requires = ["python-3.11+<3.14"]
build_command = "bash {root}/build.sh {install}"


@early()  # noqa: F821
def version():
    """The package's own, read from its source when rez builds it."""
    # Imported here: rez takes every name of this file for an attribute of the package.
    import ast
    from pathlib import Path

    tree = ast.parse(Path("../../flashdepth_vfx/version.py").read_text(encoding="utf-8"))
    return next(
        ast.literal_eval(n.value)
        for n in tree.body
        if isinstance(n, ast.Assign) and n.targets[0].id == "VERSION"
    )


def commands():
    """What an environment gets."""
    env.PYTHONPATH.append("{root}/python")  # noqa: F821
    env.PATH.append("{root}/python/bin")  # noqa: F821
