"""Headers of GGUF files, from values to bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

from app.gguf.header import MetadataValue, Scalar, SkippedArray
from app.gguf.types import TENSOR_TYPES

ALIGNMENT = 32
"""Each tensor's data start at a multiple of it, in bytes from the end of the header."""

_VERSION = 3
_TYPE_NUMBERS = {type.name: number for number, type in TENSOR_TYPES.items()}
_UINT32, _INT32, _FLOAT32, _BOOL, _STRING, _ARRAY, _UINT64 = 4, 5, 6, 7, 8, 9, 10
_FORMS = {_UINT32: "<I", _INT32: "<i", _FLOAT32: "<f", _BOOL: "<?", _UINT64: "<Q"}


def encode_header(
    metadata: Mapping[str, MetadataValue], tensors: Iterable[tuple[str, tuple[int, ...], str]]
) -> tuple[bytes, int]:
    """The header, up to where tensor data start, and how many bytes those take, each tensor with its padding.

    A tensor is its name, its shape (fastest-varying first) and how its numbers are stored, e.g. "Q4_K". Raises
    ValueError for a value that no key can hold, a type that llama.cpp does not know, or rows that cannot be stored
    in it.
    """
    infos, offset = [], 0
    for name, shape, type_name in tensors:
        infos.append(_tensor_info(name, shape, type_name, offset))
        elements = 1
        for length in shape:
            elements *= length
        offset += aligned(TENSOR_TYPES[_TYPE_NUMBERS[type_name]].size_bytes(elements))
    keys = [_string(key) + _value(key, value) for key, value in metadata.items()]
    head = struct.pack("<4sIQQ", b"GGUF", _VERSION, len(infos), len(keys)) + b"".join(keys + infos)
    return head.ljust(aligned(len(head)), b"\0"), offset


def aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _tensor_info(name: str, shape: tuple[int, ...], type_name: str, offset: int) -> bytes:
    number = _TYPE_NUMBERS.get(type_name)
    if number is None:
        raise ValueError(f"llama.cpp knows no type {type_name!r}")
    if shape[0] % TENSOR_TYPES[number].block_elements:
        raise ValueError(f"rows of {shape[0]} cannot be stored as {type_name} ({name})")
    return _string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, number, offset)


def _value(key: str, value: MetadataValue) -> bytes:
    if isinstance(value, SkippedArray):
        raise ValueError(f"{key} is an array that was not read")
    if not isinstance(value, tuple):
        kind = _kind((value,))
        return struct.pack("<I", kind) + _scalar(kind, value)
    kind = _kind(value)
    head = struct.pack("<IIQ", _ARRAY, kind, len(value))
    return head + b"".join(_scalar(kind, each) for each in value)


def _kind(values: tuple[Scalar, ...]) -> int:
    """The type that llama.cpp expects such values in: it takes whole numbers as uint32 where it can."""
    if all(isinstance(value, bool) for value in values):
        return _BOOL
    if all(isinstance(value, str) for value in values):
        return _STRING
    if any(isinstance(value, float) for value in values):
        return _FLOAT32
    numbers = [int(value) for value in values if not isinstance(value, str)]
    if min(numbers) < 0:
        return _INT32
    return _UINT32 if max(numbers) < 1 << 32 else _UINT64


def _scalar(kind: int, value: Scalar) -> bytes:
    if kind == _STRING:
        return _string(str(value))
    try:
        return struct.pack(_FORMS[kind], value)
    except (struct.error, OverflowError) as error:
        raise ValueError(f"no key of a GGUF file can hold {str(value)[:40]!r} here") from error


def _string(text: str) -> bytes:
    content = text.encode("utf-8", errors="replace")
    return struct.pack("<Q", len(content)) + content
