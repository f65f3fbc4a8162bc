"""One tensor on its way from the checkpoint to the GGUF, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from app.convert.checkpoint.numbers import Numbers, converted, interleaved, row_bytes
from app.convert.checkpoint.plan import PlannedTensor
from app.convert.checkpoint.tensors import CheckpointTensor, matrix_shape
from app.core.errors import WrongChoice

PIECE_BYTES = 1 << 19
"""How much of a tensor is converted at a time, as it is in the checkpoint: so little that all steps find it in the
processor's cache."""

_LARGER = {
    "F16": "Convert to BF16 or F32, which hold larger ones.",
    "BF16": "Convert to F32, which holds slightly larger ones.",
    "F32": "No GGUF that Nibble makes holds larger ones; choose another checkpoint.",
}
"""What to do about numbers too large for a type."""


@dataclass(frozen=True)
class Transfer:
    """One tensor from the checkpoint to the GGUF, where it is called `name` and has the type `wanted`."""

    name: str
    planned: PlannedTensor
    sources: tuple[CheckpointTensor, ...]
    wanted: str

    @property
    def size_bytes(self) -> int:
        """In the GGUF."""
        rows, columns = matrix_shape(self.planned.made_shape)
        return rows * row_bytes(columns, self.wanted)

    @property
    def read_bytes(self) -> int:
        return sum(source.size_bytes for source in self.sources)

    def pieces(self) -> Iterator[Piece]:
        """All of it, in the order in which it stands in the GGUF."""
        for source in self.sources:
            yield from _pieces(self, source)


@dataclass(frozen=True)
class Piece:
    """Every `step`-th of `count` rows of `source`, from `start` on. `read_bytes`: for progress."""

    transfer: Transfer
    source: CheckpointTensor
    start: int
    count: int
    step: int
    read_bytes: int

    def read(self) -> Numbers:
        """As it is in the checkpoint. Raises DamagedCheckpoint where the file was cut."""
        rows = self.source.rows(self.start, self.count)[:: self.step]
        columns = self.transfer.planned.columns
        return rows if columns is None else rows[:, columns]

    def made_of(self, rows: Numbers) -> Numbers:
        """What `read` gave as it is to be in the GGUF. Raises WrongChoice where a weight does not fit into the type."""
        planned, stored = self.transfer.planned, self.source.dtype
        ordered = interleaved(rows, planned.rope_rows) if planned.rope_rows else rows
        try:
            if planned.plus:
                ordered, stored = converted(ordered, stored, "F32") + np.float32(planned.plus), "F32"
            return np.ascontiguousarray(converted(ordered, stored, self.transfer.wanted))
        except OverflowError as error:
            raise WrongChoice(
                f"{planned.name} holds numbers too large for {self.transfer.wanted}.",
                _LARGER[self.transfer.wanted],
            ) from error


def _pieces(transfer: Transfer, source: CheckpointTensor) -> Iterator[Piece]:
    """Whole attention heads where they matter, and only the rows that are wanted."""
    planned = transfer.planned
    rows, _ = matrix_shape(source.shape)
    bytes_of_row = source.size_bytes // rows
    if planned.rows is not None:
        height = source.shape[-2]
        wanted = range(*planned.rows.indices(height))
        most = max(PIECE_BYTES // bytes_of_row // wanted.step, 1)
        for matrix in range(0, rows, height):
            for first in range(0, len(wanted), most):
                some = wanted[first : first + most]
                count = some[-1] - some[0] + 1
                # Of what lies between, the other tensor made of it counts its own.
                yield Piece(transfer, source, matrix + some[0], count, wanted.step, len(some) * bytes_of_row)
        return
    together = planned.rope_rows or 1
    most = max(PIECE_BYTES // (bytes_of_row * together), 1) * together
    for row in range(0, rows, most):
        count = min(most, rows - row)
        yield Piece(transfer, source, row, count, 1, count * bytes_of_row)
