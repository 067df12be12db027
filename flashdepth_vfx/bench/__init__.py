"""How long a frame takes, where, and how far that is from what the machine could do.

Public names load on first use: importing this imports no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flashdepth_vfx.lazy import public_names

if TYPE_CHECKING:
    from flashdepth_vfx.bench.cores import CoresRow as CoresRow
    from flashdepth_vfx.bench.cores import end_to_end as end_to_end
    from flashdepth_vfx.bench.job import BenchJob as BenchJob
    from flashdepth_vfx.bench.job import Size as Size
    from flashdepth_vfx.bench.job import default_size as default_size
    from flashdepth_vfx.bench.job import default_weights as default_weights
    from flashdepth_vfx.bench.job import parse_size as parse_size
    from flashdepth_vfx.bench.length import LengthMark as LengthMark
    from flashdepth_vfx.bench.length import LongShot as LongShot
    from flashdepth_vfx.bench.length import long_shot as long_shot
    from flashdepth_vfx.bench.like_reference import ReferencePass as ReferencePass
    from flashdepth_vfx.bench.like_reference import time_like_reference as time_like_reference
    from flashdepth_vfx.bench.machine import Machine as Machine
    from flashdepth_vfx.bench.machine import this_machine as this_machine
    from flashdepth_vfx.bench.record import make_folder as make_folder
    from flashdepth_vfx.bench.record import write_record as write_record
    from flashdepth_vfx.bench.record import write_report as write_report
    from flashdepth_vfx.bench.report import BenchReport as BenchReport
    from flashdepth_vfx.bench.report import BenchRow as BenchRow
    from flashdepth_vfx.bench.run import run_bench as run_bench
    from flashdepth_vfx.bench.tables import cores_text as cores_text
    from flashdepth_vfx.bench.tables import length_text as length_text
    from flashdepth_vfx.bench.tables import report_text as report_text
    from flashdepth_vfx.bench.tables import report_to_plain as report_to_plain
    from flashdepth_vfx.bench.tables import row_to_plain as row_to_plain

_HOME = {
    "BenchJob": "job",
    "BenchReport": "report",
    "BenchRow": "report",
    "CoresRow": "cores",
    "LengthMark": "length",
    "LongShot": "length",
    "Machine": "machine",
    "ReferencePass": "like_reference",
    "Size": "job",
    "cores_text": "tables",
    "default_size": "job",
    "default_weights": "job",
    "end_to_end": "cores",
    "length_text": "tables",
    "long_shot": "length",
    "make_folder": "record",
    "parse_size": "job",
    "report_text": "tables",
    "report_to_plain": "tables",
    "row_to_plain": "tables",
    "run_bench": "run",
    "this_machine": "machine",
    "time_like_reference": "like_reference",
    "write_record": "record",
    "write_report": "record",
}

__all__ = sorted(_HOME)

__getattr__, __dir__ = public_names(__name__, _HOME)
