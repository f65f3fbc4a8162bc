"""What a quantization made with an importance matrix tells of it, in its own header."""

from __future__ import annotations

from app.gguf.importance.matrix import ImportanceMatrix

_LONGEST_TEXT = 127
"""Bytes that llama.cpp has room for."""


def told_of(file_name: str, matrix: ImportanceMatrix) -> list[tuple[str, str | int]]:
    """Keys and values, which are llama-quantize's, with the file's name in place of its path."""
    told: list[tuple[str, str | int]] = [("file", _short(file_name))]
    if matrix.datasets:
        told.append(("dataset", _short(matrix.datasets[0])))
    told.append(("entries_count", len(matrix.tensors)))
    if matrix.chunks:
        told.append(("chunks_count", matrix.chunks))
    return [(f"quantize.imatrix.{key}", value) for key, value in told]


def _short(text: str) -> str:
    """In whole characters."""
    return text.encode("utf-8", "replace")[:_LONGEST_TEXT].decode("utf-8", "ignore")
