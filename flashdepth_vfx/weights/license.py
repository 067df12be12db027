"""The consent that weights need before they are read, from a person or from a site."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from flashdepth_vfx.errors import LicenseError
from flashdepth_vfx.weights.registry import WeightsEntry

__all__ = ["SiteConsent", "read_site_file", "require_license", "site_file_path"]


@dataclass(frozen=True)
class SiteConsent:
    """What a studio has cleared: names of weights, and licences by their exact text."""

    names: frozenset[str] = frozenset()
    licenses: frozenset[str] = frozenset()

    def covers(self, entry: WeightsEntry) -> bool:
        """Whether `entry` was cleared by name or by licence."""
        return entry.name in self.names or entry.license in self.licenses


def site_file_path() -> Path:
    """`$FLASHDEPTH_SITE`, else the platform's place for a site's settings."""
    named = os.environ.get("FLASHDEPTH_SITE")
    if named:
        return Path(named)
    return platformdirs.site_config_path("flashdepth", appauthor=False) / "site.toml"


def require_license(
    entry: WeightsEntry, accepted: Collection[str] = (), site_file: Path | None = None
) -> None:
    """Raise `LicenseError` unless the terms allow paid work, or `accepted` or the site consents.

    `accepted` are names of weights. `site_file` stands in for `site_file_path()`.
    """
    if entry.commercial_use == "yes" or entry.name in accepted:
        return
    path = site_file or site_file_path()
    if read_site_file(path, must_exist="FLASHDEPTH_SITE" in os.environ).covers(entry):
        return
    raise LicenseError(
        f"weights '{entry.name}' need your consent.\n"
        f"  licence: {entry.license}\n"
        f"  commercial use: {entry.commercial_use}\n"
        f"  made from: {entry.base}\n"
        f"If these terms suit this work, add --accept-license {entry.name}; "
        f"a studio can clear them for everybody in {path}"
    )


def read_site_file(path: Path, *, must_exist: bool = False) -> SiteConsent:
    """What `path` clears; nothing when there is no file and none `must_exist`.

    It is TOML: `[weights]` with `allow` (names) and `allow_licenses`. Raises `LicenseError` when it
    cannot be read or says anything else, since a misspelt consent is not a consent.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if must_exist:
            raise LicenseError(f"{path}: no such file (named by $FLASHDEPTH_SITE)") from None
        return SiteConsent()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LicenseError(f"{path}: the site's consent cannot be read: {error}") from error
    weights = table.get("weights", {})
    lists = weights.values() if isinstance(weights, dict) else ["not a table"]
    known = set(table) <= {"weights"} and set(weights) <= {"allow", "allow_licenses"}
    if not known or not all(_is_list_of_text(value) for value in lists):
        raise LicenseError(
            f"{path}: a site file holds only [weights] with allow and allow_licenses, lists of text"
        )
    return SiteConsent(
        frozenset(weights.get("allow", ())), frozenset(weights.get("allow_licenses", ()))
    )


def _is_list_of_text(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
