"""LoRA adapters with weights, and what they come to when merged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float32]
Pair = tuple[Weights, Weights]
"""A of (rank, columns) and B of (rows, rank), as Hu et al., "LoRA" (2021), call them."""


def random_pair(rows: int, columns: int, rank: int, seed: int, size: float = 1.0) -> Pair:
    """B·A has numbers of about `size / sqrt(columns)`."""
    random = np.random.default_rng(seed)
    low = random.standard_normal((rank, columns), np.float32) / np.float32(columns**0.5)
    high = random.standard_normal((rows, rank), np.float32) * np.float32(size / rank**0.5)
    return low, high


def write_lora(
    path: Path, pairs: Mapping[str, Pair], *, alpha: float, architecture: str = "llama", **changes: object
) -> Path:
    """`pairs` by the name of the weight ("blk.0.attn_v.weight"), in F32. `changes` to metadata, which has strings,
    with underscores for dots."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    for key, value in changes.items():
        writer.add_string(key.replace("_", "."), str(value))
    for name, (low, high) in pairs.items():
        writer.add_tensor(f"{name}.lora_a", low)
        writer.add_tensor(f"{name}.lora_b", high)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def merged(weight: NDArray[np.floating], pair: Pair, *, alpha: float, strength: float) -> NDArray[np.float64]:
    """W + strength * alpha / rank * B·A."""
    low, high = (half.astype(np.float64) for half in pair)
    return weight.astype(np.float64) + strength * alpha / len(low) * (high @ low)
