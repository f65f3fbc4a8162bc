"""The source archive: only what its digest says, and nothing of it outside its folder."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from kernels.native import source
from kernels.native.fault import Fault
from kernels.native.source import bindings_version, known_digest, provide_source, unpack

ROOT = "llama_cpp_python-1.0"


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


def archive_of(folder: Path, *entries: tarfile.TarInfo) -> Path:
    path = folder / f"{ROOT}.tar.gz"
    good = [entry(f"{ROOT}/vendor/llama.cpp/CMakeLists.txt"), entry(f"{ROOT}/vendor/llama.cpp/src/llama.cpp")]
    with tarfile.open(path, "w:gz") as tar:
        for each in (*good, *entries):
            content = b"content of it" if each.isreg() else b""
            each.size = len(content)
            tar.addfile(each, io.BytesIO(content))
    return path


def test_llama_cpp_alone_is_unpacked_and_nothing_that_git_would_read(tmp_path: Path) -> None:
    others = ("pyproject.toml", "vendor/other/file", "vendor/llama.cpp/.git", ".git/config")
    unpack(archive_of(tmp_path, *(entry(f"{ROOT}/{name}") for name in others)), tmp_path / "out", ROOT)
    files = {
        file.relative_to(tmp_path / "out").as_posix()
        for file in (tmp_path / "out").rglob("*")
        if file.is_file()
    }
    assert files == {"vendor/llama.cpp/CMakeLists.txt", "vendor/llama.cpp/src/llama.cpp"}


@pytest.mark.parametrize(
    ("hostile", "words"),
    [
        (entry(f"{ROOT}/vendor/llama.cpp/../../../outside"), "outside its folder"),
        (entry("/tmp/outside"), "outside its folder"),
        (entry("elsewhere/vendor/llama.cpp/file"), "outside its folder"),
        (entry(f"{ROOT}/vendor/llama.cpp\\..\\..\\outside"), "outside its folder"),
        (entry(f"{ROOT}/vendor/llama.cpp/C:outside"), "outside its folder"),
        (entry(f"{ROOT}/vendor/llama.cpp/link", tarfile.SYMTYPE, "/etc/passwd"), "a link"),
        (entry(f"{ROOT}/vendor/llama.cpp/hard", tarfile.LNKTYPE, "/etc/passwd"), "a link"),
        (entry(f"{ROOT}/vendor/llama.cpp/pipe", tarfile.FIFOTYPE), "a link or a device"),
    ],
)
def test_hostile_entry_ends_the_unpacking(hostile: tarfile.TarInfo, words: str, tmp_path: Path) -> None:
    with pytest.raises(Fault, match=words):
        unpack(archive_of(tmp_path, hostile), tmp_path / "work" / "out", ROOT)
    assert not list(tmp_path.rglob("outside"))


@pytest.mark.parametrize(("limit", "value"), [("MOST_BYTES", 20), ("MOST_FILES", 1)])
def test_archive_that_would_fill_the_disk_is_refused(
    limit: str, value: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, limit, value)
    with pytest.raises(Fault, match="far larger"):
        unpack(archive_of(tmp_path), tmp_path / "out", ROOT)


@pytest.mark.parametrize(
    "damage", [lambda content: content[: len(content) // 2], lambda content: b"no archive"]
)
def test_damaged_archive_is_a_fault_with_a_sentence(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = archive_of(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(Fault, match="cannot be unpacked: "):
        unpack(path, tmp_path / "out", ROOT)


def test_archive_with_another_digest_is_not_unpacked(tmp_path: Path) -> None:
    with pytest.raises(Fault, match=r"is not the source archive of llama-cpp-python"):
        provide_source(tmp_path / "work", archive_of(tmp_path))
    assert not (tmp_path / "work").exists()


def test_digest_of_the_version_in_use_is_known_and_of_an_unknown_one_asked_for() -> None:
    assert len(bytes.fromhex(known_digest(bindings_version()))) == 32
    with pytest.raises(Fault, match=r"add it to sources\.toml"):
        known_digest("99.0")
