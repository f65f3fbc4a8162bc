"""llama.cpp's importance matrices from before they were GGUF files, mostly called `imatrix.dat`.

Little-endian numbers of 32 bits: how many entries; for each the length of its name, the name, over how many chunks it
was taken, how many values it has, the values as floats; then, optionally, all chunks and the length and the name of
the text. The format has no mark of its own.
"""

from __future__ import annotations

import struct

import numpy as np

from app.core.errors import NoImportanceMatrix
from app.gguf.importance.matrix import Importance, ImportanceMatrix
from app.gguf.source import LocalFile

_MOST_ENTRIES = 1 << 17
_LONGEST_NAME = 1 << 10
_LONGEST_DATASET = 1 << 16


def read_legacy(file: LocalFile) -> ImportanceMatrix:
    """Raises NoImportanceMatrix."""
    stream = _Stream(file)
    count = stream.number(1, _MOST_ENTRIES)
    tensors: dict[str, Importance] = {}
    for _ in range(count):
        name = stream.text(stream.number(1, _LONGEST_NAME))
        chunks = stream.number(0, (1 << 31) - 1)
        values = stream.number(1, (1 << 31) - 1)
        sums = np.frombuffer(stream.take(4 * values), "<f4").astype(np.float32, copy=False)
        # llama.cpp takes values that were summed over no chunk as they are.
        tensors[name] = Importance(sums.reshape(1, -1), np.array([max(chunks, 1)]))
    if stream.at_end:
        return ImportanceMatrix(tensors, (), 0, 0)
    chunks = stream.number(0, (1 << 31) - 1)
    dataset = "" if stream.at_end else stream.text(stream.number(0, _LONGEST_DATASET))
    return ImportanceMatrix(tensors, (dataset,) if dataset else (), chunks, 0)


class _Stream:
    def __init__(self, file: LocalFile) -> None:
        self._file = file
        self._position = 0

    @property
    def at_end(self) -> bool:
        return self._position >= self._file.size

    def take(self, size: int) -> bytes:
        """Looks first whether the file has so much."""
        if size > self._file.size - self._position:
            raise self._no_matrix()
        content = self._file.read_at(self._position, size)
        self._position += size
        if len(content) < size:
            raise self._no_matrix()
        return content

    def number(self, least: int, most: int) -> int:
        (value,) = struct.unpack("<i", self.take(4))
        if not least <= value <= most:
            raise self._no_matrix()
        return int(value)

    def text(self, size: int) -> str:
        return self.take(size).decode("utf-8", "replace")

    def _no_matrix(self) -> NoImportanceMatrix:
        return NoImportanceMatrix(
            f"{self._file.name} is no importance matrix, or it is damaged.",
            "Choose a file that nibble calibrate or llama-imatrix made.",
        )
