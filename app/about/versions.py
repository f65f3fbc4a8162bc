"""Which versions of its parts this Nibble has: what a person is asked for who reports a fault."""

from __future__ import annotations

import os
import platform
import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from app import __version__

_NUMBER = re.compile(rb"(?<=\0)\d+\.\d+\.\d+(?=\0)")
_LARGEST_BYTES = 1 << 26
"""Of a library that is looked through; they have one megabyte."""


@dataclass(frozen=True)
class Versions:
    """`qt`: None where only the engine is installed. `ggml`: of llama.cpp's libraries, None where they do not
    say. `pack`: the runtime pack that the next model is loaded on, as far as that is known without trying it."""

    nibble: str
    python: str
    qt: str | None
    llama_cpp_python: str
    ggml: str | None
    pack: str
    pack_backend: str
    system: str
    machine: str
    frozen: bool


def read_versions() -> Versions:
    """Starts no worker, and imports neither Qt nor llama.cpp."""
    name, backend, folder = _pack()
    return Versions(
        nibble=__version__,
        python=platform.python_version(),
        qt=_installed("PySide6-Essentials"),
        llama_cpp_python=_installed("llama-cpp-python") or "not installed",
        ggml=_ggml(folder),
        pack=name,
        pack_backend=backend,
        system=_system(),
        machine=platform.machine(),
        frozen=bool(getattr(sys, "frozen", False)),
    )


def _pack() -> tuple[str, str, Path | None]:
    from app.runtime.packs import runtime_packs

    override = os.environ.get("LLAMA_CPP_LIB_PATH")
    if override:  # goes before all
        return f"{override} (LLAMA_CPP_LIB_PATH)", "", Path(override)
    by_choice = sorted(runtime_packs().states(), key=lambda state: not state.is_chosen)
    taken = next(state.pack for state in by_choice if not state.fault)
    return taken.name, taken.backend, taken.folder


def _ggml(folder: Path | None) -> str | None:
    """Read out of the library, where it stands as text; to ask it, llama.cpp would have to be loaded."""
    if folder is None:
        spec = find_spec("llama_cpp")
        if spec is None or spec.origin is None:
            return None
        folder = Path(spec.origin).parent / "lib"
    for file in sorted(folder.glob("*ggml-base.*")):
        with suppress(OSError):
            found: set[bytes] = (
                set(_NUMBER.findall(file.read_bytes())) if file.stat().st_size < _LARGEST_BYTES else set()
            )
            if len(found) == 1:
                return found.pop().decode()
    return None


def _installed(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _system() -> str:
    """As people call it: Debian GNU/Linux 12 (bookworm), macOS 15.1, Windows 11."""
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    if sys.platform == "win32":
        return f"Windows {platform.release()} ({platform.version()})"
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()
