"""A ladder: several quantizations of one model, made while its weights are read once.

Each tensor comes in pieces, and goes to a worker which makes every type that any of the quantizations wants of it. Two
that want the same type share it: Q4_K_M and Q5_K_M have their output in the same Q6_K. The files are those that
`llama_model_quantize` makes of the same model, to the byte.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from app.convert.quantizations import Quantization
from app.convert.splitting import Splitting, part_paths, parts_of
from app.convert.unquantized import Unquantized, row_bytes
from app.core.errors import from_os_error
from app.core.jobs import JobControl
from app.gguf import TensorInfo
from app.gguf.derived import DerivedFile, derive, in_order
from app.gguf.types import TENSOR_TYPES
from app.runtime import Worker, start_worker
from app.runtime.protocol import QuantizeRows, Reply, RowsTarget
from app.storage.atomic import finished_files

_AT_ONCE = 2
"""Pieces on their way to the worker: the next one is read while one is quantized."""
_NUMBERS = {type.name: number for number, type in TENSOR_TYPES.items()}


@dataclass(frozen=True)
class Rung:
    """One quantization: `types` of the tensors by name, and `files` that will be at `targets`."""

    kind: Quantization
    types: Mapping[str, str]
    targets: tuple[Path, ...]
    files: tuple[DerivedFile, ...]

    @property
    def file_bytes(self) -> int:
        return sum(file.file_bytes for file in self.files)


def plan_rung(
    source: Unquantized, kind: Quantization, types: Mapping[str, str], target: Path, splitting: Splitting
) -> Rung:
    """`target`: the name of the file, or what those of its parts are made of. Raises WrongChoice for too many."""
    parts = parts_of(in_order(source.tensors), types, splitting)
    files = derive(source.keys, kind.file_type, parts, types)
    return Rung(kind, types, tuple(part_paths(target, len(parts))), tuple(files))


def make_ladder(source: Unquantized, rungs: Sequence[Rung], control: JobControl, threads: int = 0) -> None:
    """Writes the files of all `rungs`, which get their names when all is whole; earlier ones are replaced.

    Progress is in bytes of the source. `threads` 0: all logical processors. Raises QuantizeFailed for numbers that are
    not finite, DiskFull, NotAllowed, WorkerDied, Cancelled, and what reading the source raises.
    """
    with ExitStack() as stack:
        partials = [stack.enter_context(finished_files(rung.targets)) for rung in rungs]
        for rung, paths in zip(rungs, partials, strict=True):
            for file, path, target in zip(rung.files, paths, rung.targets, strict=True):
                _begin(file, path, target)
        with start_worker() as worker:
            _Ascent(worker, rungs, partials, control, threads).climb(source)
        control.cancel.raise_if_cancelled()


def _begin(file: DerivedFile, path: Path, target: Path) -> None:
    """The head, and room for all that follows, which is zero where nothing is written."""
    try:
        with path.open("wb") as stream:
            stream.write(file.head)
            stream.truncate(file.file_bytes)
    except OSError as error:
        raise from_os_error(error, target, writing=True) from error


class _Ascent:
    def __init__(
        self,
        worker: Worker,
        rungs: Sequence[Rung],
        partials: Sequence[Sequence[Path]],
        control: JobControl,
        threads: int,
    ) -> None:
        self._worker = worker
        self._control = control
        self._threads = threads
        self._places = [
            (rung.types, os.fsencode(path), file.offsets)
            for rung, paths in zip(rungs, partials, strict=True)
            for path, file in zip(paths, rung.files, strict=True)
        ]
        self._stage = f"Making {', '.join(rung.kind.name for rung in rungs)}"

    def climb(self, source: Unquantized) -> None:
        total, done = sum(tensor.size_bytes for tensor in source.tensors), 0
        self._control.progress(self._stage, 0, total, "bytes")
        waiting: deque[tuple[int, Future[Reply]]] = deque()
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="ladder") as pool:
            for request in self._requests(source):
                self._control.cancel.raise_if_cancelled()
                if len(waiting) == _AT_ONCE:
                    done += self._end(*waiting.popleft())
                    self._control.progress(self._stage, done, total, "bytes")
                call = pool.submit(self._worker.call_for, request, self._control.cancel)
                waiting.append((len(request.numbers), call))
            for each in waiting:
                self._end(*each)
        self._control.progress(self._stage, total, total, "bytes")

    def _end(self, size: int, call: Future[Reply]) -> int:
        call.result()
        return size

    def _requests(self, source: Unquantized) -> Iterator[QuantizeRows]:
        for tensor in in_order(source.tensors):
            row = 0
            for numbers in source.pieces(tensor):
                yield QuantizeRows(
                    tensor=tensor.name,
                    numbers=numbers,
                    columns=tensor.shape[0],
                    source_type=_NUMBERS[tensor.type],
                    targets=tuple(self._targets(tensor, row)),
                    threads=self._threads,
                )
                row += len(numbers) // row_bytes(tensor)

    def _targets(self, tensor: TensorInfo, row: int) -> Iterator[RowsTarget]:
        for types, path, offsets in self._places:
            if tensor.name in offsets:
                number = _NUMBERS[types[tensor.name]]
                offset = offsets[tensor.name] + row * TENSOR_TYPES[number].size_bytes(tensor.shape[0])
                yield RowsTarget(path=path, offset=offset, type=number)
