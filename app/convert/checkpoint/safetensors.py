"""Reads the header of a safetensors file, which is not trusted.

The format: https://huggingface.co/docs/safetensors/index#format. Eight bytes with the length of a
JSON object, the object, then the numbers; little-endian throughout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeGuard

from app.convert.checkpoint.config import MAX_TABLE_BYTES, damaged, parse_object
from app.core.errors import DamagedCheckpoint, UnsupportedCheckpoint
from app.core.units import format_bytes
from app.gguf.cursor import shorten
from app.gguf.source import ByteSource

_MAX_DIMENSIONS = 8
_MAX_ELEMENTS = 1 << 56
_MAX_BYTES = 1 << 63

DTYPE_BITS = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "C64": 64,
    "F64": 64,
    "I64": 64,
    "U64": 64,
}
"""Bits of one number by the name of its type (`Dtype` in the format's own reader, 0.8)."""


@dataclass(frozen=True)
class StoredTensor:
    """Where a tensor lies: `size_bytes` from byte `offset` of its file, the last dimension closest together."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    size_bytes: int


def read_tensors(file: ByteSource) -> dict[str, StoredTensor]:
    """The tensors in a file, by name. Raises DamagedCheckpoint and UnsupportedCheckpoint."""
    start = file.read_at(0, 64)
    header_bytes = int.from_bytes(start[:8], "little")
    if start.startswith(b"version https://git-lfs"):
        raise DamagedCheckpoint(
            f"{file.name} is only a Git LFS pointer to the weights.",
            "Download the file itself, with git lfs pull or from the model's page.",
        )
    if file.size < 8:
        raise damaged(file.name, "it ends before its header")
    if header_bytes > MAX_TABLE_BYTES:
        raise damaged(file.name, f"its header claims {format_bytes(header_bytes)}")
    if header_bytes > file.size - 8:
        raise damaged(file.name, "it ends in the middle of its header")
    header = parse_object(file.name, file.read_at(8, header_bytes))
    header.pop("__metadata__", None)
    data_offset = 8 + header_bytes
    tensors = {name: _tensor(file.name, name, entry, data_offset) for name, entry in header.items()}
    _expect_room(file, list(tensors.values()))
    return tensors


def _tensor(file_name: str, name: str, entry: object, data_offset: int) -> StoredTensor:
    if not isinstance(entry, dict):
        raise damaged(file_name, f"it does not describe {shorten(name)}")
    dtype, shape, offsets = (entry.get(key) for key in ("dtype", "shape", "data_offsets"))
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        raise UnsupportedCheckpoint(
            f"{file_name} holds numbers of a type Nibble does not know ({shorten(dtype)}).",
            "Update Nibble, or choose a checkpoint in BF16, F16 or F32.",
        )
    if not _are_counts(shape) or len(shape) > _MAX_DIMENSIONS:
        raise damaged(file_name, f"{shorten(name)} has the shape {shorten(shape)}")
    elements = 1
    for length in shape:
        elements *= length
        if elements > _MAX_ELEMENTS:
            raise damaged(file_name, f"{shorten(name)} is larger than any file")
    if not _are_counts(offsets) or len(offsets) != 2:
        raise damaged(file_name, f"{shorten(name)} lies at {shorten(offsets)}")
    begin, end = offsets
    if end - begin != -(-elements * DTYPE_BITS[dtype] // 8):
        raise damaged(
            file_name, f"{shorten(name)} has {end - begin} bytes, which is not what its shape needs"
        )
    return StoredTensor(name, dtype, tuple(shape), data_offset + begin, end - begin)


def _are_counts(value: object) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(
        isinstance(item, int) and not isinstance(item, bool) and 0 <= item < _MAX_BYTES for item in value
    )


def _expect_room(file: ByteSource, tensors: list[StoredTensor]) -> None:
    tensors.sort(key=lambda tensor: (tensor.offset, tensor.size_bytes))
    end = 0
    for tensor in tensors:
        if tensor.offset < end:
            raise damaged(file.name, f"{shorten(tensor.name)} lies in the middle of another tensor")
        end = tensor.offset + tensor.size_bytes
    if end > file.size:
        raise damaged(file.name, f"{format_bytes(end - file.size)} are missing at its end")
