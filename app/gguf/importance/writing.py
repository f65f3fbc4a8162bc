"""Writes an importance matrix as llama-imatrix does: a GGUF with two tensors for each of the model's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.core.errors import from_os_error
from app.gguf.encoding import aligned, encode_header
from app.gguf.header import MetadataValue
from app.gguf.importance.keys import CHUNK_COUNT, CHUNK_SIZE, COUNTS, DATASETS, SUMS, TYPE, TYPE_KEY
from app.gguf.importance.matrix import ImportanceMatrix


def write_importance(matrix: ImportanceMatrix, path: Path) -> None:
    """Raises DiskFull, NotAllowed, FileGone where the folder is missing, or UnreadableFile."""
    metadata: dict[str, MetadataValue] = {
        TYPE_KEY: TYPE,
        DATASETS: matrix.datasets,
        CHUNK_COUNT: matrix.chunks,
        CHUNK_SIZE: matrix.chunk_tokens,
    }
    head, _ = encode_header(
        metadata, ((name, (rows.shape[1], rows.shape[0]), "F32") for name, rows in _stored(matrix))
    )
    try:
        with path.open("wb") as file:
            file.write(head)
            for _, rows in _stored(matrix):
                file.write(rows.data)
                file.write(bytes(aligned(rows.nbytes) - rows.nbytes))
    except OSError as error:
        raise from_os_error(error, path, writing=True) from error


def _stored(matrix: ImportanceMatrix) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for name, each in sorted(matrix.tensors.items()):
        yield name + SUMS, np.ascontiguousarray(each.sums, "<f4")
        yield name + COUNTS, each.counts.astype("<f4")[:, None]
