"""LoRA adapters as PEFT saves them, written with NumPy alone; their numbers follow from the tensors' names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.helpers.random_checkpoint import random_tensor
from tests.helpers.tiny_checkpoint import Weights, changed, from_stored, write_json, write_safetensors

EMBEDDING = "model.embed_tokens"

CONFIG: dict[str, Any] = {
    "alpha_pattern": {},
    "auto_mapping": None,
    "base_model_name_or_path": "someone/Tiny",
    "bias": "none",
    "fan_in_fan_out": False,
    "inference_mode": True,
    "init_lora_weights": True,
    "layer_replication": None,
    "layers_pattern": None,
    "layers_to_transform": None,
    "lora_alpha": 16,
    "lora_dropout": 0.05,
    "modules_to_save": None,
    "peft_type": "LORA",
    "r": 4,
    "rank_pattern": {},
    "target_modules": ["q_proj"],
    "task_type": "CAUSAL_LM",
    "use_dora": False,
    "use_rslora": False,
}
"""As PEFT 0.21 writes it."""


def adapter_tensors(weights: Mapping[str, tuple[int, int]], rank: int = 4) -> dict[str, tuple[int, int]]:
    """Their shapes by PEFT's names. `weights`: rows and columns by the module's name."""
    shapes: dict[str, tuple[int, int]] = {}
    for module, (rows, columns) in weights.items():
        name = f"base_model.model.{module}"
        if module == EMBEDDING:  # of the transpose: (columns, tokens)
            shapes[f"{name}.lora_embedding_A"] = (rank, rows)
            shapes[f"{name}.lora_embedding_B"] = (columns, rank)
        else:
            shapes[f"{name}.lora_A.weight"] = (rank, columns)
            shapes[f"{name}.lora_B.weight"] = (rows, rank)
    return shapes


def write_peft_adapter(
    folder: Path,
    weights: Mapping[str, tuple[int, int]],
    *,
    rank: int = 4,
    dtype: str = "F32",
    more: Mapping[str, Weights] | None = None,
    config: Mapping[str, Any] | None = None,
) -> Path:
    """`more`: tensors beside the pairs, by their whole names. `config` changes or, with `...`, removes keys."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "adapter_config.json", changed(CONFIG, config))
    tensors = {name: numbers(name, shape, dtype) for name, shape in adapter_tensors(weights, rank).items()}
    stored = {name: (dtype, each) for name, each in {**tensors, **(more or {})}.items()}
    write_safetensors(folder / "adapter_model.safetensors", stored)
    return folder


def numbers(name: str, shape: tuple[int, ...], dtype: str = "F32") -> Weights:
    return from_stored(random_tensor(name, dtype, shape), dtype)


def change_of(module: str, shape: tuple[int, int], *, rank: int = 4, scale: float = 4.0) -> Weights:
    """scale B A, of an adapter in F32; `shape` of the weight."""
    a, b = (numbers(name, each) for name, each in adapter_tensors({module: shape}, rank).items())
    change = np.float64(scale) * (b.astype(np.float64) @ a.astype(np.float64))
    return (change.T if module == EMBEDDING else change).astype(np.float32)
