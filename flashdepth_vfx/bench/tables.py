"""A report as people read it, and as JSON for scripts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from flashdepth_vfx.bench.cores import CoresRow
from flashdepth_vfx.bench.length import LengthMark, LongShot
from flashdepth_vfx.bench.report import BenchReport, BenchRow
from flashdepth_vfx.bench.stages import Stages

__all__ = ["FORMAT", "cores_text", "length_text", "report_text", "report_to_plain", "row_to_plain"]

FORMAT = "flashdepth-bench/1"
_MIB = 2**20
_DRAWN = "weights drawn from a seed: their speed means something, their depth nothing"


def report_text(report: BenchReport) -> str:
    """Everything: a line for each row, then each row's stages and long shot, then the machine."""
    parts = [_summary(report.rows)]
    for row in report.rows:
        if row.stages is not None:
            parts.append(f"{_title(row)}, stage by stage\n{_stage_table(row, row.stages)}")
        if row.length:
            parts.append(f"{_title(row)}, a long shot\n{_length_table(row.length)}")
    if any(row.random_weights for row in report.rows):
        parts.append(f"random: {_DRAWN}")
    parts.append(f"flashdepth_vfx {report.version}, {report.measured_at}\n{report.machine.line()}")
    return "\n\n".join(parts)


def report_to_plain(report: BenchReport) -> dict[str, Any]:
    """As JSON can hold it: the values, and what is reckoned from them."""
    return {
        "format": FORMAT,
        "version": report.version,
        "measured_at": report.measured_at,
        "machine": dataclasses.asdict(report.machine),
        "rows": [row_to_plain(row) for row in report.rows],
    }


def row_to_plain(row: BenchRow | CoresRow) -> dict[str, Any]:
    """One row as plain values, in as many digits as mean something."""
    plain = dataclasses.asdict(row)
    plain |= {"size": str(row.size), "network_size": str(row.network_size)}
    if isinstance(row, CoresRow):
        plain["wall_over_network"] = row.wall_over_network
    else:
        plain["rate"]["network_ms"] = row.rate.network_ms
        plain["floors"]["bound_ms"] = row.floors.bound_ms
        plain["times_floor"] = row.times_floor
        if row.stages is not None:
            whole = {"sum_ms": row.stages.sum_ms, "unexplained_ms": row.stages.unexplained_ms}
            plain["stages"] |= whole
    rounded: dict[str, Any] = _rounded(plain)
    return rounded


def cores_text(rows: Sequence[CoresRow]) -> str:
    """The table of renders from disk to disk."""
    head = ["", "plate", "network", "cores", "render/s", "network/s", "codecs/s", "wall/network"]
    lines = (
        [
            row.weights,
            str(row.size),
            str(row.network_size),
            str(row.cores),
            f"{row.render_fps:.2f}",
            f"{row.network_fps:.2f}",
            f"{row.codec_fps:.2f}",
            f"{row.wall_over_network:.2f}",
        ]
        for row in rows
    )
    return _table([head, *lines])


def _summary(rows: Sequence[BenchRow]) -> str:
    head = ["", "plate", "network", "type", "frames/s", "from host", "frame ms", "floor ms"]
    head += ["times", "first depth s", "process MiB", "device MiB"]
    return _table([head, *(_summary_line(row) for row in rows)])


def _summary_line(row: BenchRow) -> list[str]:
    fresh = row.fresh
    return [
        row.weights,
        str(row.size),
        str(row.network_size),
        row.floors.dtype,
        f"{row.rate.on_device_fps:.2f}",
        f"{row.rate.from_host_fps:.2f}",
        f"{row.rate.network_ms:.2f}",
        f"{row.floors.bound_ms:.2f}",
        f"{row.times_floor:.1f}",
        "-" if fresh is None else f"{fresh.first_depth_s:.1f}",
        _mib(None if fresh is None else fresh.process_peak_bytes),
        _mib(None if fresh is None else fresh.device_peak_bytes),
    ]


def _stage_table(row: BenchRow, stages: Stages) -> str:
    whole = stages.whole_ms
    rate = row.floors.matmul_flops_per_s

    def line(name: str, ms: float, flops: int = 0) -> list[str]:
        gflop = f"{flops / 1e9:.2f}" if flops else ""
        of_rate = f"{100.0 * flops / rate / (ms / 1000.0):.0f}" if flops and ms > 0.0 else ""
        return [name, f"{ms:.2f}", f"{100.0 * ms / whole:.0f}", gflop, of_rate]

    flops = row.floors.flops_by_stage
    lines = [line(stage, ms, flops.get(stage, 0)) for stage, ms in stages.ms.items()]
    lines.append(line("sum", stages.sum_ms))
    lines.append(line("whole, unwatched", whole))
    lines.append(line("unexplained", stages.unexplained_ms))
    table = _table([["", "ms", "% of whole", "GFLOP", "% of matmul rate"], *lines])
    if stages.manner == "as rendered":
        return table
    return f"{table}\nthe engine calls no modules: its network was watched module by module"


def length_text(shot: LongShot) -> str:
    """The table of a long shot by itself."""
    title = f"{shot.weights}, {shot.size} (network {shot.network_size}), {shot.device}"
    return f"{title}\n{_length_table(shot.marks)}"


def _length_table(marks: Sequence[LengthMark]) -> str:
    head = ["frame", "ms", "process MiB", "device MiB"]
    lines = (
        [str(m.frame), f"{m.frame_ms:.2f}", _mib(m.process_bytes), _mib(m.device_bytes)]
        for m in marks
    )
    return _table([head, *lines])


def _title(row: BenchRow) -> str:
    return f"{row.weights}, {row.size} (network {row.network_size}), {row.device}"


def _mib(count: int | None) -> str:
    return "-" if count is None else f"{count / _MIB:.0f}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Lines of cells that line up: the first column to the left, numbers to the right."""
    return "\n".join(_lines(rows))


def _lines(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()


def _rounded(value: Any) -> Any:
    match value:
        case float():
            return float(f"{value:.6g}")
        case dict():
            return {key: _rounded(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_rounded(inner) for inner in value]
    return value
