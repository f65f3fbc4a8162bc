"""Reads the header of a GGUF file: metadata and tensor descriptions, never tensor data.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, and where that is silent,
what llama.cpp's `gguf.cpp` accepts. No length in the file is trusted: each is held against the
file's size before anything is read or made because of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import repeat
from pathlib import Path

from app.core.errors import DamagedGguf, UnsupportedGgufVersion
from app.core.units import format_bytes
from app.gguf.cursor import MAX_DIMENSIONS, Cursor, shorten
from app.gguf.header import ByteOrder, Header, KeepArray, MetadataValue, TensorInfo, keep_no_array
from app.gguf.magic import not_gguf
from app.gguf.metadata import read_metadata
from app.gguf.source import FIRST_LOCAL_FETCH_BYTES, ByteSource, LocalFile, Window
from app.gguf.types import REMOVED_TENSOR_TYPES, TENSOR_TYPES, TensorType

_MAGIC = b"GGUF"
_SMALLEST_TENSOR_BYTES = 8 + 4 + 4 + 8
_MOST_TENSORS = 1 << 17
_MAX_INT64 = (1 << 63) - 1
_ANY_FILE_BYTES = 1 << 56


def read_header(source: Path | ByteSource, keep_array: KeepArray = keep_no_array, *, part: int = 0) -> Header:
    """The header of one GGUF file, version 2 or 3, of either byte order.

    Arrays become `SkippedArray`, except those whose key and count `keep_array` accepts. `part` is
    given to the tensors. Raises NotGguf, UnsupportedGgufVersion, DamagedGguf, and for a path what
    `LocalFile` raises.
    """
    if isinstance(source, Path):
        with LocalFile(source) as file:
            return _read_header(Window(file, FIRST_LOCAL_FETCH_BYTES), keep_array, part)
    return _read_header(Window(source), keep_array, part)


def _read_header(window: Window, keep_array: KeepArray, part: int) -> Header:
    version, byte_order = _read_version(window)
    cursor = Cursor(window, byte_order, position=8)
    tensor_count, key_count = cursor.take(cursor.formats.counts)
    metadata = read_metadata(cursor, key_count, keep_array)
    alignment = _alignment(cursor, metadata)
    tensors, data_offset = _read_tensors(cursor, tensor_count, alignment, part)
    return Header(version, byte_order, metadata, tensors, alignment, data_offset, window.file_bytes)


def _read_version(window: Window) -> tuple[int, ByteOrder]:
    window.cover(0, min(window.file_bytes, 4))
    if window.data[:4] != _MAGIC:
        raise not_gguf(window.name, window.data[:64], window.file_bytes)
    window.cover(0, 8)
    byte_order: ByteOrder = "little"
    version = int.from_bytes(window.data[4:8], "little")
    # The format has no mark for its byte order: a small version with its bytes swapped is one.
    if version and version & 0xFFFF == 0:
        byte_order = "big"
        version = int.from_bytes(window.data[4:8], "big")
    if version == 1:
        raise UnsupportedGgufVersion(
            f"{window.name} was made for an old llama.cpp (GGUF version 1); convert it again.",
            "Convert the original model again, or download a newer conversion.",
        )
    if version in (2, 3):
        return version, byte_order
    if 3 < version < 1000:
        raise UnsupportedGgufVersion(
            f"{window.name} is GGUF version {version}, newer than this Nibble reads (2 and 3).",
            "Update Nibble, or download a conversion in an older version.",
        )
    raise DamagedGguf(
        f"{window.name} is damaged: its header gives {version} as the GGUF version.",
        "Download it again, or choose another file.",
    )


def _alignment(cursor: Cursor, metadata: Mapping[str, MetadataValue]) -> int:
    value = metadata.get("general.alignment", 32)
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0 or value & (value - 1):
        raise cursor.damaged(f"its header asks for an alignment of {shorten(value)}, not a power of two")
    return value


def _read_tensors(
    cursor: Cursor, count: int, alignment: int, part: int
) -> tuple[tuple[TensorInfo, ...], int]:
    """The tensors and where their data start; raises DamagedGguf where data are missing."""
    cursor.expect_room(count, _SMALLEST_TENSOR_BYTES, "tensors", most=_MOST_TENSORS)
    read = []
    names = set()
    for _ in repeat(None, count):
        name = cursor.string()
        if name in names:
            raise cursor.damaged(f"its header has the tensor {shorten(name)} twice")
        names.add(name)
        (dimensions,) = cursor.take(cursor.formats.u32)
        if dimensions > MAX_DIMENSIONS:
            raise cursor.damaged(f"its tensor {shorten(name)} has {dimensions} dimensions")
        *shape, kind, offset = cursor.take(cursor.formats.tensor_tails[dimensions])
        type = _tensor_type(cursor, name, kind)
        elements = _elements(cursor, name, shape, type)
        if offset % alignment or offset > _ANY_FILE_BYTES:
            raise cursor.damaged(f"its tensor {shorten(name)} is placed at byte {offset}, where none can be")
        read.append((name, tuple(shape), type, offset, elements))
    data_offset = -(-cursor.position // alignment) * alignment
    tensors = tuple(
        TensorInfo(name, shape, type.name, data_offset + offset, type.size_bytes(elements), elements, part)
        for name, shape, type, offset, elements in read
    )
    _expect_data(cursor, tensors)
    return tensors, data_offset


def _tensor_type(cursor: Cursor, name: str, kind: int) -> TensorType:
    known = TENSOR_TYPES.get(kind)
    if known is not None:
        return known
    removed = REMOVED_TENSOR_TYPES.get(kind)
    if removed is not None:
        raise UnsupportedGgufVersion(
            f"{cursor.window.name} holds {removed} weights, which llama.cpp no longer runs.",
            "Download another quantization, such as Q4_0 or Q4_K_M.",
        )
    if kind < 1000:
        raise UnsupportedGgufVersion(
            f"{cursor.window.name} holds weights in a format this Nibble does not know (number {kind}).",
            "Update Nibble, or download another quantization.",
        )
    raise cursor.damaged(f"its tensor {shorten(name)} has {kind} as its type")


def _elements(cursor: Cursor, name: str, shape: list[int], type: TensorType) -> int:
    elements = 1
    for length in shape:
        elements *= length
        # Each length for itself: a zero among them would hide what else is wrong.
        if length > _MAX_INT64 or elements > _MAX_INT64 // 8:
            raise cursor.damaged(f"its tensor {shorten(name)} has an impossible shape")
    if (shape[0] if shape else 1) % type.block_elements:
        raise cursor.damaged(f"the rows of its tensor {shorten(name)} cannot be stored as {type.name}")
    return elements


def _expect_data(cursor: Cursor, tensors: tuple[TensorInfo, ...]) -> None:
    end = max((tensor.offset + tensor.size_bytes for tensor in tensors), default=0)
    missing = end - cursor.window.file_bytes
    if missing > _ANY_FILE_BYTES:
        raise cursor.damaged("its tensors are larger than any file")
    if missing > 0:
        raise DamagedGguf(
            f"{cursor.window.name} is truncated: {format_bytes(missing)} are missing at its end.",
            "Download it again.",
        )
