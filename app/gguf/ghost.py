"""Ghost files: a GGUF header with nothing behind it but a hole of the right size.

llama.cpp plans with one as with the model itself (`no_alloc`, load mode NONE: it reads the header and
reserves graphs and caches without memory). So the need of a model is known before it is downloaded, from the
start of its file, or from the catalogue alone. Takes as much disk as the header has bytes, on any file
system that knows holes; on others (exFAT) the whole size.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeAlias

from app.core.errors import from_os_error
from app.gguf.header import MetadataValue, Scalar, SkippedArray
from app.gguf.reader import read_header
from app.gguf.source import FileHead
from app.gguf.types import TENSOR_TYPES
from app.storage.atomic import finished_file

if TYPE_CHECKING:  # every command reads headers, few need the outlines of all architectures
    from app.gguf.outline import TensorShape

TypedTensor: TypeAlias = "tuple[TensorShape, str]"
"""A tensor and how its numbers are stored, e.g. "Q4_K"."""

_ALIGNMENT = 32
_VERSION = 3
_TYPE_NUMBERS = {type.name: number for number, type in TENSOR_TYPES.items()}
_UINT32, _INT32, _FLOAT32, _BOOL, _STRING, _ARRAY, _UINT64 = 4, 5, 6, 7, 8, 9, 10
_FORMS = {_UINT32: "<I", _INT32: "<i", _FLOAT32: "<f", _BOOL: "<?", _UINT64: "<Q"}


def write_ghost(target: Path, head: bytes, file_bytes: int) -> None:
    """A ghost of the GGUF file of `file_bytes` bytes that starts with `head`, which may reach into the data.

    A part of a split model needs its own name, since llama.cpp looks for the others by it. Raises NotGguf,
    UnsupportedGgufVersion or DamagedGguf where `head` is no whole header or a file of that size cannot hold
    its tensors, and what `_write` raises.
    """
    header = read_header(FileHead(target.name, head, file_bytes))
    _write(target, head[: header.data_offset], file_bytes)


def write_ghost_of(
    target: Path, metadata: Mapping[str, MetadataValue], tensors: Iterable[TypedTensor]
) -> None:
    """A ghost of a model that has no file yet, with the keys of `metadata` as they are.

    Raises what `_write` raises, and ValueError for a value that no key can hold, a type that llama.cpp does
    not know, or rows that cannot be stored in it.
    """
    infos, offset = [], 0
    for tensor, type_name in tensors:
        infos.append(_tensor_info(tensor, type_name, offset))
        size_bytes = TENSOR_TYPES[_TYPE_NUMBERS[type_name]].size_bytes(tensor.elements)
        offset += _aligned(size_bytes)
    keys = [_string(key) + _value(key, value) for key, value in metadata.items()]
    head = struct.pack("<4sIQQ", b"GGUF", _VERSION, len(infos), len(keys)) + b"".join(keys + infos)
    head = head.ljust(_aligned(len(head)), b"\0")
    _write(target, head, len(head) + offset)


def _tensor_info(tensor: TensorShape, type_name: str, offset: int) -> bytes:
    number = _TYPE_NUMBERS.get(type_name)
    if number is None:
        raise ValueError(f"llama.cpp knows no type {type_name!r}")
    if tensor.shape[0] % TENSOR_TYPES[number].block_elements:
        raise ValueError(f"rows of {tensor.shape[0]} cannot be stored as {type_name} ({tensor.name})")
    dimensions = len(tensor.shape)
    return _string(tensor.name) + struct.pack(f"<I{dimensions}QIQ", dimensions, *tensor.shape, number, offset)


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


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _write(target: Path, head: bytes, file_bytes: int) -> None:
    """Raises DiskFull, NotAllowed, FileGone where the folder is missing, or UnreadableFile."""
    with finished_file(target) as partial:
        try:
            with partial.open("wb") as file:
                _allow_holes(file)
                file.write(head)
                file.truncate(file_bytes)
        except OSError as error:
            raise from_os_error(error, target, writing=True) from error


def _allow_holes(file: IO[bytes]) -> None:
    """Windows makes holes only in files that are marked for it; other systems everywhere they can."""
    if sys.platform == "win32":
        import ctypes
        import msvcrt

        set_sparse = 0x900C4  # FSCTL_SET_SPARSE
        handle = ctypes.c_void_p(msvcrt.get_osfhandle(file.fileno()))
        returned = ctypes.c_ulong()
        ctypes.windll.kernel32.DeviceIoControl(
            handle, set_sparse, None, 0, None, 0, ctypes.byref(returned), None
        )
