"""`flashdepth weights`, with a real server on this machine as the studio's mirror."""

from __future__ import annotations

import functools
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from flashdepth_batch.main import main
from flashdepth_vfx import weights

CONTENT = bytes(range(256)) * 8192


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_what: object) -> None:
        """A server's log would mix with what the command says."""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty weights folder."""
    monkeypatch.setenv("FLASHDEPTH_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder behind $FLASHDEPTH_WEIGHTS_URL."""
    folder = tmp_path / "mirror"
    (folder / "flashdepth-s").mkdir(parents=True)
    handler = functools.partial(Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    monkeypatch.setenv("FLASHDEPTH_WEIGHTS_URL", f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder
    server.shutdown()
    server.server_close()


def test_list_shows_licence_and_paid_work_of_every_set(
    cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["weights", "list"]) == 0
    head, *rows = capfd.readouterr().out.splitlines()
    assert head.split("  ")[0] == "name"
    assert [row.split()[0] for row in rows] == list(weights.ENTRIES)
    for row, entry in zip(rows, weights.ENTRIES.values(), strict=True):
        assert f"  {entry.commercial_use}  " in row
        assert entry.license in row
        assert row.split()[1] == ("yes" if entry.repository is None else "no")


def test_list_as_json_has_what_the_inventory_has(
    cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["weights", "list", "--json"]) == 0
    rows = json.loads(capfd.readouterr().out)
    assert {row["name"]: row["present"] for row in rows} == {
        row.name: row.present for row in weights.inventory()
    }


def test_fetch_brings_a_file_and_says_so_apart_from_its_progress(
    cache: Path, mirror: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (mirror / "flashdepth-s" / "iter_14001.pth").write_bytes(CONTENT)
    assert main(["weights", "fetch", "s"]) == 0
    said = capfd.readouterr()
    path = cache / "flashdepth-s" / "iter_14001.pth"
    assert path.read_bytes() == CONTENT
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    assert said.out == f"s: {path}\nsha256: {sha256}\n"
    assert "\r" not in said.err
    assert said.err.splitlines()[-1] == "s: 2.1 MB  100 % of 2.1 MB"
    assert main(["weights", "path", "s"]) == 0
    assert capfd.readouterr().out == f"{path}\n"
    assert main(["weights", "fetch", "s", "--json"]) == 0
    again = capfd.readouterr()
    assert json.loads(again.out)["was_here"] is True
    assert again.err == ""


def test_what_is_not_here_says_what_to_put_where(
    cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["weights", "path", "l"]) == 1
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "flashdepth weights fetch l" in said.err
    assert str(cache / "flashdepth-l" / "iter_10001.pth") in said.err


def test_a_fetch_that_fails_is_one_line(
    cache: Path, mirror: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["weights", "fetch", "s"]) == 1
    said = capfd.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert "404" in said


def test_verify_reads_a_whole_file_and_refuses_a_torn_one(
    nano_weights: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["weights", "verify", str(nano_weights)]) == 0
    assert hashlib.sha256(nano_weights.read_bytes()).hexdigest() in capfd.readouterr().out
    torn = tmp_path / "torn.safetensors"
    torn.write_bytes(nano_weights.read_bytes()[:-1000])
    assert main(["weights", "verify", str(torn)]) == 1
    assert capfd.readouterr().err.count("\n") == 1
