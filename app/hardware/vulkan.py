"""Whether a Vulkan program finds a driver that computes on graphics; told by files, without loading any.

The Vulkan loader's own documentation ("Architecture of the Vulkan Loader Interfaces", Driver Discovery) says where on
Linux drivers leave a manifest; on Windows each graphics driver brings the loader along.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

_ON_THE_PROCESSOR = ("lvp_icd", "lavapipe", "swiftshader", "vk_swiftshader")
"""How manifests of drivers that compute on the processor begin: models do that faster without them."""
_LIBRARIES = ("usr/lib/*-linux-gnu", "usr/lib64", "usr/lib", "usr/local/lib")


def has_vulkan_driver(
    system: str = sys.platform, root: Path = Path("/"), environment: Mapping[str, str] = os.environ
) -> bool:
    """`root` and `environment` stand in for this computer's in tests. macOS has no Vulkan of its own."""
    if system == "win32":
        return (Path(environment.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "vulkan-1.dll").exists()
    if not system.startswith("linux"):
        return False
    has_loader = any(any(root.glob(f"{folder}/libvulkan.so.1")) for folder in _LIBRARIES)
    return has_loader and any(
        not name.startswith(_ON_THE_PROCESSOR) for name in _linux_manifests(root, environment)
    )


def _linux_manifests(root: Path, environment: Mapping[str, str]) -> Iterator[str]:
    chosen = environment.get("VK_DRIVER_FILES") or environment.get("VK_ICD_FILENAMES")
    if chosen:
        yield from (Path(each).name for each in chosen.split(os.pathsep))
        return
    home = environment.get("HOME", "")
    places = ["/usr/share", "/etc", "/usr/local/share", "/usr/local/etc", "/etc/xdg"]
    places += environment.get("XDG_DATA_DIRS", "").split(os.pathsep)
    places += [environment.get("XDG_DATA_HOME", ""), f"{home}/.local/share" if home else ""]
    for place in filter(None, places):
        with suppress(OSError):
            yield from (
                path.name
                for path in (root / place.lstrip("/") / "vulkan" / "icd.d").iterdir()
                if path.suffix == ".json"
            )
