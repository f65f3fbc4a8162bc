"""Libraries of the system that the program is frozen on: which go along, and whose they are.

What draws, what speaks to the desktop, and the C and C++ libraries must be those of the computer the program runs on:
they belong to its drivers and its desktop. Along go those that Python itself needs and that may have another version
elsewhere, and those few for windows on X11 that a desktop without Qt lacks.
"""

from __future__ import annotations

import re
from pathlib import Path

from installers.commands import run

OF_DISTRIBUTIONS = (
    "libbz2.so.1.0",
    "libcrypto.so.3",
    "libffi.so.8",
    "liblzma.so.5",
    "libsqlite3.so.0",
    "libssl.so.3",
    "libxcb-cursor.so.0",
    "libxcb-icccm.so.4",
    "libxcb-image.so.0",
    "libxcb-keysyms.so.1",
    "libxcb-render-util.so.0",
    "libxcb-util.so.1",
    "libxcb-xkb.so.1",
    "libxkbcommon-x11.so.0",
    "libxkbcommon.so.0",
)
"""The Debian package leaves them out again, and depends on the packages that have them: those are called the same, or
provide the same name, in Debian 12 and 13 and in Ubuntu from 22.04 on."""

BROUGHT_ALONG = (*OF_DISTRIBUTIONS, "libmpdec.so.3")
"""All that goes along of the build system's. The last one is for decimal numbers in Debian's own Python; the next
Debian has another version of it."""

OF_THE_DESKTOP = (
    "ld-linux-aarch64.so.1",
    "ld-linux-x86-64.so.2",
    "libEGL.so.1",
    "libGL.so.1",
    "libX11-xcb.so.1",
    "libX11.so.6",
    "libatk-1.0.so.0",
    "libbrotlicommon.so.1",
    "libbrotlidec.so.1",
    "libc.so.6",
    "libcairo-gobject.so.2",
    "libcairo.so.2",
    "libdbus-1.so.3",
    "libdl.so.2",
    "libexpat.so.1",
    "libfontconfig.so.1",
    "libfreetype.so.6",
    "libgcc_s.so.1",
    "libgdk-3.so.0",
    "libgdk_pixbuf-2.0.so.0",
    "libgio-2.0.so.0",
    "libglib-2.0.so.0",
    "libgomp.so.1",
    "libgobject-2.0.so.0",
    "libgssapi_krb5.so.2",
    "libgthread-2.0.so.0",
    "libgtk-3.so.0",
    "libharfbuzz.so.0",
    "libm.so.6",
    "libpango-1.0.so.0",
    "libpangocairo-1.0.so.0",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libstdc++.so.6",
    "libutil.so.1",
    "libuuid.so.1",
    "libvulkan.so.1",
    "libwayland-client.so.0",
    "libwayland-cursor.so.0",
    "libxcb-randr.so.0",
    "libxcb-render.so.0",
    "libxcb-shape.so.0",
    "libxcb-shm.so.0",
    "libxcb-sync.so.1",
    "libxcb-xfixes.so.0",
    "libxcb.so.1",
    "libz.so.1",
    "libzstd.so.1",
)
"""What the program may need and not bring. Those of GTK and Wayland are needed by plugins of Qt that are left alone
where they are missing; Vulkan's by the pack of that name."""

_SYSTEM_FOLDERS = ("/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/", "/usr/local/lib/")


def is_of_the_system(path: Path) -> bool:
    """Python's own library and its modules are not, also where the system has its Python from."""
    return (
        str(path).startswith(_SYSTEM_FOLDERS)
        and re.match(r"lib(?!python).+\.so(\.|$)", path.name) is not None
    )


def is_brought_along(path: Path) -> bool:
    """Whether a file that PyInstaller found at `path` goes into the program."""
    return not is_of_the_system(path) or path.name in BROUGHT_ALONG


def owner(name: str) -> tuple[str, Path]:
    """The Debian package a library of this system is from, and its copyright file. Raises BuildFault."""
    found = run(["dpkg-query", "--search", f"*/{name}"])
    package = found.partition(":")[0]
    return package, Path("/usr/share/doc") / package / "copyright"
