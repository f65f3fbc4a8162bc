"""A model whose probabilities can be worked out by hand: the next token depends on the last one only."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from tests.helpers.tiny_gguf import tiny_vocabulary, write_tiny_model

HIDDEN = 512
"""At least a channel for each token of the tiny vocabulary."""
RMS_EPSILON = 1e-5  # as `write_tiny_model` sets it


def write_bigram_model(
    path: Path, logits: NDArray[np.float64], *, chat_template: str | None = None, name: str = "Bigram"
) -> Path:
    """A model whose logits after token t are `logits[t]`, whatever stood before t.

    Each token's embedding is a channel of its own, and nothing is added to it on the way: what is
    left of the model is the last normalization and the output matrix.
    """
    write_tiny_model(path, hidden=HIDDEN, layers=1, chat_template=chat_template, name=name)
    size = len(tiny_vocabulary())
    assert logits.shape == (size, size)
    normalized = 1 / np.sqrt(1 / HIDDEN + RMS_EPSILON)
    reader = gguf.GGUFReader(path, "r+")
    tensors = {tensor.name: tensor.data for tensor in reader.tensors}
    tensors["token_embd.weight"][:] = np.eye(size, HIDDEN)
    tensors["blk.0.attn_output.weight"][:] = 0
    tensors["blk.0.ffn_down.weight"][:] = 0
    tensors["output.weight"][:] = 0
    tensors["output.weight"][:, :size] = logits.T / normalized
    reader.data.flush()
    return path
