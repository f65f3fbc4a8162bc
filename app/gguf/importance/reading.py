"""Reads importance matrices, which come from anywhere: nothing in them is trusted before it was looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.core.errors import NoImportanceMatrix
from app.gguf.header import Header, TensorInfo
from app.gguf.importance.keys import CHUNK_COUNT, CHUNK_SIZE, COUNTS, DATASETS, SUMS, TYPE, TYPE_KEY
from app.gguf.importance.legacy import read_legacy
from app.gguf.importance.matrix import Importance, ImportanceMatrix
from app.gguf.reader import read_header
from app.gguf.source import LocalFile

_MAGIC = b"GGUF"
_MOST_COUNT = 1 << 53
"""Whole numbers that a float holds exactly."""
_MOST_BYTES = 1 << 32
"""The largest models, with hundreds of experts in each layer, come to 1.5 GB; a hole in a file may claim anything."""


def read_importance(path: Path) -> ImportanceMatrix:
    """From llama.cpp's current format (GGUF) or its old one (`.dat`).

    Raises NoImportanceMatrix for another file or a damaged one, and what `read_header` and `LocalFile` raise.
    """
    with LocalFile(path) as file:
        if file.size > _MOST_BYTES:
            raise NoImportanceMatrix(
                f"{path.name} is too large for an importance matrix.",
                "Choose a file that nibble calibrate or llama-imatrix made.",
            )
        if file.read_at(0, len(_MAGIC)) == _MAGIC:
            matrix = _from_gguf(file, read_header(file, lambda key, count: key == DATASETS))
        else:
            matrix = read_legacy(file)
    for name, each in matrix.tensors.items():
        if not (np.isfinite(each.sums).all() and (each.sums >= 0).all()):
            raise damaged(path.name, f"it holds impossible values for {name}")
    return matrix


def damaged(name: str, why: str) -> NoImportanceMatrix:
    return NoImportanceMatrix(
        f"{name} is damaged: {why}.", "Choose another importance matrix, or calibrate the model anew."
    )


def _from_gguf(file: LocalFile, header: Header) -> ImportanceMatrix:
    keys = header.metadata
    if keys.get(TYPE_KEY) != TYPE:
        raise NoImportanceMatrix(
            f"{file.name} holds no importance matrix.",
            "Choose a file that nibble calibrate or llama-imatrix made.",
        )
    infos = {tensor.name: tensor for tensor in header.tensors}
    order = "<f4" if header.byte_order == "little" else ">f4"
    tensors = {
        name.removesuffix(SUMS): _importance(file, name.removesuffix(SUMS), infos, order)
        for name in infos
        if name.endswith(SUMS)
    }
    if not tensors:
        raise damaged(file.name, "it tells of no tensor")
    datasets = keys.get(DATASETS)
    return ImportanceMatrix(
        tensors,
        tuple(map(str, datasets)) if isinstance(datasets, tuple) else (),
        _whole(keys.get(CHUNK_COUNT)),
        _whole(keys.get(CHUNK_SIZE)),
    )


def _whole(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _importance(file: LocalFile, name: str, infos: dict[str, TensorInfo], order: str) -> Importance:
    if name + COUNTS not in infos:
        raise damaged(file.name, f"the counts of {name} are missing")
    sums = _numbers(file, infos[name + SUMS], order)
    counts = _numbers(file, infos[name + COUNTS], order)
    if not sums.size or not counts.size or sums.size % counts.size:
        raise damaged(file.name, f"sums and counts of {name} do not belong together")
    if not ((counts >= 0) & (counts < _MOST_COUNT)).all():
        raise damaged(file.name, f"it holds impossible counts for {name}")
    return Importance(sums.reshape(counts.size, -1), np.rint(counts).astype(np.int64))


def _numbers(file: LocalFile, tensor: TensorInfo, order: str) -> NDArray[np.float32]:
    if tensor.type != "F32":
        raise damaged(file.name, f"{tensor.name} is not stored as F32")
    content = file.read_at(tensor.offset, tensor.size_bytes)
    if len(content) < tensor.size_bytes:  # somebody cut it since its header was read
        raise damaged(file.name, "it is truncated")
    return np.frombuffer(content, order).astype(np.float32, copy=False)
