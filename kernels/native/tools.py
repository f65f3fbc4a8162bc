"""What has to be on this computer to build a pack: found, or missed by name with what to install."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kernels.native.computer import this_machine, this_system
from kernels.native.fault import Fault
from kernels.native.recipes import Recipe

CMAKE = (3, 25)
VULKAN_NEEDS = "VK_EXT_layer_settings"
"""All that llama.cpp's Vulkan backend misses in Debian 12's headers (1.3.239); what else is new it does without."""

_NEWEST_ARM = "-march=armv9.2-a+sme"
CUDA_LIBRARIES = ("cublas", "cublasLt")
_CUDA_HOME = "/usr/local/cuda"
_LIBRARY_FOLDERS = ("lib64", "lib", "bin", "bin/x64", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib")


@dataclass(frozen=True)
class Shipped:
    """A library of somebody else that goes with a pack, and the files its licence is in."""

    library: Path
    licences: tuple[Path, ...]


@dataclass(frozen=True)
class Tools:
    """`settings`: what CMake is told of where things are. `versions`: by tool, for the manifest. `shipped`: libraries
    that go with the pack, by the name that a loader asks for. `headers`: with code that is compiled into the pack.
    """

    cmake: str
    generator: tuple[str, ...]
    settings: Mapping[str, str]
    versions: Mapping[str, str]
    shipped: Mapping[str, Shipped] = field(default_factory=dict)
    headers: tuple[Path, ...] = ()


def find_tools(recipe: Recipe, environment: Mapping[str, str] = os.environ) -> Tools:
    """For this recipe. Raises Fault, with a sentence for each thing that is missing."""
    search = _Search(environment)
    search.basics()
    match recipe.backend:
        case "vulkan":
            search.vulkan()
        case "cuda":
            search.cuda(int(recipe.name.partition("-")[2]))
        case "hip":
            search.hip()
        case "metal":
            search.need("xcrun", "Xcode's command line tools are missing: run xcode-select --install.")
    if search.missing:
        raise Fault(f"The {recipe.title} pack cannot be built here. " + " ".join(search.missing))
    return Tools(
        search.cmake, search.generator, search.settings, search.versions, search.shipped, search.headers
    )


class _Search:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._path = environment.get("PATH", os.defpath)
        self._system, self._machine = this_system(), this_machine()
        self.missing: list[str] = []
        self.settings: dict[str, str] = {}
        self.versions: dict[str, str] = {}
        self.shipped: dict[str, Shipped] = {}
        self.headers: tuple[Path, ...] = ()
        self.generator: tuple[str, ...] = ()
        self.cmake = "cmake"

    def basics(self) -> None:
        if cmake := self.need("cmake", "CMake is missing: install cmake 3.25 or newer."):
            self.cmake, told = cmake, _version(cmake)
            self.versions["cmake"] = told
            if numbers(told) < CMAKE:
                self.missing.append(f"CMake {told} is too old: install 3.25 or newer.")
        self._compiler()
        if ninja := self.find("ninja"):
            self.generator = ("-G", "Ninja")
            self.versions["ninja"] = _version(ninja)
        if ccache := self.find("ccache", "sccache"):
            for language in ("C", "CXX", "CUDA"):
                self.settings[f"CMAKE_{language}_COMPILER_LAUNCHER"] = ccache

    def _compiler(self) -> None:
        chosen = self._environment.get("CXX")
        # On Windows CMake would take a GCC that came with some other program before Visual Studio's.
        names = ("cl", "clang++", "g++") if self._system == "windows" else ("c++", "g++", "clang++")
        compiler = self.find(*([chosen] if chosen else names))
        if compiler is None:
            self.missing.append(
                "A C++ compiler is missing: install g++, clang or Visual Studio's build tools."
            )
            return
        is_visual = Path(compiler).stem == "cl"
        if is_visual and not chosen:
            self.settings |= {"CMAKE_C_COMPILER": compiler, "CMAKE_CXX_COMPILER": compiler}
        self.versions["compiler"] = _first_line(compiler, *(() if is_visual else ("--version",)))
        if (self._system, self._machine) == ("linux", "arm64") and not _knows(compiler, _NEWEST_ARM):
            self.missing.append(
                f"The C++ compiler does not know {_NEWEST_ARM}, the newest ARM instructions: install g++ 14 or "
                "clang 18 and set CC and CXX."
            )

    def vulkan(self) -> None:
        sdk = self._environment.get("VULKAN_SDK", "")
        bins = [str(Path(sdk) / "bin"), str(Path(sdk) / "Bin")] if sdk else []
        glslc = self.find("glslc", beside=bins)
        if glslc is None:
            self.missing.append("glslc, which compiles shaders, is missing: install glslc or the Vulkan SDK.")
        else:
            self.settings["Vulkan_GLSLC_EXECUTABLE"] = glslc
            self.versions["glslc"] = _first_line(glslc, "--version")
        folders = [Path(sdk) / "include", Path(sdk) / "Include"] if sdk else []
        folders += [Path("/usr/local/include"), Path("/usr/include")]
        if not any((folder / "spirv" / "unified1" / "spirv.hpp").is_file() for folder in folders):
            self.missing.append("SPIR-V's headers are missing: install spirv-headers or the Vulkan SDK.")
        folder, told = vulkan_headers_in(folders)
        get = "get the Vulkan SDK, or libvulkan-dev and spirv-headers of Debian 13 in a folder of their own, and set "
        if folder is None:
            self.missing.append(f"Vulkan's headers are missing: {get}VULKAN_SDK to it.")
        elif not told:
            self.missing.append(
                f"Vulkan's headers in {folder} are too old ({VULKAN_NEEDS}): {get}VULKAN_SDK to it."
            )
        else:
            self.versions["vulkan headers"] = told
            self.settings["Vulkan_INCLUDE_DIR"] = str(folder)
            self.headers = (folder / "vulkan" / "vulkan.hpp",)

    def cuda(self, major: int) -> None:
        beside = [str(Path(_CUDA_HOME) / "bin")]
        if home := self._environment.get("CUDA_PATH"):
            beside.insert(0, str(Path(home) / "bin"))
        nvcc = self.find(self._environment.get("CUDACXX") or "nvcc", beside=beside)
        get = f"install the CUDA toolkit {major} and set CUDACXX to its nvcc."
        if nvcc is None:
            self.missing.append(f"nvcc, the CUDA compiler, is missing: {get}")
            return
        told = re.search(r"V(\d+\.\d+\.\d+)", _output(nvcc, "--version"))
        version = told[1] if told else "0"
        if numbers(version)[0] != major:
            self.missing.append(f"nvcc here is of CUDA {version}: {get}")
            return
        self.settings["CMAKE_CUDA_COMPILER"] = nvcc
        self.versions["nvcc"] = version
        self._cublas(major, Path(nvcc).resolve().parents[1])

    def _cublas(self, major: int, toolkit: Path) -> None:
        """In the toolkit, or in NVIDIA's package for Python, which goes with any toolkit of the same major version.

        It goes with the pack, as NVIDIA's licence allows: hardly anybody who plays games has it."""
        site = Path(sysconfig.get_path("purelib"))
        licence = _first(
            toolkit, "EULA.txt", "LICENSE", "dist-info/nvidia_cuda_runtime*/licenses/*"
        ) or _first(site, f"nvidia_cublas*{major}.*dist-info/licenses/*")
        if licence is None:
            self.missing.append(
                f"NVIDIA's licence, which goes with its libraries, is not to be found in {toolkit}."
            )
            return
        names = {name: _cuda_file(name, major) for name in CUDA_LIBRARIES}
        homes = (toolkit, site / "nvidia" / f"cu{major}", site / "nvidia" / "cublas")
        places = [(home, {name: _library(home, file) for name, file in names.items()}) for home in homes]
        home, libraries = next((place for place in places if None not in place[1].values()), (toolkit, {}))
        if not libraries:
            self.missing.append(
                f"cuBLAS is missing: install it with the toolkit, or nvidia-cublas=={major}.* with pip."
            )
            return
        for name, library in libraries.items():
            assert library is not None
            self.shipped[library.name] = Shipped(library, (licence,))
            if home != toolkit:
                self.settings[f"CUDA_{name}_LIBRARY"] = str(library)
        if home != toolkit:
            self.settings["CMAKE_CUDA_FLAGS"] = f"-I{home / 'include'}"
        runtime = _library(toolkit, _cuda_file("cudart", major))
        if runtime is None:
            self.missing.append(f"The CUDA runtime library is missing in {toolkit}.")
        else:
            self.shipped[runtime.name] = Shipped(runtime, (licence,))

    def hip(self) -> None:
        home = self._environment.get("ROCM_PATH") or self._environment.get("HIP_PATH") or "/opt/rocm"
        hipcc = self.find("hipconfig", beside=[str(Path(home) / "bin")])
        if hipcc is None:
            self.missing.append(
                "AMD's HIP is missing: install ROCm 6.1 or newer with hipBLAS and rocBLAS and set ROCM_PATH to it."
            )
        else:
            self.versions["hip"] = _first_line(hipcc, "--version")

    def need(self, name: str, sentence: str) -> str | None:
        found = self.find(name)
        if found is None:
            self.missing.append(sentence)
        return found

    def find(self, *names: str, beside: list[str] | None = None) -> str | None:
        path = os.pathsep.join([*(beside or []), self._path])
        return next((found for name in names if (found := shutil.which(name, path=path))), None)


