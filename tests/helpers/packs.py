"""Runtime packs made of the build inside llama-cpp-python, and of libraries that do harm."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from app.runtime.packs.computer import this_machine, this_system
from app.runtime.packs.offered import OfferedPack, offered_packs

VERSION = version("llama-cpp-python")


def write_manifest(
    folder: Path, name: str, backend: str = "cpu", built_from: str = VERSION, **more: object
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {"name": name, "backend": backend, "version": built_from, **more}
    (folder / "pack.json").write_text(json.dumps(manifest))
    return folder


def good_pack(places: Path, name: str, backend: str = "cpu", built_from: str = VERSION) -> Path:
    """The libraries of this installation once more."""
    folder = write_manifest(places / name, name, backend, built_from)
    bindings = importlib.util.find_spec("llama_cpp")
    assert bindings is not None
    assert bindings.origin is not None
    for library in (Path(bindings.origin).parent / "lib").iterdir():
        try:
            os.link(library, folder / library.name)
        except OSError:  # another file system
            shutil.copy(library, folder / library.name)
    return folder


def named_files(folder: Path) -> list[dict[str, object]]:
    """As a manifest has them."""
    return [
        {
            "path": file.name,
            "bytes": file.stat().st_size,
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        }
        for file in folder.iterdir()
        if file.suffix not in (".json", ".c")
    ]


def truncated_pack(places: Path, name: str) -> Path:
    folder = good_pack(places, name)
    for library in folder.glob("*llama*"):
        content = library.read_bytes()
        library.unlink()  # it may be a link to the one that is in use
        library.write_bytes(content[: len(content) // 3])
    return folder


def pack_of(places: Path, name: str, code: str, **more: object) -> Path:
    """libllama is made of C `code`, which is run as it is loaded. `more`: of its manifest."""
    folder = write_manifest(places / name, name, **more)
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or os.name != "posix":
        pytest.skip("needs a C compiler")
    source = folder / "made.c"
    source.write_text(
        f"#include <stdlib.h>\n#include <unistd.h>\n__attribute__((constructor)) void begin(void) {{ {code} }}\n"
    )
    subprocess.run([compiler, "-shared", "-fPIC", "-o", folder / "libllama.so", source], check=True)
    return folder


def archive_of(
    files: Mapping[str, bytes],
    name: str = "cpu",
    change: Callable[[dict[str, Any]], object] = lambda manifest: None,
    add: Callable[[tarfile.TarFile], object] = lambda tar: None,
    **facts: str,
) -> bytes:
    """A pack for this computer as a tar.gz with one folder. `change` alters what its manifest says, `add` puts more
    into the archive than belongs there."""
    manifest: dict[str, Any] = {
        "name": title_of(name),
        "backend": name.partition("-")[0],
        "version": VERSION,
        "system": this_system(),
        "machine": this_machine(),
        **facts,
        "files": [
            {"path": path, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for path, content in files.items()
        ],
    }
    change(manifest)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as tar:
        for path, content in {"pack.json": json.dumps(manifest).encode(), **files}.items():
            put(tar, f"{name}/{path}", content)
        add(tar)
    return packed.getvalue()


def title_of(name: str) -> str:
    """`cuda-13` -> `CUDA 13`"""
    return name.replace("-", " ").upper()


def put(tar: tarfile.TarFile, path: str, content: bytes = b"", **facts: Any) -> None:
    member = tarfile.TarInfo(path)
    member.size = len(content)
    for fact, value in facts.items():
        setattr(member, fact, value)
    tar.addfile(member, io.BytesIO(content))


def offer_of(
    archive: bytes, address: str = "https://nowhere.invalid/pack.tar.gz", **facts: Any
) -> OfferedPack:
    """As the index of a release would have it."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        told = next(each for each in tar if each.name.endswith("pack.json"))
        source = tar.extractfile(told)
        assert source is not None
        manifest = json.load(source)
    row = {key: manifest[key] for key in ("backend", "system", "machine", "version")}
    row |= {"name": manifest["name"].lower().replace(" ", "-"), "title": manifest["name"]}
    row |= {"unpacked_bytes": max(sum(file["bytes"] for file in manifest["files"]), 1)}
    row |= {"address": address, "bytes": len(archive), "sha256": hashlib.sha256(archive).hexdigest()}
    (offered,) = offered_packs([row | facts])
    return offered


@cache
def real_files() -> dict[str, bytes]:
    """The libraries of this installation, each under the one name that it is looked for by."""
    with TemporaryDirectory() as places:
        folder = good_pack(Path(places), "libraries")
        return {
            path.name: path.read_bytes()
            for path in folder.iterdir()
            if path.name != "pack.json" and not re.search(r"\.so\.\d+\.\d", path.name)
        }
