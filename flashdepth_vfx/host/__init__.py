"""What runs inside a host: Nuke's and Houdini's plugins share it, and it computes nothing.

    values of a node ─ settings ─▶ request ─ session ─▶ worker process ─▶ depth EXRs
                                                  ◀─ progress ─┘

Standard library only, and the syntax of Python 3.9: a host's Python is the host's. It knows nothing of the rest of
the package, so a copy of this folder beside a plugin, called `flashdepth_host`, is all that a host needs.
"""

from __future__ import annotations
