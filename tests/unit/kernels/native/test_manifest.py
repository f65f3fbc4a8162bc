"""What a manifest says of a pack, and how a pack that is another one since is found out."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from app.runtime.packs.pack import find_packs
from kernels.native.archive import archive_name, write_archive
from kernels.native.building import devices_of
from kernels.native.fault import Fault
from kernels.native.manifest import flaws, read_manifest, write_manifest
from kernels.native.recipes import RECIPES
from kernels.native.source import Source, bindings_version

CPU, CUDA, VULKAN = (
    next(each for each in RECIPES if each.name == name) for name in ("cpu", "cuda-13", "vulkan")
)
DIGEST = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
AGREED = {
    "type": "object",
    "required": [
        "name",
        "backend",
        "version",
        "system",
        "machine",
        "source",
        "built_with",
        "devices",
        "licences",
    ],
    "properties": {
        "system": {"enum": ["linux", "macos", "windows"]},
        "machine": {"enum": ["x86_64", "arm64"]},
        "source": {"required": ["archive", "sha256"], "properties": {"sha256": DIGEST}},
        "built_with": {"type": "object", "additionalProperties": {"type": "string"}},
        "devices": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "licences": {"type": "array", "items": {"type": "string", "pattern": "^licences/"}, "minItems": 1},
        "files": {
            "type": "array",
            "minItems": 2,
            "items": {"required": ["path", "bytes", "sha256"], "properties": {"sha256": DIGEST}},
        },
    },
}


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "vulkan"
    (folder / "licences").mkdir(parents=True)
    (folder / "libllama.so").write_bytes(b"llama")
    (folder / "libggml-cpu-haswell.so").write_bytes(b"haswell")
    (folder / "licences" / "llama.cpp.txt").write_text("MIT")
    source = Source("llama_cpp_python-1.0.tar.gz", "0" * 64, tmp_path)
    write_manifest(folder, VULKAN, source, {"cmake": "3.25.1"}, devices_of(folder, VULKAN, {}))
    return folder


def test_manifest_has_what_was_agreed_and_the_digest_of_every_file(pack: Path) -> None:
    document = json.loads((pack / "pack.json").read_text())
    jsonschema.validate(document, AGREED)
    assert document["devices"] == ["cpu:haswell", "vulkan"]
    files = {each["path"]: each for each in document["files"]}
    assert set(files) == {"libllama.so", "libggml-cpu-haswell.so", "licences/llama.cpp.txt"}
    assert files["libllama.so"]["sha256"] == hashlib.sha256(b"llama").hexdigest()
    assert files["libllama.so"]["bytes"] == 5


def test_application_reads_the_manifest(pack: Path) -> None:
    found = find_packs([pack.parent])[0]
    assert (found.name, found.backend, found.version, found.flaw) == (
        "Vulkan",
        "vulkan",
        bindings_version(),
        "",
    )
    assert len(found.files) == 3
    assert found.damage() == ""


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda pack: (pack / "libllama.so").write_bytes(b"LLAMA"), "libllama.so is not"),
        (lambda pack: (pack / "libllama.so").unlink(), "libllama.so is missing"),
        (lambda pack: (pack / "libggml-blas.so").write_bytes(b"x"), "libggml-blas.so does not belong"),
        (lambda pack: (pack / "licences" / "llama.cpp.txt").write_text("other"), "llama.cpp.txt is not"),
    ],
)
def test_changed_missing_and_added_files_are_named(
    harm: Callable[[Path], object], words: str, pack: Path
) -> None:
    manifest = read_manifest(pack)
    assert flaws(pack, manifest) == []
    harm(pack)
    (sentence,) = flaws(pack, manifest)
    assert words in sentence


ENDLESS = (
    b'{"name": "n", "backend": "cpu", "version": "1", "system": "linux", "machine": "arm64", '
    b'"files": [{"path": "p", "bytes": Infinity, "sha256": "0"}]}'
)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"name": 1}', b"[" * 100_000, b'{"files": [{"path": 1}]}', b"\xff", ENDLESS],
)
def test_damaged_manifest_is_a_fault_with_a_sentence(content: bytes, pack: Path) -> None:
    (pack / "pack.json").write_bytes(content)
    with pytest.raises(Fault, match="manifest"):
        read_manifest(pack)


@pytest.mark.skipif(os.name != "posix", reason="links as POSIX has them")
def test_pack_with_a_link_is_refused(pack: Path) -> None:
    (pack / "libggml.so").symlink_to("libllama.so")
    with pytest.raises(Fault, match="links"):
        flaws(pack, read_manifest(pack))


def test_devices_are_told_by_what_was_compiled(pack: Path) -> None:
    cache = {"PACK_DEVICES": "75-real;80-real;86-real;89-real;90-real;100;120a-real;121a-real"}
    told = [f"cuda:{number}" for number in ("7.5", "8.0", "8.6", "8.9", "9.0", "10.0", "12.0", "12.1")]
    assert devices_of(pack, CUDA, cache) == ["cpu:haswell", *told]
    assert devices_of(pack, CPU, {}) == ["cpu:haswell"]


def test_archive_is_the_same_to_the_byte_and_holds_one_folder(pack: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.tar.gz", tmp_path / "second.tar.gz"
    write_archive(pack, first)
    os.utime(pack / "libllama.so", (1, 1))
    (pack / "libllama.so").chmod(0o755)
    write_archive(pack, second)
    assert first.read_bytes() == second.read_bytes()
    with tarfile.open(first) as tar:
        assert all(member.name.split("/")[0] == "vulkan" for member in tar)
        assert all(member.isreg() or member.isdir() for member in tar)
        assert sum(member.isreg() for member in tar) == 4
    named = archive_name(pack, read_manifest(pack))
    assert named.startswith(f"nibble-pack-vulkan-{bindings_version()}-")
