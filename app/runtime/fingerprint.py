"""Which build of llama.cpp lies in a folder? Told without loading it."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path


def fingerprint_of(folder: Path | None) -> str:
    """Changes with llama.cpp's version and with every build of it: it is made of the names, sizes and times of the
    files in `folder`, or of the libraries inside llama-cpp-python."""
    digest = hashlib.sha256()
    for library in sorted((folder or _bindings_folder()).iterdir()):
        status = library.stat()
        digest.update(
            f"{library.name} {status.st_size} {status.st_mtime_ns}\n".encode("utf-8", "surrogateescape")
        )
    return digest.hexdigest()


def _bindings_folder() -> Path:
    bindings = importlib.util.find_spec("llama_cpp")
    assert bindings is not None
    assert bindings.origin is not None
    return Path(bindings.origin).parent / "lib"
