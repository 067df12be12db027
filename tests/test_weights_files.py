"""Weights on disk: found, hashed, refused when damaged, and never executed."""

from __future__ import annotations

import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from weights_files import names_of, put, random_nano

from flashdepth_vfx.errors import LicenseError, WeightsError
from flashdepth_vfx.weights import ENTRIES, load, verify
from flashdepth_vfx.weights.folders import file_sha256, record_path, sha256_of


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "weights"
    monkeypatch.setenv("FLASHDEPTH_WEIGHTS", str(folder))
    monkeypatch.delenv("FLASHDEPTH_SITE", raising=False)
    return folder


class _Bomb:
    """What a hostile pickle does when it is read."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_file_that_would_run_code_runs_none(legacy: bool, tmp_path: Path) -> None:
    content = {"model": names_of("s") | {"x": _Bomb(tmp_path / "exploded")}}
    torch.save(content, tmp_path / "bomb.pth", _use_new_zipfile_serialization=not legacy)
    (tmp_path / "bare.pth").write_bytes(pickle.dumps(_Bomb(tmp_path / "exploded")))
    for name in ("bomb.pth", "bare.pth"):
        with pytest.raises(WeightsError, match=name):
            load(tmp_path / name)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("content", [{"model": {"a": 1}}, {"epoch": 3}, [1, 2], torch.ones(2), {}])
def test_a_torch_file_that_holds_no_weights_is_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"other\.pth: holds no state dict"):
        load(tmp_path / "other.pth")


@pytest.mark.parametrize("name", ["torn.pth", "torn.safetensors"])
@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.999])
def test_a_truncated_file_is_refused(name: str, kept: float, tmp_path: Path) -> None:
    path = tmp_path / name
    if path.suffix == ".pth":
        torch.save(names_of("s"), path)
    else:
        save_file(random_nano(), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(WeightsError, match=name):
        load(path)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), legacy=st.booleans())
def test_garbled_bytes_are_refused_or_read_but_never_crash(
    data: st.DataObject, legacy: bool, tmp_path: Path
) -> None:
    path = tmp_path / "garbled.pth"
    torch.save({"a": torch.ones(3)}, path, _use_new_zipfile_serialization=not legacy)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with pytest.raises(WeightsError):  # whole or garbled: these are not a network's tensors
        load(path)


def test_what_is_not_a_weights_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(WeightsError, match=r"a\.txt.*\.safetensors"):
        load(tmp_path / "a.txt")
    with pytest.raises(WeightsError, match="no such file"):
        load(tmp_path / "none.pth")


def test_an_unknown_name_lists_the_names() -> None:
    with pytest.raises(WeightsError, match=r"'dav2_s'.*dav2-s"):
        load("dav2_s")


def test_absent_weights_say_where_they_belong(own_folder: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        load("s", accept=["s"])
    message = str(caught.value)
    assert "flashdepth weights fetch s" in message
    assert "https://huggingface.co/Eyeline-Labs/FlashDepth" in message
    assert str(own_folder / "flashdepth-s" / "iter_14001.pth") in message


def test_other_bytes_than_the_published_are_refused(own_folder: Path) -> None:
    put(own_folder, "l", names_of("l"))
    with pytest.raises(WeightsError, match="not the published"):
        load("l", accept=["l"])


def test_a_published_file_given_by_path_keeps_its_terms(tmp_path: Path) -> None:
    torch.save(names_of("s"), tmp_path / "iter_14001.pth")
    with pytest.raises(LicenseError):
        load(tmp_path / "iter_14001.pth")
    assert load(tmp_path / "iter_14001.pth", accept=["s"]).entry.name == "s"


def test_an_own_file_of_a_published_name_is_known_by_its_bytes(tmp_path: Path) -> None:
    torch.save(names_of("l"), tmp_path / "iter_10001.pth")
    assert load(tmp_path / "iter_10001.pth").entry.license == "unknown (your own file)"


def test_every_folder_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    monkeypatch.setenv("FLASHDEPTH_WEIGHTS", f"{first}{os.pathsep}{second}")
    put(second, "s", names_of("s"))
    assert load("s", accept=["s"]).path.is_relative_to(second)
    put(first, "s", names_of("s"))
    assert load("s", accept=["s"]).path.is_relative_to(first)


def test_a_large_file_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large, small = tmp_path / "large.pth", tmp_path / "small.pth"
    with large.open("wb") as file:
        file.truncate(65 * 1024 * 1024)
    small.write_bytes(b"x")
    expected = sha256_of(large)
    assert file_sha256(large) == expected
    assert record_path(large).is_file()
    file_sha256(small)
    assert not record_path(small).exists()
    monkeypatch.setattr(
        "flashdepth_vfx.weights.folders.sha256_of", lambda _path: pytest.fail("hashed again")
    )
    assert file_sha256(large) == expected
    monkeypatch.undo()
    with large.open("r+b") as file:
        file.write(b"changed")
    assert file_sha256(large) == sha256_of(large) != expected


def test_verify_says_what_it_held_the_file_against(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(own_folder, "s", names_of("s"))
    result = verify("s")
    assert (result.name, result.architecture) == ("s", "s")
    assert (result.path, result.sha256) == (str(path), sha256_of(path))
    assert result.expected == "nothing to compare with"
    monkeypatch.setitem(ENTRIES, "s", replace(ENTRIES["s"], sha256=sha256_of(path)))
    assert verify("s").expected == "published"


def test_verify_finds_weights_that_are_not_numbers(own_folder: Path) -> None:
    put(own_folder, "s", names_of("s") | {"pretrained.norm.weight": torch.full((384,), torch.nan)})
    with pytest.raises(WeightsError, match=r"pretrained\.norm\.weight holds NaN"):
        verify("s")


def test_verify_reads_every_byte_again(tmp_path: Path) -> None:
    path = tmp_path / "large.pth"
    torch.save(
        names_of("s") | {"pretrained.mask_token": torch.zeros(17 * 1024 * 1024)[:384][None]}, path
    )
    file_sha256(path)
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(WeightsError, match="damaged"):
        verify(path)


def test_the_weights_in_the_package_load() -> None:
    packaged = Path(__file__).parents[1] / "flashdepth_vfx" / "data" / ENTRIES["nano"].file
    if not packaged.is_file():
        pytest.skip(f"no {packaged}: the package's own weights are not made yet")
    loaded = load("nano")
    assert loaded.entry.license == "Apache-2.0"
    assert verify("nano").sha256 == loaded.sha256 == sha256_of(packaged)
    assert not record_path(packaged).exists()
