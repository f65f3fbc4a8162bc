"""Tensors of a compute graph while it runs, and their numbers as NumPy arrays."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import LoadFailed
from app.runtime.worker.ggml import ggml_function

F32, I32 = 0, 26
"""enum ggml_type"""

_OBJECT_BYTES = 32
"""What ggml keeps before a tensor (ggml_object)."""
_OPERATIONS = 256
"""More than ggml has."""


class GraphTensor(ctypes.Structure):
    """ggml_tensor: `ne` elements in each dimension, the fastest first, `nb` bytes from one to the next."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("buffer", ctypes.c_void_p),
        ("ne", ctypes.c_int64 * 4),
        ("nb", ctypes.c_size_t * 4),
        ("op", ctypes.c_int),
        ("op_params", ctypes.c_int32 * 16),
        ("flags", ctypes.c_int32),
        ("src", ctypes.c_void_p * 10),
        ("view_src", ctypes.c_void_p),
        ("view_offs", ctypes.c_size_t),
        ("data", ctypes.c_void_p),
        ("name", ctypes.c_char * 64),
        ("extra", ctypes.c_void_p),
        ("padding", ctypes.c_char * 8),
    )

    ne: Sequence[int]
    nb: Sequence[int]
    src: Sequence[int]
    name: bytes


def require_known_layout() -> None:
    """Raises LoadFailed where this ggml keeps its tensors otherwise than told above."""
    overhead = int(ggml_function("ggml_tensor_overhead", ctypes.c_size_t)())
    if overhead != _OBJECT_BYTES + ctypes.sizeof(GraphTensor):
        raise LoadFailed(
            "This build of llama.cpp does not let Nibble look at what a model computes.",
            "Remove the runtime pack in use, or look for a newer Nibble.",
        )


def operation(name: str) -> int:
    """The number of ggml's operation `name` (enum ggml_op), which changes from version to version."""
    name_of = ggml_function("ggml_op_name", ctypes.c_char_p, ctypes.c_int)
    for number in range(_OPERATIONS):
        if name_of(number) == name.encode():
            return number
    raise AssertionError(f"ggml has no operation {name}")


class Numbers:
    """Reads them where they lie; what is in the memory of a card is copied."""

    def __init__(self) -> None:
        self._is_host = ggml_function("ggml_backend_buffer_is_host", ctypes.c_bool, ctypes.c_void_p)
        self._size = ggml_function("ggml_nbytes", ctypes.c_size_t, ctypes.c_void_p)
        self._get = ggml_function(
            "ggml_backend_tensor_get", None, *[ctypes.c_void_p] * 2, *[ctypes.c_size_t] * 2
        )

    def floats(self, address: int) -> NDArray[np.float32]:
        """Of an F32 tensor, its slowest dimension first. They hold until the graph goes on."""
        return self._numbers(address, np.dtype(np.float32))

    def integers(self, address: int) -> NDArray[np.int32]:
        """Of an I32 tensor, as `floats`."""
        return self._numbers(address, np.dtype(np.int32))

    def _numbers(self, address: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        tensor = GraphTensor.from_address(address)
        size = self._size(address)
        if tensor.buffer is None or self._is_host(tensor.buffer):
            content = (ctypes.c_char * size).from_address(tensor.data)
        else:
            content = (ctypes.c_char * size)()
            self._get(address, content, 0, size)
        shape, strides = tuple(tensor.ne)[::-1], tuple(tensor.nb)[::-1]
        return np.ndarray(shape, dtype, content, 0, strides)
