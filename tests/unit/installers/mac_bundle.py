"""A bundle as PyInstaller leaves it, small: machine code that consists of its header alone."""

from __future__ import annotations

import hashlib
import json
import plistlib
import struct
from pathlib import Path

CPU_TYPES = {"x86_64": 0x01000007, "arm64": 0x0100000C}
EXECUTABLE, LIBRARY = 2, 6


def machine_code(machine: str = "arm64", minimum: tuple[int, int] = (11, 0), kind: int = LIBRARY) -> bytes:
    """A file of Mach-O with one load command, LC_BUILD_VERSION, as <mach-o/loader.h> lays it out."""
    command = struct.pack("<6I", 0x32, 24, 1, minimum[0] << 16 | minimum[1] << 8, 15 << 16, 0)
    return struct.pack("<8I", 0xFEEDFACF, CPU_TYPES[machine], 0, kind, 1, len(command), 0, 0) + command


def for_several(*parts: bytes) -> bytes:
    """One file of them, as <mach-o/fat.h> lays it out."""
    header, offset = struct.pack(">2I", 0xCAFEBABE, len(parts)), 4096
    body = b""
    for part in parts:
        cpu = struct.unpack_from("<I", part, 4)[0]
        header += struct.pack(">5I", cpu, 0, offset + len(body), len(part), 12)
        body += part.ljust(4096, b"\0")
    return header.ljust(4096, b"\0") + body


def _write_pack(folder: Path, machine: str) -> None:
    (folder / "licences").mkdir(parents=True)
    (folder / "libllama.dylib").write_bytes(machine_code(machine, (13, 3)))
    (folder / "licences" / "MIT.txt").write_text("MIT")
    files = []
    for path in ("libllama.dylib", "licences/MIT.txt"):
        content = (folder / path).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        files.append({"path": path, "bytes": len(content), "sha256": digest})
    manifest = {"name": folder.name, "backend": "metal", "version": "1", "files": files}
    (folder / "pack.json").write_text(json.dumps(manifest))


def make_bundle(folder: Path, machine: str = "arm64") -> Path:
    """Nibble.app with a main executable, libraries, one framework with links as frameworks have them, and data."""
    app = folder / "Nibble.app"
    contents = app / "Contents"
    framework = contents / "Frameworks" / "PySide6" / "Qt" / "lib" / "QtCore.framework"
    for path in (contents / "MacOS", contents / "Resources", framework / "Versions" / "A" / "Resources"):
        path.mkdir(parents=True)
    (contents / "MacOS" / "nibble").write_bytes(machine_code(machine, kind=EXECUTABLE))
    for pack in (contents / "Frameworks" / "llama_cpp" / "lib", contents / "MacOS" / "packs" / "metal"):
        _write_pack(pack, machine)
    (contents / "Frameworks" / "PySide6" / "QtCore.abi3.so").write_bytes(
        for_several(machine_code("x86_64", (15, 0)), machine_code("arm64", (15, 0)))
    )
    (framework / "Versions" / "A" / "QtCore").write_bytes(machine_code(machine, (13, 0)))
    (framework / "Versions" / "A" / "Resources" / "Info.plist").write_bytes(plistlib.dumps({}))
    (framework / "Versions" / "Current").symlink_to("A")
    (framework / "QtCore").symlink_to("Versions/Current/QtCore")
    (contents / "Resources" / "guide.bin").write_bytes(b"\xca\xfe")
    (contents / "Frameworks" / "guide.bin").symlink_to("../Resources/guide.bin")
    (contents / "Resources" / "icon-windowed.icns").write_bytes(b"icns")
    (contents / "Info.plist").write_bytes(plistlib.dumps({"CFBundleIconFile": "icon-windowed.icns"}))
    return app
