"""Which runtime would a worker load? Told without loading it."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from pathlib import Path


def runtime_fingerprint() -> str:
    """Changes with llama.cpp's version and with every build of it, one for graphics cards included: it is
    made of the names, sizes and times of its libraries."""
    digest = hashlib.sha256()
    for library in sorted(_library_folder().iterdir()):
        status = library.stat()
        digest.update(f"{library.name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _library_folder() -> Path:
    """As the bindings choose it."""
    if override := os.environ.get("LLAMA_CPP_LIB_PATH"):
        return Path(override)
    bindings = importlib.util.find_spec("llama_cpp")
    assert bindings is not None
    assert bindings.origin is not None
    return Path(bindings.origin).parent / "lib"
