"""What a release offers is what its application takes."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.core.jobs import CancelToken
from app.runtime.packs.archive import unpack
from app.runtime.packs.offered import offered_packs
from installers.pack_index import main
from installers.release import ROOT
from tests.helpers.packs import archive_of

FILES = {"libllama.so": b"llama" * 1000, "licences/MIT.txt": b"as is"}
ADDRESS = "https://example.org/releases/download/v1.2.3"


def written(folder: Path, name: str = "cuda-13", **facts: Any) -> Path:
    path = folder / f"nibble-pack-{name}-{len(list(folder.iterdir()))}.tar.gz"
    path.write_bytes(archive_of(FILES, name, **facts))
    return path


def test_the_application_takes_each_pack_of_the_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archives = [written(tmp_path), written(tmp_path, "vulkan")]
    assert main([*map(str, archives), "--address", f"{ADDRESS}/"]) == 0
    offers = offered_packs(tomllib.loads(capsys.readouterr().out)["pack"])
    assert [(offer.name, offer.title) for offer in offers] == [("cuda-13", "CUDA 13"), ("vulkan", "VULKAN")]
    for offer, archive in zip(offers, archives, strict=True):
        assert offer.address == f"{ADDRESS}/{archive.name}"
        folder = tmp_path / offer.name
        folder.mkdir()
        unpack(archive, offer, folder, CancelToken(), lambda done: None)
        assert (folder / "libllama.so").read_bytes() == FILES["libllama.so"]


def test_the_list_can_be_written_by_a_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "installers.pack_index", written(tmp_path), "--address", ADDRESS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(tomllib.loads(done.stdout)["pack"]) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda manifest: manifest["files"].pop(), "not those that its pack.json lists"),
        (lambda manifest: manifest["files"][0].update(sha256="0" * 64), "not those that its pack.json lists"),
        (lambda manifest: manifest.pop("machine"), "does not say what it is"),
    ],
)
def test_an_archive_that_is_not_what_it_says_is_refused(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[dict[str, Any]], object],
    said: str,
) -> None:
    assert main([str(written(tmp_path, change=change)), "--address", ADDRESS]) == 1
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.tar.gz").write_text("notes")
    assert main([str(tmp_path / "notes.tar.gz"), "--address", ADDRESS]) == 1
    assert "notes.tar.gz is no archive of a pack" in capsys.readouterr().err


def test_two_archives_of_one_pack_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(written(tmp_path)), str(written(tmp_path)), "--address", ADDRESS]) == 1
    assert "two archives of cuda-13" in capsys.readouterr().err
