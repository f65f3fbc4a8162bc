"""llama.cpp in the frozen program: the pack `cpu` as its own runtime, and packs for accelerators beside it.

The libraries that pip compiled into llama-cpp-python are for the processor of the machine that built them, and end the
program on others; so they only go along where that is wished, for trials.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from installers.faults import BuildFault
from installers.release import Release

MANIFEST = "pack.json"
OWN_PACK = "cpu"
GOES_ALONG = {"linux": ("vulkan",), "macos": ("metal",), "windows": ("vulkan",)}
"""What is too large for everybody (CUDA), or for few (ROCm, RPC), is fetched by those who want it."""


@dataclass(frozen=True)
class Runtime:
    """`own`: the folder that becomes the program's own llama.cpp; `beside`: folders of packs that go along."""

    own: Path
    beside: tuple[Path, ...]


def runtime_of(release: Release, packs: Path | None, *, native_runtime: bool) -> Runtime:
    """What of `packs` goes along, found whole. Raises BuildFault."""
    folder = packs or Path("packs")
    own = folder / OWN_PACK
    beside = [folder / name for name in GOES_ALONG[release.system] if (folder / name).is_dir()]
    for pack in (own, *beside):
        if pack.is_dir():
            require_whole(pack, release)
    if own.is_dir():
        return Runtime(own, tuple(beside))
    if not native_runtime:
        raise BuildFault(
            f"There is no pack {OWN_PACK} in {folder}: llama-cpp-python's own libraries are for this processor alone. "
            "Build it with python -m kernels.native, or say --native-runtime for a program that stays here."
        )
    return Runtime(_compiled_here(), tuple(beside))


def put_runtime(runtime: Runtime, program: Path, release: Release) -> None:
    """Copies it into the frozen program."""
    from installers.freezing import internal_folder

    internal = internal_folder(program, release)
    shutil.copytree(runtime.own, internal / "llama_cpp" / "lib", symlinks=True)
    for pack in runtime.beside:
        shutil.copytree(pack, packs_folder(program, release) / pack.name, symlinks=True)


def packs_folder(program: Path, release: Release) -> Path:
    """Beside the executable."""
    return program / "Contents" / "MacOS" / "packs" if release.system == "macos" else program / "packs"


def require_whole(pack: Path, release: Release) -> None:
    """Raises BuildFault unless the pack is for this release, and made of just the files its manifest lists."""
    try:
        manifest: dict[str, Any] = json.loads((pack / MANIFEST).read_bytes())
        said = (manifest["version"], manifest["system"], manifest["machine"])
        listed = {each["path"]: each["sha256"] for each in manifest["files"]}
    except OSError as error:
        raise BuildFault(f"The pack {pack.name} has no {MANIFEST}: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BuildFault(
            f"The {MANIFEST} of the pack {pack.name} does not say what it is ({error!r})."
        ) from error
    if said != (wanted := (version("llama-cpp-python"), release.system, release.machine)):
        raise BuildFault(
            f"The pack {pack.name} is for {' '.join(map(str, said))} and not for {' '.join(wanted)}."
        )
    there = {
        file.relative_to(pack).as_posix(): _digest(file)
        for file in pack.rglob("*")
        if file.is_file() and file.name != MANIFEST
    }
    if there != listed:
        differing = sorted(name for name in there.keys() | listed if there.get(name) != listed.get(name))
        raise BuildFault(f"The pack {pack.name} is not as it was built: {', '.join(differing[:5])}.")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _compiled_here() -> Path:
    bindings = find_spec("llama_cpp")
    if bindings is None or bindings.origin is None:
        raise BuildFault("llama-cpp-python is not installed.")
    return Path(bindings.origin).parent / "lib"
