"""Versions, in one place that imports nothing."""

VERSION = "0.1.0"
#: Grows when the same plates, weights and settings would give other pixels than before: states and
#: frames of different arithmetic are not joined.
ARITHMETIC = 1
