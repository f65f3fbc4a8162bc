"""Small files of Windows' machine code that name libraries they need."""

from __future__ import annotations

import struct

_SECTION_AT, _HEADERS = 0x1000, 0x200


def machine_code(*libraries: str) -> bytes:
    """A PE file for x86-64 whose one section is its import table, laid out as in Microsoft's "PE Format"."""
    descriptors, names = b"", b""
    names_at = _SECTION_AT + 20 * (len(libraries) + 1)
    thunks_at = names_at + sum(len(name) + 1 for name in libraries)
    thunks_at += -thunks_at % 8
    for name in libraries:
        # Each imports the function with the number 1.
        descriptors += struct.pack("<5I", thunks_at, 0, 0, names_at + len(names), thunks_at)
        names += name.encode() + b"\0"
    section = (descriptors + bytes(20) + names).ljust(thunks_at - _SECTION_AT, b"\0")
    section += struct.pack("<2Q", 1 << 63 | 1, 0)
    raw = section.ljust(-(-len(section) // 0x200) * 0x200, b"\0")
    directories = [(0, 0)] * 16
    directories[1] = (_SECTION_AT, 20 * (len(libraries) + 1))
    optional = struct.pack(
        "<HBBIIIIIQIIHHHHHHIIIIHHQQQQII",
        0x20B, 14, 0, 0, len(raw), 0, 0, _SECTION_AT, 0x180000000, 0x1000, 0x200,
        6, 0, 0, 0, 6, 0, 0, 0x2000, _HEADERS, 0, 2, 0x8160,
        0x100000, 0x1000, 0x100000, 0x1000, 0, 16,
    )  # fmt: skip
    optional += b"".join(struct.pack("<2I", *directory) for directory in directories)
    coff = struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, len(optional), 0x2022)
    table = struct.pack(
        "<8sIIIIIIHHI", b".rdata", len(section), _SECTION_AT, len(raw), _HEADERS, 0, 0, 0, 0, 0x40000040
    )
    dos = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40)
    return (dos + b"PE\0\0" + coff + optional + table).ljust(_HEADERS, b"\0") + raw
