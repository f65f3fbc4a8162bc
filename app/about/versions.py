"""Which versions of its parts this Nibble has: what a person is asked for who reports a fault."""

from __future__ import annotations

import os
import platform
import re
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from app import __version__

_GGML = re.compile(r"libggml-base\.(?:so\.)?(\d+\.\d+\.\d+)(?:\.dylib)?")


@dataclass(frozen=True)
class Versions:
    """`qt`: None where only the engine is installed. `ggml`: of llama.cpp's libraries, None where their names do not
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
    """From the name of the library, which ends in it on Linux and macOS."""
    if folder is None:
        spec = find_spec("llama_cpp")
        if spec is None or spec.origin is None:
            return None
        folder = Path(spec.origin).parent / "lib"
    names = (_GGML.fullmatch(file.name) for file in (folder.iterdir() if folder.is_dir() else ()))
    return next((found[1] for found in names if found), None)


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