def vulkan_headers_in(folders: list[Path]) -> tuple[Path | None, str]:
    """The first of the folders that has any, and their version; that is empty where they are too old."""
    for folder in folders:
        try:
            text = (folder / "vulkan" / "vulkan_core.h").read_text("utf-8", "replace")
        except OSError:
            continue
        patch = re.search(r"#define VK_HEADER_VERSION (\d+)", text)
        whole = re.search(r"#define VK_HEADER_VERSION_COMPLETE VK_MAKE_API_VERSION\(\d+, (\d+), (\d+),", text)
        can = patch and whole and re.search(rf"#define {VULKAN_NEEDS}\b", text)
        return folder, f"{whole[1]}.{whole[2]}.{patch[1]}" if can and whole and patch else ""
    return None, ""


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3]) or (0,)


def _cuda_file(name: str, major: int) -> str:
    """As a loader asks for it; Windows has the patch version in some, so a pattern."""
    return f"{name}64_{major}*.dll" if os.name == "nt" else f"lib{name}.so.{major}"


def _library(home: Path, name: str) -> Path | None:
    return _first(home, *(f"{folder}/{name}" for folder in _LIBRARY_FOLDERS))


def _first(folder: Path, *patterns: str) -> Path | None:
    return next(
        (file for pattern in patterns for file in sorted(folder.glob(pattern)) if file.is_file()), None
    )


def _knows(compiler: str, option: str) -> bool:
    try:
        command = [compiler, option, "-x", "c++", "-fsyntax-only", os.devnull]
        return not subprocess.run(command, capture_output=True, timeout=60).returncode
    except (OSError, subprocess.TimeoutExpired):
        return False


def _version(program: str) -> str:
    found = re.search(r"\d+(\.\d+)+", _output(program, "--version"))
    return found[0] if found else "0"


def _first_line(program: str, *options: str) -> str:
    return next(_lines(_output(program, *options)), "unknown")


def _lines(text: str) -> Iterator[str]:
    return (line.strip() for line in text.splitlines() if line.strip())


def _output(program: str, *options: str) -> str:
    try:
        done = subprocess.run(
            [program, *options], capture_output=True, text=True, errors="replace", timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr
