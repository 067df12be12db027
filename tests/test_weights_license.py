"""What weights may be used for, and who has to say so."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from flashdepth_vfx.errors import LicenseError, NoSuchWeightsError, WeightsError
from flashdepth_vfx.weights import ENTRIES, find_entry, inventory, load, require_license, suggest
from flashdepth_vfx.weights.license import site_file_path

GATED = [name for name, entry in ENTRIES.items() if entry.commercial_use != "yes"]
FREE = [name for name in ENTRIES if name not in GATED]


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASHDEPTH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.delenv("FLASHDEPTH_SITE", raising=False)
    monkeypatch.setattr(
        "flashdepth_vfx.weights.license.platformdirs.site_config_path",
        lambda *_args, **_named: tmp_path / "etc",
    )


def test_nothing_made_from_non_commercial_weights_is_called_commercial() -> None:
    assert set(FREE) == {"nano", "dav2-s"}
    for entry in ENTRIES.values():
        if "NC" in entry.license or "NC" in entry.base:
            assert entry.commercial_use == "no", entry.name


@pytest.mark.parametrize("name", FREE)
def test_free_weights_need_no_consent(name: str) -> None:
    require_license(ENTRIES[name])


@pytest.mark.parametrize("name", GATED)
def test_the_refusal_shows_the_terms_and_the_flag(name: str) -> None:
    entry = ENTRIES[name]
    with pytest.raises(LicenseError) as caught:
        require_license(entry, accepted=[other for other in ENTRIES if other != name])
    message = str(caught.value)
    assert entry.license in message
    assert f"commercial use: {entry.commercial_use}" in message
    assert entry.base in message
    assert f"--accept-license {name};" in message
    require_license(entry, accepted=[name])


def test_consent_is_asked_before_the_file_is_looked_for() -> None:
    with pytest.raises(LicenseError):
        load("full")
    with pytest.raises(WeightsError, match="not here"):
        load("full", accept=["full"])


def test_a_site_clears_by_name_or_by_licence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site.toml"
    monkeypatch.setenv("FLASHDEPTH_SITE", str(site))
    site.write_text('[weights]\nallow = ["s"]\nallow_licenses = ["CC-BY-NC-4.0"]\n')
    require_license(ENTRIES["s"])
    require_license(ENTRIES["dav2-l"])
    with pytest.raises(LicenseError, match=str(site)):
        require_license(ENTRIES["full"])


def test_the_platform_s_site_file_is_read(tmp_path: Path) -> None:
    assert site_file_path() == tmp_path / "etc" / "site.toml"
    (tmp_path / "etc").mkdir()
    site_file_path().write_text('[weights]\nallow = ["full"]\n')
    require_license(ENTRIES["full"])


@pytest.mark.parametrize(
    "text",
    [
        "[weights",
        'weights = "all"',
        '[weights]\nallow = "s"',
        "[weights]\nallow = [1]",
        '[weights]\nalow = ["s"]',
        '[licenses]\nallow = ["s"]',
        "\udcff",
    ],
)
def test_a_site_file_that_says_something_else_is_no_consent(text: str, tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(LicenseError, match=r"site\.toml"):
        require_license(ENTRIES["s"], site_file=site)


def test_a_named_site_file_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASHDEPTH_SITE", str(tmp_path / "none.toml"))
    with pytest.raises(LicenseError, match=r"none\.toml.*FLASHDEPTH_SITE"):
        require_license(ENTRIES["s"])


def test_the_inventory_is_plain_and_complete(tmp_path: Path) -> None:
    file = tmp_path / "weights" / ENTRIES["s"].file
    file.parent.mkdir(parents=True)
    file.write_bytes(b"12345")
    rows = {row.name: row for row in inventory()}
    assert list(rows) == list(ENTRIES)
    assert (rows["s"].present, rows["s"].path, rows["s"].size_bytes) == (True, str(file), 5)
    assert (rows["l"].present, rows["l"].path) == (False, None)
    assert rows["dav2-s"].size_bytes == 99_218_434
    plain = msgspec.to_builtins(rows["s"])
    assert plain["license"] == ENTRIES["s"].license
    assert plain["source"] == "Eyeline-Labs/FlashDepth: flashdepth-s/iter_14001.pth"


@pytest.mark.parametrize(
    ("name", "short_side_px", "advised"),
    [
        ("full", 517, True),
        ("full", 518, False),
        ("s", 270, True),
        ("l", 270, False),
        ("nano", 270, False),
        ("dav2-s", 270, False),
    ],
)
def test_l_is_suggested_for_small_plates(name: str, short_side_px: int, advised: bool) -> None:
    sentence = suggest(find_entry(name), short_side_px)
    assert (sentence is not None) == advised
    if sentence:
        assert f"{short_side_px} px" in sentence
        assert "--weights l" in sentence
        assert "non-commercial" in sentence


def test_a_name_that_no_weights_have_is_a_slip_and_names_the_nearest() -> None:
    with pytest.raises(NoSuchWeightsError, match=r"'nanoo' \(did you mean nano\?\)") as raised:
        load("nanoo")
    assert raised.value.exit_code == 2
