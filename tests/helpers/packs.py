"""Runtime packs made of the build inside llama-cpp-python, and of libraries that do harm."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

VERSION = version("llama-cpp-python")


def write_manifest(folder: Path, name: str, backend: str = "cpu", built_from: str = VERSION) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {"name": name, "backend": backend, "version": built_from}
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


def truncated_pack(places: Path, name: str) -> Path:
    folder = good_pack(places, name)
    for library in folder.glob("*llama*"):
        content = library.read_bytes()
        library.unlink()  # it may be a link to the one that is in use
        library.write_bytes(content[: len(content) // 3])
    return folder


def pack_of(places: Path, name: str, code: str) -> Path:
    """libllama is made of C `code`, which is run as it is loaded."""
    folder = write_manifest(places / name, name)
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or os.name != "posix":
        pytest.skip("needs a C compiler")
    source = folder / "made.c"
    source.write_text(
        f"#include <stdlib.h>\n#include <unistd.h>\n__attribute__((constructor)) void begin(void) {{ {code} }}\n"
    )
    subprocess.run([compiler, "-shared", "-fPIC", "-o", folder / "libllama.so", source], check=True)
    return folder
