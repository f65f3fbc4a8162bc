"""What the name of a graphics device tells, and where Linux has it from."""

from __future__ import annotations

import re
from typing import Literal

Maker = Literal["NVIDIA", "AMD", "Intel", "Apple", ""]

MAKERS: dict[int, Maker] = {0x10DE: "NVIDIA", 0x1002: "AMD", 0x8086: "Intel"}
"""By PCI vendor."""

_WORDS: dict[Maker, tuple[str, ...]] = {
    "NVIDIA": ("nvidia", "geforce", "quadro", "tesla"),
    "AMD": ("amd", "radeon", "instinct"),
    "Intel": ("intel",),
    "Apple": ("apple",),
}

_AMD_PROCESSOR_GRAPHICS = re.compile(
    r"radeon( vega( \d+)?| r\d)? graphics$"  # `Radeon Graphics`, `Radeon Vega 8 Graphics`
    r"|\b(610|660|680|740|760|780|820|840|860|880|890)m\b"
    r"|\b80[2-9]\ds\b",
    re.IGNORECASE,
)
_INTEL_CARD = re.compile(
    r"\barc (pro )?[a-z]\d{2,3}m?\b|\bmax\b|\bflex\b|data center|\bdg\d\b", re.IGNORECASE
)
_INTEL_IN_PROCESSOR = re.compile(r"\barc (1\d\d[vt]|b3\d\d)\b", re.IGNORECASE)


def maker_of(name: str) -> Maker:
    """`AMD Radeon RX 7900 XTX` -> `AMD`; empty where the name does not tell."""
    words = re.split(r"\W+", tidy_device_name(name).casefold())
    return next((maker for maker, known in _WORDS.items() if any(each in words for each in known)), "")


def is_in_processor(name: str) -> bool:
    """Whether graphics of that name sit in the processor and work in main memory, for want of a better source."""
    tidy = tidy_device_name(name)
    if maker_of(tidy) == "Intel":
        return _INTEL_IN_PROCESSOR.search(tidy) is not None or _INTEL_CARD.search(tidy) is None
    return maker_of(tidy) == "AMD" and _AMD_PROCESSOR_GRAPHICS.search(tidy) is not None


def tidy_device_name(name: str) -> str:
    """`Intel(R) Arc(TM) A770 Graphics (DG2)` -> `Intel Arc A770 Graphics`."""
    name = re.sub(r"\((R|TM|C)\)", "", name, flags=re.IGNORECASE)
    name = re.sub(r"(\s*\([^()]*\))+\s*$", "", name)
    return " ".join(name.split())


def parse_udev_record(text: str, maker: str) -> str:
    """The model that udev's hardware database has for a PCI device, from /run/udev/data/+pci:ADDRESS:

    `E:ID_MODEL_FROM_DATABASE=Navi 48 [Radeon AI PRO R9700]` -> `AMD Radeon AI PRO R9700`. Empty without one.
    """
    for line in text.splitlines():
        key, _, model = line.partition("=")
        if key == "E:ID_MODEL_FROM_DATABASE" and model.strip():
            bracketed = re.search(r"\[([^\[\]]+)\]\s*$", model)
            name = bracketed[1] if bracketed else f"{model} graphics"
            return tidy_device_name(name if maker_of(name) == maker and maker in name else f"{maker} {name}")
    return ""


def parse_amdgpu_ids(text: str, device: int, revision: int) -> str:
    """AMD's name for a PCI device and revision, from libdrm's amdgpu.ids; empty where it has none.

    A line is `744C,\\tC8,\\tAMD Radeon RX 7900 XTX`; the file explains itself in its head.
    """
    for line in text.splitlines():
        parts = [part.strip() for part in line.split(",", 2)]
        if len(parts) == 3 and parts[0].upper() == f"{device:04X}" and parts[1].upper() == f"{revision:02X}":
            return tidy_device_name(parts[2])
    return ""
