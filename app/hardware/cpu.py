"""The processor: its name, cores and the instruction sets that matter to llama.cpp."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import psutil

from app.hardware.cores import CoreKinds, parse_perflevels, read_linux_core_kinds, read_windows_core_kinds
from app.hardware.machine import Cpu

# llama.cpp's name for an instruction set (as in its system_info line) by the names Linux and macOS have for it.
_FEATURES: dict[str, tuple[str, ...]] = {
    "SSE3": ("pni", "sse3"),
    "SSSE3": ("ssse3",),
    "SSE4_2": ("sse4_2", "sse4.2"),
    "AVX": ("avx", "avx1.0"),
    "AVX_VNNI": ("avx_vnni",),
    "AVX2": ("avx2",),
    "F16C": ("f16c",),
    "FMA": ("fma",),
    "BMI2": ("bmi2",),
    "AVX512": ("avx512f",),
    "AVX512_VBMI": ("avx512vbmi", "avx512_vbmi"),
    "AVX512_VNNI": ("avx512_vnni", "avx512vnni"),
    "AVX512_BF16": ("avx512_bf16", "avx512bf16"),
    "AMX_INT8": ("amx_int8",),
    "NEON": ("asimd", "neon", "feat_advsimd", "advsimd"),
    "FP16_VA": ("asimdhp", "feat_fp16"),
    "DOTPROD": ("asimddp", "feat_dotprod"),
    "MATMUL_INT8": ("i8mm", "feat_i8mm"),
    "BF16": ("bf16", "feat_bf16"),
    "SVE": ("sve",),
    "SME": ("sme", "feat_sme"),
}

# IsProcessorFeaturePresent numbers, from winnt.h.
_WINDOWS_FEATURES = {
    13: "SSE3",
    36: "SSSE3",
    38: "SSE4_2",
    39: "AVX",
    40: "AVX2",
    41: "AVX512",
    19: "NEON",
    43: "DOTPROD",
}


def read_cpu() -> tuple[Cpu, tuple[str, ...]]:
    """This computer's processor and a note for each thing that could not be told."""
    name, features = _name_and_features()
    logical = psutil.cpu_count(logical=True) or os.cpu_count() or 1
    physical = psutil.cpu_count(logical=False)
    notes = []
    if not name:
        notes.append("The system does not tell the processor's name.")
    if physical is None:
        notes.append("The system does not tell how many of the processor's cores are physical.")
    fallback = platform.machine() or "unknown"
    kinds = _core_kinds()
    cpu = Cpu(
        name or f"{fallback} processor",
        physical or logical,
        logical,
        features,
        kinds.performance if kinds else None,
        kinds.efficiency if kinds else None,
    )
    return cpu, tuple(notes)


def parse_cpuinfo(text: str) -> tuple[str, tuple[str, ...]]:
    """Name (empty if it is not there) and features from Linux's /proc/cpuinfo, x86 or ARM."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon and value.strip():
            fields.setdefault(key.strip().lower(), value.strip())
    # ARM kernels give no model name; boards like the Raspberry Pi name themselves under "Model".
    name = fields.get("model name") or fields.get("hardware") or fields.get("model", "")
    flags = fields.get("flags") or fields.get("features", "")
    # "model" is a bare number on x86.
    return ("" if name.isdigit() else tidy_name(name)), known_features(flags.split())


def parse_sysctl(text: str) -> tuple[str, tuple[str, ...]]:
    """Name and features from macOS's `sysctl machdep.cpu hw.optional`, Apple silicon or Intel."""
    name, flags = "", []
    for line in text.splitlines():
        key, _, value = line.partition(":")
        key, value = key.strip(), value.strip()
        if key == "machdep.cpu.brand_string":
            name = value
        elif key in ("machdep.cpu.features", "machdep.cpu.leaf7_features"):
            flags += value.split()
        elif key.startswith("hw.optional.") and value == "1":
            flags.append(key.rpartition(".")[2])
    return tidy_name(name), known_features(flags)


def known_features(flags: list[str]) -> tuple[str, ...]:
    """Those of the system's flags that llama.cpp has code for, under llama.cpp's names."""
    present = {flag.lower() for flag in flags}
    return tuple(name for name, aliases in _FEATURES.items() if present.intersection(aliases))


def tidy_name(name: str) -> str:
    """`Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz` -> `Intel Core i7-9750H`."""
    name = re.sub(r"\((R|TM|C)\)", "", name, flags=re.IGNORECASE)
    name = re.sub(r"\s+(CPU)?\s*@\s*[\d.]+\s*[GM]Hz$", "", name)
    name = re.sub(r"\s+(\d+-Core )?Processor$", "", name)
    return " ".join(name.split())


def _name_and_features() -> tuple[str, tuple[str, ...]]:
    if sys.platform == "darwin":
        return parse_sysctl(_sysctl("machdep.cpu", "hw.optional"))
    if sys.platform == "win32":
        return _read_windows()
    try:
        return parse_cpuinfo(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return "", ()


def _core_kinds() -> CoreKinds | None:
    if sys.platform == "darwin":
        return parse_perflevels(_sysctl("hw.perflevel0.physicalcpu", "hw.perflevel1.physicalcpu"))
    if sys.platform == "win32":
        return read_windows_core_kinds()
    return read_linux_core_kinds(Path("/"))


def _sysctl(*names: str) -> str:
    try:
        return subprocess.run(
            ["/usr/sbin/sysctl", *names], capture_output=True, text=True, timeout=1, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _read_windows() -> tuple[str, tuple[str, ...]]:
    if sys.platform != "win32":  # lets mypy check the rest for Windows only
        return "", ()
    import ctypes
    import winreg

    try:
        key = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
            name = str(winreg.QueryValueEx(opened, "ProcessorNameString")[0])
    except OSError:
        name = ""
    has = ctypes.windll.kernel32.IsProcessorFeaturePresent
    return tidy_name(name), tuple(feature for number, feature in _WINDOWS_FEATURES.items() if has(number))
