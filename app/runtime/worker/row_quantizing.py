"""Quantizing some rows of a tensor to several types at once, with the functions `llama_model_quantize` uses.

A chunk of rows goes through all types while it is in the processor's cache; what is made of a row depends on that row
alone, so that the blocks are the same however rows are cut.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from app.core.errors import Cancelled, QuantizeFailed, from_os_error
from app.runtime.protocol import QuantizeRows, RowsQuantized
from app.runtime.worker.ggml import ggml_function
from app.runtime.worker.stop_flag import StopFlag

_CHUNK_WEIGHTS = 1 << 17
"""Half a megabyte as F32, which a core has room for near it."""
_F32, _F16, _BF16 = 0, 1, 30


def quantize_rows(request: QuantizeRows, stop: StopFlag) -> RowsQuantized:
    """Raises QuantizeFailed for numbers that are not finite, Cancelled, or a fault of a file."""
    blocks = _Ggml().quantized(request, stop)
    if stop.is_set:
        raise Cancelled
    for target in request.targets:
        try:
            with open(target.path, "r+b", buffering=0) as file:
                file.seek(target.offset)
                _write(file.write, blocks[target.type])
        except OSError as error:
            raise from_os_error(error, os.fsdecode(target.path), writing=True) from error
    return RowsQuantized()


def _write(write: Callable[[memoryview], int], content: bytes | bytearray) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[write(rest) :]


@dataclass(frozen=True)
class _Work:
    """Addresses: of the numbers, of where their blocks go, by type, each with the bytes of a row, and of a row's
    importances."""

    columns: int
    source_type: int
    source: int
    source_row: int
    targets: dict[int, tuple[int, int]]
    importance: int | None


class _Ggml:
    def quantized(self, request: QuantizeRows, stop: StopFlag) -> dict[int, bytes | bytearray]:
        """The blocks of all rows, by type."""
        row_bytes = self._row_bytes(request.source_type, request.columns)
        rows = len(request.numbers) // row_bytes
        blocks: dict[int, bytes | bytearray] = {request.source_type: request.numbers}
        targets, held = {}, []
        for type_number in {target.type for target in request.targets} - {request.source_type}:
            size = self._row_bytes(type_number, request.columns)
            made = bytearray(rows * size)
            held.append((ctypes.c_char * len(made)).from_buffer(made))
            blocks[type_number] = made
            targets[type_number] = (ctypes.addressof(held[-1]), size)
        importance = _address(request.importance) if request.importance else None
        work = _Work(
            request.columns, request.source_type, _address(request.numbers), row_bytes, targets, importance
        )
        if not self._all_sound(request, work, rows, stop):
            raise QuantizeFailed(
                f"{request.tensor} holds numbers that are not finite.",
                "Choose another copy of the model; this one is damaged, or its training failed.",
            )
        return blocks

    def _all_sound(self, request: QuantizeRows, work: _Work, rows: int, stop: StopFlag) -> bool:
        step = max(_CHUNK_WEIGHTS // work.columns, 1)
        starts, lock = iter(range(0, rows, step)), threading.Lock()

        def next_start() -> int | None:
            with lock:
                return None if stop.is_set else next(starts, None)

        def meet() -> bool:
            floats = (ctypes.c_float * (step * work.columns))()
            sound = True
            for start in _until_none(next_start):
                sound &= self._chunk(work, start, min(step, rows - start), ctypes.addressof(floats))
            return sound

        threads = min(request.threads or os.cpu_count() or 1, -(-rows // step))
        if threads < 2:
            return meet()
        with ThreadPoolExecutor(threads) as pool:
            return all(future.result() for future in [pool.submit(meet) for _ in range(threads)])

    def _chunk(self, work: _Work, start: int, rows: int, floats: int) -> bool:
        """Whether all of these rows are finite numbers, before and after."""
        source, size = work.source + start * work.source_row, rows * work.source_row
        sound: bool = self._is_valid(work.source_type, source, size)
        if not work.targets:
            return sound
        if work.source_type != _F32:
            to_float = self._from_f16 if work.source_type == _F16 else self._from_bf16
            to_float(source, floats, rows * work.columns)
            source = floats
        for type_number, (target, row_bytes) in work.targets.items():
            place = target + start * row_bytes
            self._quantize(type_number, source, place, 0, rows, work.columns, work.importance)
            sound &= self._is_valid(type_number, place, rows * row_bytes)
        return sound

    @cached_property
    def _row_bytes(self) -> Any:
        return ggml_function("ggml_row_size", ctypes.c_size_t, ctypes.c_int, ctypes.c_int64)

    @cached_property
    def _is_valid(self) -> Any:
        arguments = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)
        return ggml_function("ggml_validate_row_data", ctypes.c_bool, *arguments)

    @cached_property
    def _from_f16(self) -> Any:
        return ggml_function("ggml_fp16_to_fp32_row", None, *[ctypes.c_void_p] * 2, ctypes.c_int64)

    @cached_property
    def _from_bf16(self) -> Any:
        return ggml_function("ggml_bf16_to_fp32_row", None, *[ctypes.c_void_p] * 2, ctypes.c_int64)

    @cached_property
    def _quantize(self) -> Any:
        pointers, counts = [ctypes.c_void_p] * 2, [ctypes.c_int64] * 3
        return ggml_function(
            "ggml_quantize_chunk", ctypes.c_size_t, ctypes.c_int, *pointers, *counts, ctypes.c_void_p
        )


def _address(content: bytes) -> int:
    return ctypes.cast(ctypes.c_char_p(content), ctypes.c_void_p).value or 0


def _until_none(following: Callable[[], int | None]) -> Iterator[int]:
    while (value := following()) is not None:
        yield value
