"""Weights over HTTP, against a real server on this machine."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from weights_server import CONTENT, Server, serving

from flashdepth_vfx.errors import DiskFullError, WeightsError
from flashdepth_vfx.weights import ENTRIES, WeightsEntry, fetch, load, path_of, url_of, verify
from flashdepth_vfx.weights import download as download_module
from flashdepth_vfx.weights.folders import read_record, record_path
from flashdepth_vfx.weights.lock import held

SHA256 = hashlib.sha256(CONTENT).hexdigest()
TOY = WeightsEntry(
    name="toy",
    architecture="s",
    repository="studio/toy",
    file="toy/toy.pth",
    license="Apache-2.0",
    commercial_use="yes",
    base="",
    sha256=SHA256,
    size_bytes=len(CONTENT),
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(ENTRIES, "toy", TOY)  # type: ignore[arg-type]
    monkeypatch.setenv("FLASHDEPTH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download_module, "_FIRST_PAUSE_S", 0.001)
    return tmp_path / "weights"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serving() as server:
        monkeypatch.setenv("FLASHDEPTH_WEIGHTS_URL", server.url)
        yield server


def unpublished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENTRIES, "toy", replace(TOY, sha256=None))  # type: ignore[arg-type]


def files_in(folder: Path) -> set[str]:
    """What is there, without the lock, which stays on purpose."""
    return {path.name for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"}


def test_a_file_arrives_whole_and_is_checked(server: Server, folder: Path) -> None:
    steps: list[tuple[int, int | None]] = []
    result = fetch("toy", progress=lambda done, total: steps.append((done, total)))
    assert Path(result.path) == folder / "toy" / "toy.pth"
    assert Path(result.path).read_bytes() == CONTENT
    assert (result.sha256, result.verified, result.was_here) == (SHA256, True, False)
    assert steps[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in steps] == sorted({done for done, _ in steps})
    assert path_of("toy") == Path(result.path)
    assert files_in(folder) == {"toy.pth", "toy.pth.sha256.json"}


def test_what_is_here_is_not_fetched_again(server: Server) -> None:
    fetch("toy")
    result = fetch("toy")
    assert (result.was_here, result.verified) == (True, True)
    assert len(server.behaviour.requests) == 1


def test_a_file_that_is_here_and_wrong_is_said_to_be(server: Server, folder: Path) -> None:
    (folder / "toy").mkdir(parents=True)
    (folder / "toy" / "toy.pth").write_bytes(b"wrong")
    with pytest.raises(WeightsError, match="not the published"):
        fetch("toy")


@pytest.mark.parametrize("etag", ['"one"', "", 'W/"one"'])
def test_a_dropped_connection_is_taken_up_where_it_stopped(server: Server, etag: str) -> None:
    server.behaviour.etag = etag
    server.behaviour.drops = [1_000_000, 2_000_000]
    result = fetch("toy")
    assert Path(result.path).read_bytes() == CONTENT
    ranges = [asked for _path, asked, _etag in server.behaviour.requests]
    assert ranges == [None, "bytes=1000000-", "bytes=3000000-"]
    strong = etag if etag == '"one"' else None
    assert server.behaviour.requests[1][2] == strong


def test_the_next_call_continues_what_the_last_could_not(server: Server, folder: Path) -> None:
    server.behaviour.drops = [1_000_000, 0, 0, 0, 0]
    with pytest.raises(WeightsError, match="1000000 of 5120000 bytes; the next try continues"):
        fetch("toy")
    assert not (folder / "toy" / "toy.pth").exists()
    assert (folder / "toy" / "toy.pth.part").stat().st_size == 1_000_000
    fetch("toy")
    assert server.behaviour.requests[-1][1] == "bytes=1000000-"
    assert (folder / "toy" / "toy.pth").read_bytes() == CONTENT
    assert files_in(folder) == {"toy.pth", "toy.pth.sha256.json"}


def test_a_part_of_another_version_begins_again(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpublished(monkeypatch)
    server.behaviour.content = b"x" * len(CONTENT)
    server.behaviour.drops = [1_000_000, 0, 0, 0, 0]
    with pytest.raises(WeightsError):
        fetch("toy")
    server.behaviour.content, server.behaviour.etag = CONTENT, '"two"'
    fetch("toy")
    assert (folder / "toy" / "toy.pth").read_bytes() == CONTENT


def test_nothing_is_continued_that_nobody_vouches_for(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpublished(monkeypatch)
    server.behaviour.etag = ""
    server.behaviour.drops = [1_000_000]
    fetch("toy")
    assert [asked for _path, asked, _etag in server.behaviour.requests] == [None, None]
    assert (folder / "toy" / "toy.pth").read_bytes() == CONTENT


def test_a_server_without_ranges_begins_again(server: Server, folder: Path) -> None:
    server.behaviour.ranges = False
    server.behaviour.drops = [1_000_000]
    fetch("toy")
    assert (folder / "toy" / "toy.pth").read_bytes() == CONTENT


def test_a_part_that_is_whole_is_not_fetched_again(server: Server, folder: Path) -> None:
    server.behaviour.drops = [5_000_000, 0, 0, 0, 0]
    with pytest.raises(WeightsError):
        fetch("toy")
    (folder / "toy" / "toy.pth.part").write_bytes(CONTENT)
    fetch("toy")
    assert (folder / "toy" / "toy.pth").read_bytes() == CONTENT
    assert server.behaviour.requests[-1][1] == f"bytes={len(CONTENT)}-"


def test_a_part_longer_than_the_file_begins_again(server: Server, folder: Path) -> None:
    server.behaviour.drops = [1_000_000, 0, 0, 0, 0]
    with pytest.raises(WeightsError):
        fetch("toy")
    (folder / "toy" / "toy.pth.part").write_bytes(CONTENT + b"too much")
    fetch("toy")
    assert (folder / "toy" / "toy.pth").read_bytes() == CONTENT


def test_wrong_bytes_never_get_the_name(server: Server, folder: Path) -> None:
    server.behaviour.content = b"tampered" * 1000
    with pytest.raises(WeightsError, match="not the published 'toy'"):
        fetch("toy")
    assert files_in(folder) == set()


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_refusal_says_which_file_to_put_where(server: Server, folder: Path, status: int) -> None:
    server.behaviour.status = status
    with pytest.raises(WeightsError) as caught:
        fetch("toy")
    message = str(caught.value)
    assert f"{server.url}/toy/toy.pth: the server answers {status}" in message
    assert str(folder / "toy" / "toy.pth") in message
    assert len(server.behaviour.requests) == 1


def test_no_server_says_which_file_to_put_where(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASHDEPTH_WEIGHTS_URL", "http://127.0.0.1:9")
    with pytest.raises(WeightsError, match=r"cannot be reached .*refused") as caught:
        fetch("toy")
    assert str(folder / "toy" / "toy.pth") in str(caught.value)


def test_redirects_are_followed_with_their_range(server: Server, folder: Path) -> None:
    server.behaviour.redirect_to = server.url
    server.behaviour.drops = [1_000_000]
    fetch("toy")
    assert (folder / "toy" / "toy.pth").read_bytes() == CONTENT
    assert server.behaviour.requests[-1][:2] == ("/moved/toy/toy.pth", "bytes=1000000-")


def test_no_redirect_leads_from_https_to_http() -> None:
    import urllib.error
    import urllib.request
    from email.message import Message

    handler = download_module._NoDowngrade()
    request = urllib.request.Request("https://example.com/a")
    with pytest.raises(urllib.error.URLError, match="from https to http:"):
        handler.redirect_request(request, None, 302, "", Message(), "http://example.com/a")
    onward = handler.redirect_request(request, None, 302, "", Message(), "https://cdn.example.com")
    assert onward is not None


def test_an_unpublished_hash_is_trusted_on_first_use(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpublished(monkeypatch)
    result = fetch("toy")
    assert (result.verified, result.sha256) == (False, SHA256)
    record = read_record(Path(result.path))
    assert record is not None
    assert (record.sha256, record.fetched_from) == (SHA256, f"{server.url}/toy/toy.pth")
    Path(result.path).write_bytes(b"changed later")
    for use in (load, verify):
        with pytest.raises(WeightsError, match="changed since it was fetched"):
            use("toy")
    record_path(Path(result.path)).unlink()
    with pytest.raises(WeightsError, match="not a torch file"):
        load("toy")


def test_two_processes_do_not_fetch_into_one_part(server: Server, folder: Path) -> None:
    part = folder / "toy" / "toy.pth.part"
    part.parent.mkdir(parents=True)
    with held(part), pytest.raises(WeightsError, match="another process is fetching"):
        fetch("toy")
    assert not server.behaviour.requests
    fetch("toy")


def test_the_first_folder_that_can_be_written_is_used(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    blocked, free = tmp_path / "file" / "weights", tmp_path / "free"
    monkeypatch.setenv("FLASHDEPTH_WEIGHTS", f"{blocked}{os.pathsep}{free}")
    assert Path(fetch("toy").path).is_relative_to(free)
    monkeypatch.setenv("FLASHDEPTH_WEIGHTS", str(blocked))
    with pytest.raises(WeightsError, match="no weights folder can be written"):
        fetch("toy")


def test_a_full_disk_is_its_own_error(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download_module, "_copy", full)
    with pytest.raises(DiskFullError):
        fetch("toy")


def test_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLASHDEPTH_WEIGHTS_URL", raising=False)
    hub = "https://huggingface.co/Eyeline-Labs/FlashDepth/resolve/main/flashdepth-s/iter_14001.pth"
    assert url_of(ENTRIES["s"]) == hub
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.studio.example/")
    assert url_of(ENTRIES["s"]) == hub.replace("huggingface.co", "hub.studio.example")
    monkeypatch.setenv("FLASHDEPTH_WEIGHTS_URL", "https://mirror.example/w/")
    assert url_of(ENTRIES["s"]) == "https://mirror.example/w/flashdepth-s/iter_14001.pth"
    monkeypatch.setenv("FLASHDEPTH_WEIGHTS_URL", "file:///etc")
    with pytest.raises(WeightsError, match="not an http"):
        url_of(ENTRIES["s"])
    with pytest.raises(WeightsError, match="come with the package"):
        fetch("nano")
