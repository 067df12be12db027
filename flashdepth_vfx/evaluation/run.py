"""An evaluation from a job to a report: the one place where sets, models and measures meet.

One clip or film is in memory at a time, with a prediction of it and where its points go; of everything before it
there are numbers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial

from torch import Tensor

from flashdepth_vfx.errors import (
    CorruptPlateError,
    DeviceError,
    PlateError,
    SettingsError,
    WeightsError,
)
from flashdepth_vfx.evaluation.book import Book
from flashdepth_vfx.evaluation.contestants import baselines, open_model
from flashdepth_vfx.evaluation.films import FILMS, load_film
from flashdepth_vfx.evaluation.goals import FILM_PX, FILM_WORKING_PX
from flashdepth_vfx.evaluation.job import BASELINES, SETS, EvaluationJob
from flashdepth_vfx.evaluation.judge import Judge
from flashdepth_vfx.evaluation.photos import PHOTOS
from flashdepth_vfx.evaluation.report import Measures, Report, Speed, Unrest
from flashdepth_vfx.evaluation.sets import data_folder, describe, open_set
from flashdepth_vfx.evaluation.speed import frames_per_second
from flashdepth_vfx.evaluation.steady import drift, unrest
from flashdepth_vfx.evaluation.tables import report_text, report_to_plain
from flashdepth_vfx.io.atomic import atomic_write_bytes, make_folder
from flashdepth_vfx.measures.clip import TruthClip
from flashdepth_vfx.training.made import made_clips

__all__ = ["evaluate"]

#: Sets that have to be fetched, and those whose pictures are looked at in other working sizes too.
_FETCHED = ("levels", "photos", "films")
_SIZED = ("levels", *PHOTOS)
#: More scenes than are ever passed over, and the share of one that must not be sky.
_STILLS, _SOLID = 1000, 0.95


def evaluate(
    job: EvaluationJob,
    tell: Callable[[str], None],
    show: Callable[[str], None] = lambda what: None,
) -> Report:
    """Measure everything that `job` names, write `sheets/*.png`, `report.json` and `report.txt` into its folder.

    The report is written last: until then one of before lies there as it was. What is not here is left out; `tell`,
    which hears a line now and then, and the report say so, and how to get it. `show` hears what is being measured,
    clip by clip. Raises `LicenseError`, `WeightsError` (of a network that predicts no numbers too), `DeviceError`,
    `CorruptPlateError`, `OutputError`, and `SettingsError` where nothing at all could be measured.
    """
    began = time.perf_counter()
    models = [open_model(model, job.device, job.accept_license) for model in job.models]
    book = Book(job, models, tell, show)
    make_folder(job.output / "sheets")
    for name in SETS:
        if name in job.sets:
            started = time.perf_counter()
            _measure(book, name)
            tell(f"{name}: {time.perf_counter() - started:.0f} s")
    report = book.report(time.perf_counter() - began)
    if not (report.rows or report.films or report.speeds or report.drift_medians):
        raise SettingsError(f"nothing was measured: {'; '.join(report.skipped)}")
    plain = json.dumps(report_to_plain(report), indent=1)
    atomic_write_bytes(job.output / "report.json", f"{plain}\n".encode())
    atomic_write_bytes(job.output / "report.txt", f"{report_text(report)}\n".encode())
    return report


def _measure(book: Book, name: str) -> None:
    """One of `SETS`."""
    if name in _FETCHED:
        try:
            data_folder(book.job)
        except PlateError as error:
            book.skip(name, error)
            return
    match name:
        case "photos":
            # a photograph is a set of its own: what holds for one says little of the next
            for photo in PHOTOS:
                _measure_set(book, photo)
        case "films":
            for film in FILMS:
                _measure_film(book, film)
        case "drift":
            _measure_drift(book)
        case "speed":
            _measure_speed(book)
        case _:
            _measure_set(book, name)


def _measure_set(book: Book, name: str) -> None:
    try:
        clips = open_set(book.job, name, book.contestants[0].network.device.torch_device)
    except (PlateError, DeviceError) as error:
        _leave_out(book, name, error)
        return
    count = 0
    for number, clip in enumerate(clips):
        book.show(f"{name}: {clip.name}")
        count += _measure_clip(book, name, clip, _is_drawn(book.job, name, number))
    if count:
        book.sets[name] = describe(book.job, name, count)


def _leave_out(book: Book, what: str, error: PlateError | DeviceError) -> None:
    """What is not here, or cannot be drawn here; what is here and damaged is an error."""
    if isinstance(error, CorruptPlateError):
        raise error
    book.skip(what, error)


def _is_drawn(job: EvaluationJob, name: str, number: int) -> bool:
    """Whether a clip gets sheets: the first ones, of levels one of each."""
    step = job.clips_per_level if name == "levels" else 1
    return name in PHOTOS or (number % step == 0 and number < job.sheets * step)


def _measure_clip(book: Book, set_: str, clip: TruthClip, drawn: bool) -> bool:
    """Whether it shows anything to measure."""
    # it ends before the next clip is made: what it keeps takes more than the clip
    judge = Judge(clip)
    flat = judge.constant()
    if isinstance(flat, SettingsError):
        book.skip(f"{set_} {clip.name}", flat)
        return False
    book.add(set_, "constant", clip.name, flat)
    _measure_models(book, set_, judge, drawn)
    if set_ in _SIZED:
        _measure_sizes(book, set_, judge)
    return True


def _measure_models(book: Book, set_: str, judge: Judge, drawn: bool) -> None:
    clip = judge.clip
    for model, predict in _predictors(book).items():
        if model == "constant":
            continue
        predicted = predict(clip.rgb)
        book.add(set_, model, clip.name, _measures(model, predicted, judge))
        if drawn and model not in BASELINES:
            book.draw(set_, clip.name, clip.rgb, model, predicted)
    if drawn:
        book.draw(set_, clip.name, clip.rgb, "truth", clip.truth_100_per_m.clamp_min(0.0))


def _measure_sizes(book: Book, set_: str, judge: Judge) -> None:
    clip = judge.clip
    for side in book.job.long_sides_px:
        for contestant in book.contestants:
            model = contestant.model.name
            measures = _measures(model, contestant.predict(clip.rgb, side), judge)
            book.add(set_, model, clip.name, measures, side)


def _measures(model: str, predicted: Tensor, judge: Judge) -> Measures:
    """Of a clip that shows something to measure, so that it is the model that fails where this does."""
    try:
        return judge.measures(predicted)
    except SettingsError as error:
        raise WeightsError(f"{model} on {judge.clip.name}: {error}") from error


def _predictors(book: Book) -> dict[str, Callable[[Tensor], Tensor]]:
    """The rows of a table, in order."""
    return {**baselines(), **{c.model.name: c.predict for c in book.contestants}}


def _measure_film(book: Book, name: str) -> None:
    try:
        film = load_film(data_folder(book.job), name)
    except PlateError as error:
        _leave_out(book, f"film {name}", error)
        return
    for model, predict in _predictors(book).items():
        book.show(f"films: {name}, {model}")
        predicted = predict(film.rgb)
        book.films.append(Unrest(name, model, unrest(film.rgb, predicted)))
        if model not in BASELINES:
            book.draw(name, name, film.rgb, model, predicted)


def _measure_drift(book: Book) -> None:
    """Of the first model, before the first made scene without much sky, which stands still."""
    job, first = book.job, book.contestants[0]
    book.show(f"drift: {first.model.name}, {job.drift_frames} frames")
    stills = made_clips(0, _STILLS, 1, job.height_px, job.width_px, flicker=0.0)
    still = next(s for s in stills if float((s.truth_100_per_m > 0).float().mean()) > _SOLID)
    try:
        side = first.working_px(still.rgb)
        book.drift = drift(first.network.net, still.rgb[0], side, job.drift_frames)
    except SettingsError as error:
        book.skip("drift", error)


def _measure_speed(book: Book) -> None:
    """Of a film at a fixed working size, and of pictures like those of the sets at the model's own."""
    own = (book.job.width_px, book.job.height_px)
    for contestant in book.contestants:
        book.show(f"speed: {contestant.model.name}")
        for (width, height), asked in ((FILM_PX, FILM_WORKING_PX), (own, None)):
            predict = partial(contestant.predict, long_side_px=asked)
            rate = frames_per_second(predict, width, height)
            side = asked or contestant.facts.long_side_px or max(own)
            book.speeds.append(Speed(contestant.model.name, width, height, side, rate))
