"""CMake configures, builds and installs a pack; what goes with the libraries is put beside them, then the manifest."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from kernels.native.computer import this_system
from kernels.native.fault import Fault
from kernels.native.licences import write_licences
from kernels.native.manifest import LIBRARY_ENDINGS, write_manifest
from kernels.native.recipes import Recipe
from kernels.native.source import Source
from kernels.native.tools import Shipped, Tools

PRESETS = Path(__file__).parent
_GOMP_LICENCES = (
    ("/usr/share/doc/libgomp1/copyright", "/usr/share/common-licenses/GPL-3"),
    ("/usr/share/licenses/libgomp/COPYING.RUNTIME", "/usr/share/licenses/libgomp/COPYING3"),
    (
        "/usr/share/licenses/gcc-libs/RUNTIME.LIBRARY.EXCEPTION",
        "/usr/share/licenses/spdx/GPL-3.0-or-later.txt",
    ),
)
"""The exception that lets it go along, and the licence that it is one to: on Debian, Fedora and Arch."""


def build_pack(recipe: Recipe, source: Source, tools: Tools, out: Path, work: Path, jobs: int) -> Path:
    """The pack's folder in `out`, complete or not there. What was compiled stays in `work`. Raises Fault."""
    tree = (work / "tree").resolve()  # one for all packs: what is the processor's is compiled once
    settings = {"LLAMA_CPP_SOURCE": str(source.folder), **tools.settings}
    configure = [tools.cmake, "--preset", recipe.name, "-S", str(PRESETS), "-B", str(tree), *tools.generator]
    _run([*configure, *(f"-D{name}={value}" for name, value in settings.items())], "configure", recipe)
    _run([tools.cmake, "--build", str(tree), "--config", "Release", "--parallel", str(jobs)], "build", recipe)
    partial = out / f".{recipe.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    install = [
        tools.cmake,
        "--install",
        str(tree),
        "--config",
        "Release",
        "--strip",
        "--prefix",
        str(partial),
    ]
    _run(install, "install", recipe)
    if (
        this_system() == "macos"
    ):  # stripped, they are not any more what the linker has signed, and would not be loaded
        libraries = [str(file) for file in partial.iterdir() if file.suffix in LIBRARY_ENDINGS]
        _run(["codesign", "--force", "--sign", "-", *libraries], "sign", recipe)
    cache = read_cache(tree / "CMakeCache.txt")
    shipped = {**tools.shipped, **_openmp(cache)}
    for name, each in shipped.items():
        shutil.copyfile(each.library, partial / name)
    licences = {name: each.licences for name, each in shipped.items()}
    write_licences(partial, source.folder, recipe.code, tools.headers, licences)
    write_manifest(partial, recipe, source, tools.versions, devices_of(partial, recipe, cache))
    pack = out / recipe.name
    shutil.rmtree(pack, ignore_errors=True)
    partial.rename(pack)
    return pack


def devices_of(pack: Path, recipe: Recipe, cache: Mapping[str, str]) -> list[str]:
    """As in "cpu:haswell", "cuda:8.9", "hip:gfx1100" and "vulkan"."""
    return [
        *sorted(f"cpu:{variant}" for variant in _cpu_variants(pack)),
        *(_compiled_for(recipe, cache) if recipe.backend != "cpu" else ()),
    ]


def _cpu_variants(pack: Path) -> Iterator[str]:
    for file in pack.iterdir():
        named = re.fullmatch(r"(?:lib)?ggml-cpu-(.+)", file.stem)
        if named and file.suffix in LIBRARY_ENDINGS:
            yield named[1]


def _compiled_for(recipe: Recipe, cache: Mapping[str, str]) -> list[str]:
    match recipe.backend:
        case "cuda":
            numbers = [re.match(r"(\d+)(\d)", each) for each in cache.get("PACK_DEVICES", "").split(";")]
            return list(dict.fromkeys(f"cuda:{each[1]}.{each[2]}" for each in numbers if each))
        case "hip":
            return [f"hip:{target}" for target in cache.get("GPU_TARGETS", "").split(";") if target]
    return [recipe.backend]


def _openmp(cache: Mapping[str, str]) -> dict[str, Shipped]:
    """GCC's library of threads, if linked with: not every computer has it, and its licence lets it go along."""
    library = cache.get("OpenMP_gomp_LIBRARY", "")
    if not library or library.endswith("NOTFOUND"):
        return {}
    for licences in (tuple(map(Path, names)) for names in _GOMP_LICENCES):
        if all(file.is_file() for file in licences):
            return {"libgomp.so.1": Shipped(Path(library).resolve(), licences)}
    raise Fault("The licence of libgomp, which goes with the pack, is not to be found on this computer.")


def read_cache(file: Path) -> dict[str, str]:
    """CMake's variables."""
    lines = file.read_text("utf-8", "replace").splitlines()
    entries = (re.match(r"([^#/][^:]*):[A-Z]+=(.*)", line) for line in lines)
    return {entry[1]: entry[2] for entry in entries if entry}


def _run(command: Sequence[str], verb: str, recipe: Recipe) -> None:
    try:
        done = subprocess.run(command, env={**os.environ, "CCACHE_SLOPPINESS": "time_macros"}, check=False)
    except OSError as error:
        raise Fault(f"{command[0]} cannot be started: {error.strerror or error}.") from None
    if done.returncode:
        raise Fault(f"{Path(command[0]).name} could not {verb} the {recipe.title} pack; its words are above.")
