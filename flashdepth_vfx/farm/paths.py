"""Path mapping: where a machine of the farm has what the plan's paths name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from msgspec import UNSET

from flashdepth_vfx.errors import PlanError
from flashdepth_vfx.farm.anywhere import FILES
from flashdepth_vfx.farm.plates import PlatesStep
from flashdepth_vfx.farm.tasks import FarmPlan, PlannedShot, ShotPage
from flashdepth_vfx.job import ConvertJob, RenderJob

__all__ = ["PathMapping", "Rule"]

#: Of a file of Open Job Description.
_VERSION = "pathmapping-1.0"
_FORMATS: Mapping[str, type[PurePath]] = {"POSIX": PurePosixPath, "WINDOWS": PureWindowsPath}


@dataclass(frozen=True)
class Rule:
    """What begins with `source`, a folder there, begins with `destination` here. `windows`: its letters' case and the
    way its slashes lean do not count.
    """

    source: str
    destination: str
    windows: bool = False

    def apply(self, path: str) -> str | None:
        """The path here; None where the rule does not speak of it."""
        kind = PureWindowsPath if self.windows else PurePosixPath
        try:
            rest = kind(path).relative_to(kind(self.source))
        except ValueError:
            return None
        ending = "/" if path.endswith(("/", "\\") if self.windows else "/") else ""
        return str(Path(self.destination, *rest.parts)) + ending


@dataclass(frozen=True)
class PathMapping:
    """Rules; of several that fit, the longest source decides."""

    rules: tuple[Rule, ...] = ()

    @classmethod
    def load(cls, path: Path) -> PathMapping:
        """Read a file of Open Job Description's path mapping rules. Raises `PlanError` that names it."""
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise PlanError(f"{path}: cannot be read ({error.strerror or error})") from error
        except ValueError as error:
            raise PlanError(f"{path}: is no JSON: {error}") from error
        # A session without rules has an empty object.
        if plain == {}:
            return cls()
        try:
            if plain["version"] != _VERSION:
                raise PlanError(f"{path}: is of version {plain['version']}, and not {_VERSION}")
            return cls(tuple(_rule(rule) for rule in plain["path_mapping_rules"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise PlanError(f"{path}: holds no path mapping rules ({error!r})") from error

    @classmethod
    def parse(cls, texts: tuple[str, ...]) -> PathMapping:
        """From texts as `/there=/here`. Raises `PlanError`."""
        rules = []
        for text in texts:
            source, sign, destination = text.partition("=")
            if not (source and sign and destination):
                raise PlanError(f"--map {text}: write it as /folder/there=/folder/here")
            rules.append(Rule(source, destination, windows="\\" in source or source[1:2] == ":"))
        return cls(tuple(rules))

    def joined(self, other: PathMapping) -> PathMapping:
        """The rules of both."""
        return PathMapping((*self.rules, *other.rules))

    def __call__(self, path: str) -> str:
        """The path here; itself where no rule speaks of it."""
        by_length = sorted(self.rules, key=lambda rule: len(rule.source), reverse=True)
        return next((p for rule in by_length if (p := rule.apply(path)) is not None), path)

    def apply(self, plan: FarmPlan) -> FarmPlan:
        """The plan as it is here: plates, output, files that settings name, and words of a command that are paths."""
        if not self.rules:
            return plan
        return replace(plan, shots=tuple(self._shot(shot) for shot in plan.shots))

    def _shot(self, shot: PlannedShot) -> PlannedShot:
        convert, report = shot.convert, shot.report
        return replace(
            shot,
            job=self._job(shot.job),
            convert=None if convert is None else self._convert(convert),
            report=None if report is None else self._page(report),
            hook=None if shot.hook is None else self(shot.hook),
            plates=self._step(shot.plates) if isinstance(shot.plates, PlatesStep) else UNSET,
        )

    def _step(self, step: PlatesStep) -> PlatesStep:
        return replace(step, command=tuple(map(self, step.command)))

    def _job(self, job: RenderJob) -> RenderJob:
        settings = job.settings
        # A name of weights, or `auto`, is no path: no rule speaks of it.
        files = {name: getattr(settings, name) for name in FILES}
        return replace(
            job,
            shot=replace(job.shot, input=self(job.shot.input)),
            output=self(job.output),
            settings=replace(settings, **self._mapped(files)),
        )

    def _convert(self, job: ConvertJob) -> ConvertJob:
        return replace(job, input=self(job.input), output=self(job.output))

    def _page(self, report: ShotPage) -> ShotPage:
        return replace(report, sources=tuple(map(self, report.sources)), page=self(report.page))

    def _mapped(self, files: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self(path) for name, path in files.items() if path is not None}


def _rule(plain: Mapping[str, str]) -> Rule:
    form = plain["source_path_format"].upper()
    if form not in _FORMATS:
        raise PlanError(f"source_path_format {form}: it is one of {', '.join(_FORMATS)}")
    return Rule(plain["source_path"], plain["destination_path"], windows=form == "WINDOWS")
