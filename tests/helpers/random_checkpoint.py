"""Checkpoints of any architecture with random weights that follow from the tensors' names alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.helpers.raw_sentencepiece import sentencepiece_model
from tests.helpers.tiny_checkpoint import as_stored, write_json, write_raw_safetensors
from tests.helpers.tiny_gguf import tiny_vocabulary

_BYTES = {"BF16": 2, "F16": 2, "F32": 4, "U8": 1}


def random_tensor(name: str, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """As it is stored. Of the same name always the same."""
    random = np.random.default_rng(list(hashlib.sha256(name.encode()).digest()[:8]))
    if dtype == "U8":
        # As scales, powers of two that a float holds; as pairs of 4-bit numbers, any.
        low, high = (110, 130) if name.endswith("_scales") else (0, 256)
        return random.integers(low, high, shape, np.uint8)
    return as_stored(random.standard_normal(shape, np.float32) * np.float32(0.1), dtype)


def write_random_checkpoint(
    folder: Path, config: Mapping[str, Any], tensors: Mapping[str, tuple[str, tuple[int, ...]]]
) -> Path:
    """Writes config.json, the weights and a tokenizer of SentencePiece. `tensors`: dtype and shape by name."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", config)
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "LlamaTokenizer"})
    words = tiny_vocabulary()
    pieces = zip(words.tokens, words.scores, words.types, strict=True)
    (folder / "tokenizer.model").write_bytes(sentencepiece_model(pieces))
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    position = 0
    for name, (dtype, shape) in tensors.items():
        size = prod(shape) * _BYTES[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [position, position + size]}
        position += size
    contents = (random_tensor(name, *each).tobytes() for name, each in tensors.items())
    write_raw_safetensors(folder / "model.safetensors", header, contents)
    return folder
