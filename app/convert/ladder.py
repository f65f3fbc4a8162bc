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
from math import prod
from pathlib import Path

from app.convert.rungs import Rung
from app.convert.unquantized import Unquantized, row_bytes
from app.core.errors import from_os_error
from app.core.jobs import JobControl
from app.gguf import TensorInfo
from app.gguf.derived import DerivedFile, in_order
from app.gguf.types import TENSOR_TYPES
from app.runtime import Worker, start_worker
from app.runtime.protocol import QuantizeRows, Reply, RowsTarget
from app.storage.atomic import finished_files

_AT_ONCE = 2
"""Pieces on their way to the worker: the next one is read while one is quantized."""
_NUMBERS = {type.name: number for number, type in TENSOR_TYPES.items()}


def make_ladder(
    source: Unquantized,
    rungs: Sequence[Rung],
    control: JobControl,
    threads: int = 0,
    importance: Path | None = None,
) -> None:
    """Writes the files of all `rungs`, which get their names when all is whole; earlier ones are replaced.

    Progress is in bytes of the source. `threads` 0: all logical processors. `importance`: the file of the importance
    matrix that the rungs were planned for. Raises QuantizeFailed for numbers that are
    not finite, DiskFull, NotAllowed, WorkerDied, Cancelled, and what reading the source raises.
    """
    with ExitStack() as stack:
        partials = [stack.enter_context(finished_files(rung.targets)) for rung in rungs]
        for rung, paths in zip(rungs, partials, strict=True):
            for file, path, target in zip(rung.files, paths, rung.targets, strict=True):
                _begin(file, path, target)
        with start_worker() as worker:
            _Ascent(worker, rungs, partials, control, threads).climb(source, _weights_of(importance))
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
            (rung, os.fsencode(path), file.offsets)
            for rung, paths in zip(rungs, partials, strict=True)
            for path, file in zip(paths, rung.files, strict=True)
        ]
        self._stage = f"Making {', '.join(rung.kind.name for rung in rungs)}"

    def climb(self, source: Unquantized, importance: Mapping[str, bytes]) -> None:
        """`importance`: a value in F32 for each column, by the tensor's name."""
        total, done = source.facts.tensor_bytes, 0
        self._control.progress(self._stage, 0, total, "bytes")
        waiting: deque[tuple[int, Future[Reply]]] = deque()
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="ladder") as pool:
            for request in self._requests(source, importance):
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

    def _requests(self, source: Unquantized, importance: Mapping[str, bytes]) -> Iterator[QuantizeRows]:
        for tensor in in_order(source.facts.tensors):
            row = 0
            weights = importance.get(tensor.name, b"")
            if len(weights) != 4 * tensor.shape[0] * prod(tensor.shape[2:]):
                weights = b""
            for numbers in (
                _of_single_matrices(tensor, source.pieces(tensor)) if weights else source.pieces(tensor)
            ):
                matrix = row // tensor.shape[1] if weights else 0
                yield QuantizeRows(
                    tensor=tensor.name,
                    numbers=numbers,
                    columns=tensor.shape[0],
                    source_type=_NUMBERS[tensor.type],
                    targets=tuple(self._targets(tensor, row)),
                    threads=self._threads,
                    importance=weights[4 * tensor.shape[0] * matrix :][: 4 * tensor.shape[0]],
                )
                row += len(numbers) // row_bytes(tensor)

    def _targets(self, tensor: TensorInfo, row: int) -> Iterator[RowsTarget]:
        for rung, path, offsets in self._places:
            if tensor.name in offsets:
                number = _NUMBERS[rung.type_of(tensor)]
                offset = offsets[tensor.name] + row * TENSOR_TYPES[number].size_bytes(tensor.shape[0])
                yield RowsTarget(path=path, offset=offset, type=number)


def _of_single_matrices(tensor: TensorInfo, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """`pieces`, cut where a tensor of experts goes on to the next one, whose columns count differently."""
    size = tensor.shape[1] * row_bytes(tensor)
    place = 0
    for piece in pieces:
        while piece:
            taken = piece[: size - place % size]
            yield taken
            place, piece = place + len(taken), piece[len(taken) :]


def _weights_of(importance: Path | None) -> Mapping[str, bytes]:
    if importance is None:
        return {}
    from app.gguf.importance import read_importance

    return {name: each.weights().tobytes() for name, each in read_importance(importance).tensors.items()}
