"""What a quantization did to each tensor: its weights held against those it was made of."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from app.core.errors import WrongChoice
from app.core.jobs import JobControl
from app.gguf import ModelFacts, TensorInfo, read_facts
from app.gguf.cursor import shorten

if TYPE_CHECKING:  # import NumPy
    from app.convert.meant_weights import GgufWeights, MeantWeights


class TensorError(msgspec.Struct, frozen=True):
    """`type` in the file that was made, `source_type` in what it was made of.

    `relative`: root mean square of the differences over that of the source's weights, 0 for none and near 1 where
    nothing of them is left; `largest`: the greatest difference, in the weights' own unit. Both None where they cannot
    be told: of a type that the gguf package does not read, or of numbers that are none (NaN, infinity).
    """

    name: str
    type: str
    source_type: str
    shape: tuple[int, ...]
    size_bytes: int
    elements: int
    relative: float | None
    largest: float | None

    @property
    def bits_per_weight(self) -> float:
        return self.size_bytes * 8 / self.elements if self.elements else 0.0


class QuantizationErrors(msgspec.Struct, frozen=True):
    """`relative`: of all weights together, None where none can be told. `tensors`: in the file's order."""

    relative: float | None
    tensors: tuple[TensorError, ...]

    @property
    def worst_first(self) -> list[TensorError]:
        """Those that cannot be told come last."""
        return sorted(self.tensors, key=lambda each: (each.relative is None, -(each.relative or 0.0)))


@dataclass
class _Sums:
    """Squares of differences and of the source's weights, added in double precision."""

    off: float = 0.0
    size: float = 0.0
    largest: float = 0.0

    def add(self, other: _Sums) -> None:
        self.off += other.off
        self.size += other.size
        self.largest = max(self.largest, other.largest)

    @property
    def are_numbers(self) -> bool:
        return math.isfinite(self.off) and math.isfinite(self.size)

    @property
    def relative(self) -> float:
        return math.sqrt(self.off / self.size) if self.size else 0.0


def measure_errors(made: Path, source: Path, control: JobControl) -> QuantizationErrors:
    """`made`: a GGUF; `source`: the GGUF or the folder of the checkpoint it was made of. Progress is in weights.

    A piece of a tensor of each is in memory at a time. Raises Cancelled, what reading either raises, and WrongChoice
    where they are not the same model.
    """
    facts = read_facts(made)
    # NumPy and gguf take a third of a second to import: only when there is something to read.
    from app.convert.meant_weights import open_gguf_weights, open_weights_of

    with open_gguf_weights(facts) as ours, open_weights_of(source, control.cancel) as theirs:
        _expect_same(facts, theirs.elements, source)
        total = sum(tensor.elements for tensor in facts.tensors)
        done, found, every = 0, [], _Sums()
        for tensor in facts.tensors:
            sums = _Sums()
            for part, elements in _differences(tensor, ours, theirs):
                control.cancel.raise_if_cancelled()
                sums.add(part)
                done += elements
                control.progress("Comparing the weights", done, total, "weights")
            found.append(_told(tensor, theirs.type_of(tensor.name), sums))
            if sums.are_numbers:
                every.add(sums)
    return QuantizationErrors(every.relative if every.size else None, tuple(found))


def _differences(tensor: TensorInfo, ours: GgufWeights, theirs: MeantWeights) -> Iterator[tuple[_Sums, int]]:
    """Piece by piece, and how many weights each has."""
    import numpy as np

    from app.convert.meant_weights import can_read

    name = tensor.name
    if not can_read(tensor.type) or not can_read(theirs.type_of(name)):
        yield _Sums(off=math.nan), tensor.elements
        return
    start = 0
    for meant in theirs.pieces(name):
        exact = meant.astype(np.float64)
        off = ours.some(name, start, meant.size) - exact
        start += meant.size
        yield _Sums(float(off @ off), float(exact @ exact), float(np.abs(off).max(initial=0.0))), meant.size


def _told(tensor: TensorInfo, source_type: str, sums: _Sums) -> TensorError:
    return TensorError(
        name=tensor.name,
        type=tensor.type,
        source_type=source_type,
        shape=tensor.shape,
        size_bytes=tensor.size_bytes,
        elements=tensor.elements,
        relative=sums.relative if sums.are_numbers else None,
        largest=sums.largest if sums.are_numbers else None,
    )


def _expect_same(facts: ModelFacts, elements: Mapping[str, int], source: Path) -> None:
    other = next((each.name for each in facts.tensors if elements.get(each.name) != each.elements), None)
    if other is not None:
        raise WrongChoice(
            f"{facts.path.name} was not made of {source.name}: {shorten(other)} is another one there, or missing.",
            "Choose the file or checkpoint it was made of.",
        )
