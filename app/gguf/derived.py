"""A GGUF made of another one: the same keys and tensors, but in other types, another order or another number of files.

Laid out as llama.cpp's own programs write it, to the byte: `llama_model_quantize` for one file, `llama-gguf-split` for
several, of which the first alone has the model's keys.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.gguf.cursor import Cursor
from app.gguf.header import TensorInfo, keep_no_array
from app.gguf.metadata import read_value
from app.gguf.source import FileHead, Window
from app.gguf.types import TENSOR_TYPES

ALIGNMENT = 32
MOST_PARTS = 65_535
_VERSION = 3
_QUANTIZATION_VERSION = 2  # GGML_QNT_VERSION
_NUMBERS = {type.name: number for number, type in TENSOR_TYPES.items()}
_REPLACED = frozenset(
    {
        "general.quantization_version",
        "general.file_type",
        *("split.no", "split.count", "split.tensors.count"),
    }
)
_BLOCK = re.compile(r"blk\.([0-9]{1,9})\.")
_UINT16, _UINT32, _INT32, _STRING = 2, 4, 5, 8

RawKey = tuple[str, bytes]
"""A key, and it with its value as they stand in a file."""


@dataclass(frozen=True)
class DerivedFile:
    """`head`: all before the tensors' data. `offsets`: from the start of the file, by the tensor's name."""

    head: bytes
    offsets: Mapping[str, int]
    file_bytes: int


def read_raw_keys(name: str, head: bytes) -> tuple[RawKey, ...]:
    """The keys of a little-endian header that `read_header` has accepted."""
    cursor = Cursor(Window(FileHead(name, head, len(head))), "little", position=8)
    _, count = cursor.take(cursor.formats.counts)
    keys = []
    for _ in range(count):
        start = cursor.position
        key = cursor.string()
        read_value(cursor, key, keep_no_array)
        keys.append((key, head[start : cursor.position]))
    return tuple(keys)


def in_order(tensors: Sequence[TensorInfo]) -> list[TensorInfo]:
    """As llama.cpp writes them: by layer, and there by name."""

    def place(tensor: TensorInfo) -> tuple[int, bytes]:
        match = _BLOCK.match(tensor.name)
        return (int(match[1]) if match else -1, tensor.name.encode(errors="replace"))

    return sorted(tensors, key=place)


def derive(
    keys: Sequence[RawKey],
    file_type: int,
    parts: Sequence[Sequence[TensorInfo]],
    types: Mapping[str, str],
    told: Sequence[tuple[str, str | int]] = (),
) -> list[DerivedFile]:
    """A file for each of `parts`, with its tensors in that order; `types` by the tensor's name. `file_type` is a
    `llama_ftype`. `told`: keys that come to those of the source, or in their place."""
    replaced = _REPLACED | {key for key, _ in told}
    kept = [raw for key, raw in keys if key not in replaced]
    kept.append(_number("general.quantization_version", _UINT32, _QUANTIZATION_VERSION))
    kept.append(_number("general.file_type", _UINT32, file_type))
    kept += [
        _number(key, _UINT32, value) if isinstance(value, int) else _text(key, value) for key, value in told
    ]
    count = sum(map(len, parts))
    files = []
    for number, tensors in enumerate(parts):
        own = kept if number == 0 else []
        if len(parts) > 1:
            own = [
                *own,
                _number("split.no", _UINT16, number),
                _number("split.tensors.count", _INT32, count),
                _number("split.count", _UINT16, len(parts)),
            ]
        files.append(_file(own, tensors, types))
    return files


def stored_bytes(tensor: TensorInfo, type_name: str) -> int:
    """What a tensor takes in a file, up to where the next one begins."""
    return _aligned(TENSOR_TYPES[_NUMBERS[type_name]].size_bytes(tensor.elements))


def _file(keys: Sequence[bytes], tensors: Sequence[TensorInfo], types: Mapping[str, str]) -> DerivedFile:
    infos, places, offset = [], {}, 0
    for tensor in tensors:
        places[tensor.name] = offset
        infos.append(_info(tensor, types[tensor.name], offset))
        offset += stored_bytes(tensor, types[tensor.name])
    head = struct.pack("<4sIQQ", b"GGUF", _VERSION, len(tensors), len(keys)) + b"".join((*keys, *infos))
    head = head.ljust(_aligned(len(head)), b"\0")
    return DerivedFile(head, {name: len(head) + place for name, place in places.items()}, len(head) + offset)


def _info(tensor: TensorInfo, type_name: str, offset: int) -> bytes:
    shape = list(tensor.shape)
    while len(shape) > 1 and shape[-1] == 1:
        shape.pop()
    tail = struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, _NUMBERS[type_name], offset)
    return _string(tensor.name) + tail


def _number(key: str, kind: int, value: int) -> bytes:
    form = {_UINT16: "H", _UINT32: "I", _INT32: "i"}[kind]
    return _string(key) + struct.pack(f"<I{form}", kind, value)


def _text(key: str, value: str) -> bytes:
    return _string(key) + struct.pack("<I", _STRING) + _string(value)


def _string(text: str) -> bytes:
    content = text.encode("utf-8", errors="replace")
    return struct.pack("<Q", len(content)) + content


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
