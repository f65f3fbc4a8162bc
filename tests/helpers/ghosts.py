"""GGUF files with a true header and a hole where the tensor data would be."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np

from app.gguf import read_header
from tests.helpers.tiny_gguf import tiny_vocabulary

Scalar = bool | int | float | str


def write_ghost(model: Path, target: Path) -> Path:
    """The header of `model`, and nothing else of it."""
    header = read_header(model)
    with model.open("rb") as source:
        target.write_bytes(source.read(header.data_offset))
    os.truncate(target, header.file_bytes)
    return target


def write_hollow_model(
    path: Path, architecture: str, keys: Mapping[str, Scalar], tensors: Mapping[str, tuple[int, ...]]
) -> Path:
    """A model whose weights are all zero, F32, given by their shapes in ggml's order; it loads.

    `keys` are those of the architecture, without its name: "block_count". The vocabulary is the tiny one.
    """
    writer = gguf.GGUFWriter(path, architecture)
    for key, value in keys.items():
        _add(writer, f"{architecture}.{key}", value)
    words = tiny_vocabulary()
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(list(words.tokens))
    writer.add_token_scores(list(words.scores))
    writer.add_token_types(list(words.types))
    writer.add_bos_token_id(words.tokens.index("<s>"))
    writer.add_eos_token_id(words.tokens.index("</s>"))
    data_bytes = 0
    for name, shape in tensors.items():
        size_bytes = 4 * int(np.prod(shape))
        writer.add_tensor_info(name, list(reversed(shape)), np.dtype(np.float32), size_bytes)
        data_bytes += -(-size_bytes // 32) * 32
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    header_bytes = path.stat().st_size
    os.truncate(path, -(-header_bytes // 32) * 32 + data_bytes)
    return path


def _add(writer: gguf.GGUFWriter, key: str, value: Scalar) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    else:
        writer.add_string(key, value)
