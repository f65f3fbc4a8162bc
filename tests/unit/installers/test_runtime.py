"""Which llama.cpp goes along with the frozen program."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from installers.build import main
from installers.faults import BuildFault
from installers.release import read_release, this_system
from installers.runtime import put_runtime, runtime_of

TARGET = {"linux": "linux-portable", "macos": "macos-dmg", "windows": "windows-portable"}[this_system()]
RELEASE = read_release(TARGET)
BESIDE = "metal" if this_system() == "macos" else "vulkan"


def write_pack(folder: Path, **changed: Any) -> Path:
    (folder / "licences").mkdir(parents=True)
    contents = {"libllama.so": b"library", "licences/llama.cpp.txt": b"MIT"}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    manifest = {
        "name": folder.name,
        "backend": folder.name,
        "version": version("llama-cpp-python"),
        "system": RELEASE.system,
        "machine": RELEASE.machine,
        "files": [
            {"path": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in contents.items()
        ],
    }
    (folder / "pack.json").write_text(json.dumps(manifest | changed))
    return folder


def test_own_pack_lies_where_the_bindings_look_and_others_beside_the_program(tmp_path: Path) -> None:
    packs = tmp_path / "packs"
    for name in ("cpu", BESIDE, "cuda-13", "rpc"):
        write_pack(packs / name)
    program = tmp_path / "program"
    put_runtime(runtime_of(RELEASE, packs, native_runtime=False), program, RELEASE)
    found = {path.parent.relative_to(program).as_posix() for path in program.rglob("pack.json")}
    inside = {"linux": "_internal", "windows": "_internal", "macos": "Contents/Frameworks"}[RELEASE.system]
    beside = "Contents/MacOS/packs" if RELEASE.system == "macos" else "packs"
    assert found == {f"{inside}/llama_cpp/lib", f"{beside}/{BESIDE}"}
    assert (program / inside / "llama_cpp" / "lib" / "licences" / "llama.cpp.txt").exists()


def test_build_for_this_processor_alone_is_not_shipped_unasked(tmp_path: Path) -> None:
    with pytest.raises(BuildFault, match="--native-runtime"):
        runtime_of(RELEASE, tmp_path, native_runtime=False)
    own = runtime_of(RELEASE, tmp_path, native_runtime=True).own
    assert any("llama" in file.name for file in own.iterdir())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"version": "0.0.1"}, "0.0.1"),
        ({"system": "plan9"}, "plan9"),
        ({"machine": "mips"}, "mips"),
        ({"files": []}, "not as it was built: libllama.so, licences/llama.cpp.txt"),
        ({"files": "none"}, "does not say what it is"),
        ({"system": None}, "None"),
    ],
)
def test_pack_that_is_not_for_this_release_is_refused(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    manifest = write_pack(tmp_path / "cpu") / "pack.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | changed))
    with pytest.raises(BuildFault) as refused:
        runtime_of(RELEASE, tmp_path, native_runtime=False)
    assert all(word in str(refused.value) for word in said.split(", ")[-1:])


@pytest.mark.parametrize("name", ["libllama.so", "more.so", "pack.json"])
def test_pack_that_was_changed_is_refused(tmp_path: Path, name: str) -> None:
    (write_pack(tmp_path / "cpu") / name).write_bytes(b"changed")
    with pytest.raises(BuildFault):
        runtime_of(RELEASE, tmp_path, native_runtime=False)


def test_driver_says_what_is_missing_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = "windows-portable" if this_system() != "windows" else "macos-dmg"
    assert main(["--target", other, "--out", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"build: {other} is built on ")
