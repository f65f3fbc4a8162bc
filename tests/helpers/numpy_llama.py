"""A Llama as Transformers' modeling_llama.py describes it, in NumPy and double precision.

It computes with a checkpoint's own tensors, under their own names and in their own layout, and so
knows nothing of GGUF: what llama.cpp makes of a converted file can be held against it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.helpers.tiny_checkpoint import TinyLlama, Weights, from_stored

Numbers = NDArray[np.float64]


def read_checkpoint(folder: Path) -> tuple[TinyLlama, dict[str, Weights]]:
    """A Llama of one file in BF16."""
    config = json.loads((folder / "config.json").read_text())
    content = (folder / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    assert {entry["dtype"] for entry in header.values()} == {"BF16"}
    weights = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        stored = np.frombuffer(content[8 + length + start : 8 + length + end], "<u2")
        weights[name] = from_stored(stored, "BF16").reshape(entry["shape"])
    llama = TinyLlama(
        hidden=config["hidden_size"],
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        kv_heads=config["num_key_value_heads"],
        head_length=config["head_dim"],
        feed_forward=config["intermediate_size"],
        context=config["max_position_embeddings"],
        vocabulary=config["vocab_size"],
        tied=config["tie_word_embeddings"],
        rope_theta=config["rope_theta"],
        epsilon=config["rms_norm_eps"],
    )
    return llama, weights


def log_probabilities(llama: TinyLlama, weights: dict[str, Weights], tokens: Sequence[int]) -> list[float]:
    """Of each token but the first, given all before it."""
    rows = logits(llama, weights, tokens[:-1])
    shares = rows - np.logaddexp.reduce(rows, axis=-1, keepdims=True)
    return [float(row[token]) for row, token in zip(shares, tokens[1:], strict=True)]


def logits(llama: TinyLlama, weights: dict[str, Weights], tokens: Sequence[int]) -> Numbers:
    """One row for each token: what the model expects after it."""
    hidden = weights["model.embed_tokens.weight"].astype(np.float64)[list(tokens)]
    turns = _turns(llama, len(tokens))
    for layer in range(llama.layers):
        prefix = f"model.layers.{layer}"
        block = {
            name.removeprefix(f"{prefix}."): values.astype(np.float64)
            for name, values in weights.items()
            if name.startswith(f"{prefix}.")
        }
        hidden = hidden + _attention(
            llama, block, _norm(llama, hidden, block["input_layernorm.weight"]), turns
        )
        hidden = hidden + _feed_forward(block, _norm(llama, hidden, block["post_attention_layernorm.weight"]))
    output = weights["model.embed_tokens.weight" if llama.tied else "lm_head.weight"]
    return _norm(llama, hidden, weights["model.norm.weight"]) @ output.T.astype(np.float64)


def greedy_tokens(
    llama: TinyLlama, weights: dict[str, Weights], prompt: Sequence[int], count: int
) -> list[int]:
    tokens = list(prompt)
    for _ in range(count):
        tokens.append(int(np.argmax(logits(llama, weights, tokens)[-1])))
    return tokens[len(prompt) :]


def _norm(llama: TinyLlama, values: Numbers, weight: NDArray[np.floating]) -> Numbers:
    return values / np.sqrt(np.mean(values**2, axis=-1, keepdims=True) + llama.epsilon) * weight


def _project(block: dict[str, Numbers], name: str, values: Numbers) -> Numbers:
    return values @ block[f"{name}.weight"].T + block.get(f"{name}.bias", 0.0)


def _turns(llama: TinyLlama, count: int) -> tuple[Numbers, Numbers]:
    """Cosine and sine by position and dimension; both halves of a head turn by the same angles."""
    rates = llama.rope_theta ** (-np.arange(0, llama.head_length, 2) / llama.head_length)
    angles = np.outer(np.arange(count), np.concatenate([rates, rates]))
    return np.cos(angles), np.sin(angles)


def _turned(heads: Numbers, turns: tuple[Numbers, Numbers]) -> Numbers:
    cosine, sine = turns
    first, second = np.split(heads, 2, axis=-1)
    return heads * cosine + np.concatenate([-second, first], axis=-1) * sine


def _attention(
    llama: TinyLlama, block: dict[str, Numbers], values: Numbers, turns: tuple[Numbers, Numbers]
) -> Numbers:
    count = len(values)

    def heads(name: str) -> Numbers:
        projected = _project(block, f"self_attn.{name}", values)
        return projected.reshape(count, -1, llama.head_length).swapaxes(0, 1)

    query, key, value = _turned(heads("q_proj"), turns), _turned(heads("k_proj"), turns), heads("v_proj")
    shared = llama.heads // llama.kv_heads
    key, value = np.repeat(key, shared, axis=0), np.repeat(value, shared, axis=0)
    scores = query @ key.swapaxes(1, 2) / llama.head_length**0.5
    scores = np.where(np.tri(count, dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    mixed = (weights @ value).swapaxes(0, 1).reshape(count, -1)
    return _project(block, "self_attn.o_proj", mixed)


def _feed_forward(block: dict[str, Numbers], values: Numbers) -> Numbers:
    gate = _project(block, "mlp.gate_proj", values)
    return _project(
        block, "mlp.down_proj", gate / (1 + np.exp(-gate)) * _project(block, "mlp.up_proj", values)
    )
