"""The names of the data sets. Importing this imports nothing."""

from __future__ import annotations

__all__ = ["DATASETS", "STUDIO", "TESTED_ON", "TRAINED_ON"]

TRAINED_ON = ("mvs-synth", "spring", "tartanair", "pointodyssey", "dynamic-replica")
"""What the paper's models are trained on; the second stage on the first two alone."""

TESTED_ON = ("eth3d", "sintel", "waymo", "unreal4k", "urbansyn")
"""What the paper's tables are of."""

STUDIO = "studio"
"""A folder of a studio's own renders."""

DATASETS = (*TRAINED_ON, *TESTED_ON, STUDIO)
"""The names that `open_dataset` takes."""
