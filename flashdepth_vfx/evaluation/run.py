"""An evaluation from a job to a report: the one place where sets, models and measures meet.

One clip is in memory at a time, with its predictions; of everything before it there are numbers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial

from torch import Tensor

from flashdepth_vfx.errors import SettingsError
from flashdepth_vfx.evaluation.book import Book, constant_measures, measures_of
from flashdepth_vfx.evaluation.clip import TruthClip
from flashdepth_vfx.evaluation.contestants import baselines, open_model
from flashdepth_vfx.evaluation.films import load_films
from flashdepth_vfx.evaluation.goals import FILM_PX, FILM_WORKING_PX, report_text, whole_report
from flashdepth_vfx.evaluation.job import SETS, EvaluationJob
from flashdepth_vfx.evaluation.made import made_clips
from flashdepth_vfx.evaluation.report import Report, Speed, Unrest
from flashdepth_vfx.evaluation.sets import UNMEASURED, data_folder, describe, is_missing, open_set
from flashdepth_vfx.evaluation.speed import frames_per_second
from flashdepth_vfx.evaluation.steady import drift, unrest
from flashdepth_vfx.io.atomic import atomic_write_bytes, make_folder

__all__ = ["evaluate"]

#: Sets whose pictures are looked at in other working sizes too.
_SIZED = ("levels", "photos")
#: More scenes than are ever passed over, and the share of one that must not be sky.
_STILLS, _SOLID = 1000, 0.95


def evaluate(job: EvaluationJob, tell: Callable[[str], None]) -> Report:
    """Measure everything that `job` names, write `report.json`, `report.txt` and `sheets/*.png` into its folder.

    A set that is not here is left out; `tell`, which hears a line now and then, and the report say so, and how to
    get it. Raises `LicenseError`, `WeightsError`, `DeviceError`, `CorruptPlateError`, `OutputError`, and
    `SettingsError` where nothing at all could be measured.
    """
    began = time.perf_counter()
    make_folder(job.output / "sheets")
    book = Book(job, [open_model(model, job) for model in job.models], tell)
    for name in SETS:
        if name in job.sets:
            started = time.perf_counter()
            _PARTS.get(name, partial(_measure_set, name=name))(book)
            tell(f"{name}: {time.perf_counter() - started:.0f} s")
    report = book.report(time.perf_counter() - began)
    if not (report.rows or report.films or report.speeds or report.drift_medians):
        raise SettingsError(f"nothing was measured: {'; '.join(report.skipped)}")
    plain = json.dumps(whole_report(report), indent=1)
    atomic_write_bytes(job.output / "report.json", f"{plain}\n".encode())
    atomic_write_bytes(job.output / "report.txt", f"{report_text(report)}\n".encode())
    return report


def _measure_set(book: Book, name: str) -> None:
    try:
        clips = open_set(book.job, name, book.contestants[0].network.device.torch_device)
        first = next(clips)
    except UNMEASURED as error:
        if not is_missing(error):
            raise
        book.skip(name, error)
        return
    counts: dict[str, int] = {}
    for number, clip in enumerate(_chain(first, clips)):
        flat = constant_measures(clip)
        if isinstance(flat, SettingsError):
            book.skip(name, flat)
            continue
        # a photograph is a set of its own: what holds for one says little of the next
        set_ = clip.name if name == "photos" else name
        book.add(set_, "constant", clip.name, flat)
        _measure_clip(book, set_, clip, _is_drawn(book.job, name, number))
        counts[set_] = counts.get(set_, 0) + 1
        if name in _SIZED:
            _measure_sizes(book, set_, clip)
    book.sets |= {set_: describe(book.job, set_, count) for set_, count in counts.items()}


def _chain(first: TruthClip, rest: Iterator[TruthClip]) -> Iterator[TruthClip]:
    yield first
    yield from rest


def _is_drawn(job: EvaluationJob, name: str, number: int) -> bool:
    """Whether a clip gets sheets: all photographs, and the first clips, of levels one of each."""
    step = job.clips_per_level if name == "levels" else 1
    return name == "photos" or (number % step == 0 and number < job.sheets * step)


def _measure_clip(book: Book, set_: str, clip: TruthClip, drawn: bool) -> None:
    for model, predict in _predictors(book).items():
        if model == "constant":
            continue
        predicted = predict(clip.rgb)
        book.add(set_, model, clip.name, measures_of(predicted, clip))
        if drawn and model not in baselines():
            book.draw(set_, clip.name, clip.rgb, model, predicted)
    if drawn:
        book.draw(set_, clip.name, clip.rgb, "truth", clip.truth_100_per_m.clamp_min(0.0))


def _measure_sizes(book: Book, set_: str, clip: TruthClip) -> None:
    for side in book.job.long_sides_px:
        for contestant in book.contestants:
            measures = measures_of(contestant.predict(clip.rgb, side), clip)
            book.add(set_, contestant.model.name, clip.name, measures, side)


def _predictors(book: Book) -> dict[str, Callable[[Tensor], Tensor]]:
    """The rows of a table, in order."""
    return {**baselines(), **{c.model.name: c.predict for c in book.contestants}}


def _films(book: Book) -> None:
    try:
        films = load_films(data_folder(book.job))
    except UNMEASURED as error:
        if not is_missing(error):
            raise
        book.skip("films", error)
        return
    for film in films:
        for model, predict in _predictors(book).items():
            predicted = predict(film.rgb)
            book.films.append(Unrest(film.name, model, unrest(film.rgb, predicted)))
            if model not in baselines():
                book.draw(film.name, film.name, film.rgb, model, predicted)


def _drift(book: Book) -> None:
    """Of the first model, before the first made scene without much sky, which stands still."""
    job, first = book.job, book.contestants[0]
    stills = made_clips(0, _STILLS, 1, job.height_px, job.width_px, flicker=0.0)
    still = next(s for s in stills if float((s.truth_100_per_m > 0).float().mean()) > _SOLID)
    try:
        side = first.working_px(still.rgb)
        found = drift(first.network.net, still.rgb[0], side, job.drift_frames)
    except SettingsError as error:
        book.skip("drift", error)
        return
    book.drift = {"drift_percent": found.percent, "drift_medians": found.medians}


def _speeds(book: Book) -> None:
    """Of a film at a fixed working size, and of pictures like those of the sets at the model's own."""
    own = (book.job.width_px, book.job.height_px)
    for contestant in book.contestants:
        for (width, height), asked in ((FILM_PX, FILM_WORKING_PX), (own, None)):
            predict = partial(contestant.predict, long_side_px=asked)
            rate = frames_per_second(predict, width, height)
            side = asked or contestant.facts.long_side_px or max(own)
            book.speeds.append(Speed(contestant.model.name, width, height, side, rate))


_PARTS: dict[str, Callable[[Book], None]] = {"films": _films, "drift": _drift, "speed": _speeds}
