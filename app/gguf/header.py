"""What a header holds, as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

ByteOrder = Literal["little", "big"]
KeepArray = Callable[[str, int], bool]


@dataclass(frozen=True, slots=True)
class SkippedArray:
    """An array nobody asked for: the GGUF type of its elements and how many there are."""

    type: str
    count: int


Scalar = int | float | bool | str
MetadataValue = Scalar | tuple[Scalar, ...] | SkippedArray


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor: `shape` in elements, fastest-varying first, as ggml counts; `type` e.g. "Q4_K".

    `offset` is in bytes from the start of its file, which is number `part` (from 0) of the model.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    offset: int
    size_bytes: int
    elements: int
    part: int = 0


@dataclass(frozen=True)
class Header:
    """What stands before the tensor data. `data_offset` and `file_bytes` are in bytes."""

    version: int
    byte_order: ByteOrder
    metadata: Mapping[str, MetadataValue] = field(repr=False, hash=False)
    tensors: tuple[TensorInfo, ...] = field(repr=False)
    alignment: int
    data_offset: int
    file_bytes: int


def keep_no_array(_key: str, _count: int) -> bool:
    return False
