"""Pictures in the files that hold several sizes of an icon: Apple's .icns and Windows' .ico."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from itertools import groupby

ICNS_PNG_PIXELS, ICNS_ARGB_PIXELS = (32, 64, 128, 256, 512, 1024), (16, 32)
ICO_PNG_PIXELS, ICO_ARGB_PIXELS = (256,), (16, 20, 24, 32, 40, 48, 64)

_ICNS_ARGB = ((b"ic04", 16), (b"ic05", 32))
_ICNS_PNG = (
    (b"ic11", 32),
    (b"ic12", 64),
    (b"ic07", 128),
    (b"ic13", 256),
    (b"ic08", 256),
    (b"ic14", 512),
    (b"ic09", 512),
    (b"ic10", 1024),
)
"""The types that `iconutil` writes of an icon set, 16 to 512 points with an @2x of each. Those of 16 and 32 pixels at
normal density are no PNG: macOS shows PNG there wrongly for applications."""


def icns(png: Mapping[int, bytes], argb: Mapping[int, bytes]) -> bytes:
    """`png`: files, by their pixels; `argb`: four bytes for each pixel, alpha first and not premultiplied, row by row
    from the top."""
    entries = [(kind, _packed_channels(argb[pixels])) for kind, pixels in _ICNS_ARGB]
    entries += [(kind, png[pixels]) for kind, pixels in _ICNS_PNG]
    body = b"".join(struct.pack(">4sI", kind, 8 + len(data)) + data for kind, data in entries)
    return struct.pack(">4sI", b"icns", 8 + len(body)) + body


def _packed_channels(argb: bytes) -> bytes:
    return b"ARGB" + b"".join(_packed(argb[channel::4]) for channel in range(4))


def _packed(channel: bytes) -> bytes:
    """Runs of 3 to 130 equal bytes: length + 125, the byte. Up to 128 others: their number - 1, themselves."""
    packed, single = bytearray(), bytearray()

    def close_single() -> None:
        for start in range(0, len(single), 128):
            part = single[start : start + 128]
            packed.append(len(part) - 1)
            packed.extend(part)
        single.clear()

    for value, run in groupby(channel):
        left = len(list(run))
        while left >= 3:
            close_single()
            length = min(left, 130)
            packed.extend((length + 125, value))
            left -= length
        single.extend([value] * left)
    close_single()
    return bytes(packed)


def ico(png: Mapping[int, bytes], argb: Mapping[int, bytes]) -> bytes:
    """As `icns`. Small ones are bitmaps, which every part of Windows reads; one of 256 pixels would take a quarter of a
    megabyte."""
    pictures = [(pixels, _bitmap(argb[pixels], pixels)) for pixels in ICO_ARGB_PIXELS]
    pictures += [(pixels, png[pixels]) for pixels in ICO_PNG_PIXELS]
    directory = struct.pack("<3H", 0, 1, len(pictures))
    offset = len(directory) + 16 * len(pictures)
    for pixels, data in pictures:
        directory += struct.pack("<4B2H2I", pixels % 256, pixels % 256, 0, 0, 1, 32, len(data), offset)
        offset += len(data)
    return directory + b"".join(data for _, data in pictures)


def _bitmap(argb: bytes, pixels: int) -> bytes:
    """A bitmap as icons have it: no file header, twice the height, rows from the bottom, colours blue first, and after
    them a mask of the pixels that are transparent throughout, in rows of whole 32 bits."""
    header = struct.pack("<I2i2H6I", 40, pixels, 2 * pixels, 1, 32, 0, 0, 0, 0, 0, 0)
    rows = [argb[4 * pixels * y : 4 * pixels * (y + 1)] for y in reversed(range(pixels))]
    colours = b"".join(row[4 * x : 4 * x + 4][::-1] for row in rows for x in range(pixels))
    row_bytes = (pixels + 31) // 32 * 4
    mask = b"".join(
        (sum(1 << (row_bytes * 8 - 1 - x) for x in range(pixels) if row[4 * x] == 0)).to_bytes(
            row_bytes, "big"
        )
        for row in rows
    )
    return header + colours + mask
