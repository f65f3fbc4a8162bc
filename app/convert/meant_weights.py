"""The weights of a model as numbers, a piece at a time: of a GGUF, whatever its types, and of a checkpoint.

For what compares them; imports NumPy and the gguf package. Elements of a tensor are counted in the GGUF's order, in
which a row's neighbours follow each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import gguf
import numpy as np
from numpy.typing import NDArray

from app.convert.checkpoint.conversion import open_source
from app.convert.checkpoint.folder import is_checkpoint
from app.convert.checkpoint.numbers import BLOCKS
from app.convert.checkpoint.source import Source
from app.convert.checkpoint.writing import meant_pieces, meant_transfers
from app.core.errors import DamagedGguf
from app.core.jobs import CancelToken
from app.gguf import ModelFacts, read_facts
from app.gguf.source import LocalFile
from app.gguf.types import TENSOR_TYPES

Floats = NDArray[np.float32]
PIECE_ELEMENTS = 1 << 20
"""Of a GGUF's tensor in memory at a time; a multiple of every type's block."""

_BLOCKS = {type.name: type for type in TENSOR_TYPES.values()}
_PLAIN = {"F32": "<f4", "F16": "<f2", "F64": "<f8", "I8": "i1", "I16": "<i2", "I32": "<i4", "I64": "<i8"}
_IN_GGUF = {type.name for type in gguf.GGMLQuantizationType}


class MeantWeights(Protocol):
    """`elements`: how many each tensor has, by its name in a GGUF."""

    @property
    def elements(self) -> Mapping[str, int]: ...

    def type_of(self, name: str) -> str:
        """In which it is stored."""
        ...

    def pieces(self, name: str) -> Iterator[Floats]:
        """All of it in order, at most PIECE_ELEMENTS at a time and whole blocks. Raises what reading raises."""
        ...


def can_read(type: str) -> bool:
    """Whether the gguf package knows what the numbers of a type of tensor mean."""
    if type in _PLAIN or type == "BF16":
        return True
    return type in _IN_GGUF and gguf.GGMLQuantizationType[type] in gguf.quants._type_traits


class GgufWeights:
    """Of a GGUF's open files; made by `open_gguf_weights`."""

    def __init__(self, facts: ModelFacts, files: Sequence[LocalFile]) -> None:
        self._tensors = {tensor.name: tensor for tensor in facts.tensors}
        self._files = files
        self.elements = {name: tensor.elements for name, tensor in self._tensors.items()}

    def type_of(self, name: str) -> str:
        return self._tensors[name].type

    def pieces(self, name: str) -> Iterator[Floats]:
        elements = self.elements[name]
        for start in range(0, elements, PIECE_ELEMENTS):
            yield self.some(name, start, min(PIECE_ELEMENTS, elements - start))

    def some(self, name: str, start: int, count: int) -> Floats:
        """`count` elements from `start`, whole blocks. Raises DamagedGguf where the file was cut."""
        tensor = self._tensors[name]
        type = _BLOCKS[tensor.type]
        file, size = self._files[tensor.part], type.size_bytes(count)
        content = file.read_at(tensor.offset + type.size_bytes(start), size)
        if len(content) < size:
            raise DamagedGguf(f"{file.name} became shorter while it was read.", "Make or download it again.")
        return _numbers(content, tensor.type)


class CheckpointWeights:
    """Of a checkpoint, as its own format means them."""

    def __init__(self, source: Source) -> None:
        self._transfers = {transfer.name: transfer for transfer in meant_transfers(source)}
        self._computed = {each.name: np.array(each.values, np.float32) for each in source.plan.computed}
        self.elements = {
            **{name: transfer.planned.elements for name, transfer in self._transfers.items()},
            **{name: values.size for name, values in self._computed.items()},
        }

    def type_of(self, name: str) -> str:
        return "F32" if name in self._computed else self._transfers[name].sources[0].dtype

    def pieces(self, name: str) -> Iterator[Floats]:
        if name in self._computed:
            yield self._computed[name]
            return
        transfer = self._transfers[name]
        for stored in meant_pieces(transfer):
            blocks = transfer.wanted in BLOCKS
            numbers = _numbers(stored.tobytes(), transfer.wanted) if blocks else stored.reshape(-1)
            for start in range(0, numbers.size, PIECE_ELEMENTS):
                yield numbers[start : start + PIECE_ELEMENTS]


@contextmanager
def open_gguf_weights(facts: ModelFacts) -> Iterator[GgufWeights]:
    """Raises what `LocalFile` raises."""
    with ExitStack() as stack:
        yield GgufWeights(facts, [stack.enter_context(LocalFile(file)) for file in facts.files])


@contextmanager
def open_weights_of(path: Path, cancel: CancelToken) -> Iterator[MeantWeights]:
    """Of a GGUF file or a checkpoint's folder. Raises what reading either raises."""
    if is_checkpoint(path):
        with open_source(path, cancel) as source:
            yield CheckpointWeights(source)
        return
    with open_gguf_weights(read_facts(path)) as weights:
        yield weights


def _numbers(content: bytes, type: str) -> Floats:
    if type in _PLAIN:
        return np.frombuffer(content, _PLAIN[type]).astype(np.float32, copy=False)
    if type == "BF16":  # the gguf package takes fifty times as long for it
        return (np.frombuffer(content, "<u2").astype("<u4") << 16).view("<f4")
    stored = np.frombuffer(content, np.uint8)
    numbers: Floats = gguf.dequantize(stored, gguf.GGMLQuantizationType[type]).reshape(-1)
    return numbers
