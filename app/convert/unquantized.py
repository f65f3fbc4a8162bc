"""A model in full precision, to be read once while several quantizations are made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import Protocol

from app.core.errors import DamagedGguf
from app.gguf import ModelFacts, TensorInfo, read_header
from app.gguf.derived import RawKey, read_raw_keys
from app.gguf.source import LocalFile
from app.gguf.types import TENSOR_TYPES

PIECE_BYTES = 1 << 23
_TYPES = {type.name: type for type in TENSOR_TYPES.values()}


class Unquantized(Protocol):
    """As the GGUF that it is or would be: the `facts` of that file, and its `keys` as they stand there."""

    @property
    def facts(self) -> ModelFacts: ...

    @property
    def keys(self) -> Sequence[RawKey]: ...

    def pieces(self, tensor: TensorInfo) -> Iterator[bytes]:
        """Its numbers from the first to the last, as whole rows, some `PIECE_BYTES` at a time."""
        ...


def row_bytes(tensor: TensorInfo) -> int:
    return _TYPES[tensor.type].size_bytes(tensor.shape[0])


class UnquantizedFile:
    """A GGUF in full precision; made by `open_unquantized`."""

    def __init__(self, facts: ModelFacts, files: Sequence[LocalFile]) -> None:
        self.facts = facts
        self._files = files

    @cached_property
    def keys(self) -> Sequence[RawKey]:
        """Of a little-endian file."""
        first = self._files[0]
        return read_raw_keys(first.name, first.read_at(0, read_header(first).data_offset))

    def pieces(self, tensor: TensorInfo) -> Iterator[bytes]:
        file = self._files[tensor.part]
        step = max(PIECE_BYTES // row_bytes(tensor), 1) * row_bytes(tensor)
        for start in range(0, tensor.size_bytes, step):
            size = min(step, tensor.size_bytes - start)
            content = file.read_at(tensor.offset + start, size)
            if len(content) < size:
                raise DamagedGguf(f"{file.name} became shorter while it was read.", "Download it again.")
            yield content


@contextmanager
def open_unquantized(facts: ModelFacts) -> Iterator[UnquantizedFile]:
    """Raises what opening and reading the files raises."""
    with ExitStack() as stack:
        yield UnquantizedFile(facts, [stack.enter_context(LocalFile(path)) for path in facts.files])
