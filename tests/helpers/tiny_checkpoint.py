"""Hugging Face checkpoints of Llama models with random weights, written with NumPy alone."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.helpers.raw_sentencepiece import sentencepiece_model
from tests.helpers.tiny_gguf import CHATML, tiny_vocabulary

Weights = NDArray[np.float32]
_NUMPY = {"F32": "<f4", "F16": "<f2", "BF16": "<u2", "F64": "<f8", "I8": "i1"}


@dataclass(frozen=True)
class TinyLlama:
    """The dimensions of a checkpoint, in elements. `dtype` is that of every tensor in it."""

    hidden: int = 256
    layers: int = 2
    heads: int = 8
    kv_heads: int = 4
    head_length: int = 32
    feed_forward: int = 512
    context: int = 512
    vocabulary: int = 448
    tied: bool = False
    biases: bool = False
    dtype: str = "BF16"
    rope_theta: float = 10_000.0
    epsilon: float = 1e-5

    def config(self) -> dict[str, Any]:
        """As Transformers 4 writes it."""
        return {
            "architectures": ["LlamaForCausalLM"],
            "attention_bias": self.biases,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "head_dim": self.head_length,
            "hidden_act": "silu",
            "hidden_size": self.hidden,
            "intermediate_size": self.feed_forward,
            "max_position_embeddings": self.context,
            "mlp_bias": self.biases,
            "model_type": "llama",
            "num_attention_heads": self.heads,
            "num_hidden_layers": self.layers,
            "num_key_value_heads": self.kv_heads,
            "rms_norm_eps": self.epsilon,
            "rope_scaling": None,
            "rope_theta": self.rope_theta,
            "tie_word_embeddings": self.tied,
            "torch_dtype": "bfloat16",
            "vocab_size": self.vocabulary,
        }

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """All tensors in Transformers' names, rows first."""
        query, key = self.heads * self.head_length, self.kv_heads * self.head_length
        shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (self.vocabulary, self.hidden)}
        for layer in range(self.layers):
            matrices = {
                "self_attn.q_proj": (query, self.hidden),
                "self_attn.k_proj": (key, self.hidden),
                "self_attn.v_proj": (key, self.hidden),
                "self_attn.o_proj": (self.hidden, query),
                "mlp.gate_proj": (self.feed_forward, self.hidden),
                "mlp.up_proj": (self.feed_forward, self.hidden),
                "mlp.down_proj": (self.hidden, self.feed_forward),
            }
            for name, shape in matrices.items():
                shapes[f"model.layers.{layer}.{name}.weight"] = shape
                if self.biases:
                    shapes[f"model.layers.{layer}.{name}.bias"] = shape[:1]
            for name in ("input_layernorm", "post_attention_layernorm"):
                shapes[f"model.layers.{layer}.{name}.weight"] = (self.hidden,)
        shapes["model.norm.weight"] = (self.hidden,)
        if not self.tied:
            shapes["lm_head.weight"] = (self.vocabulary, self.hidden)
        return shapes

    def weights(self, seed: int = 0) -> dict[str, Weights]:
        """Random numbers that `dtype` holds exactly, spread so that logits lie far apart."""
        weights = {}
        for number, (name, shape) in enumerate(self.shapes().items()):
            random = np.random.default_rng([seed, number]).standard_normal(shape, np.float32)
            if len(shape) == 1:
                exact = random * np.float32(0.1) + np.float32("norm" in name)
            else:
                exact = random * np.float32(1.0 if "embed" in name else 2.0 / shape[1] ** 0.5)
            weights[name] = from_stored(as_stored(exact, self.dtype), self.dtype)
        return weights


TOKENIZER_CONFIG: dict[str, Any] = {
    "add_bos_token": True,
    "add_eos_token": False,
    "bos_token": "<s>",
    "chat_template": CHATML,
    "eos_token": {"__type": "AddedToken", "content": "</s>", "special": True},
    "legacy": False,
    "pad_token": None,
    "unk_token": "<unk>",
}


def write_tiny_checkpoint(
    folder: Path,
    llama: TinyLlama | None = None,
    *,
    shards: int = 1,
    seed: int = 0,
    config: Mapping[str, Any] | None = None,
    tokenizer_config: Mapping[str, Any] | None = None,
) -> Path:
    """Writes a whole checkpoint to `folder` and returns it.

    `config` and `tokenizer_config` change or, with `...`, remove keys of those files.
    """
    llama = llama or TinyLlama()
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", changed(llama.config(), config))
    write_json(folder / "tokenizer_config.json", changed(TOKENIZER_CONFIG, tokenizer_config))
    words = tiny_vocabulary()
    assert len(words) <= llama.vocabulary
    pieces = zip(words.tokens, words.scores, words.types, strict=True)
    (folder / "tokenizer.model").write_bytes(sentencepiece_model(pieces))
    tensors = {name: (llama.dtype, weights) for name, weights in llama.weights(seed).items()}
    if shards == 1:
        write_safetensors(folder / "model.safetensors", tensors)
        return folder
    weight_map = {}
    for number in range(shards):
        name = f"model-{number + 1:05d}-of-{shards:05d}.safetensors"
        part = dict(list(tensors.items())[number::shards])
        write_safetensors(folder / name, part)
        weight_map |= dict.fromkeys(part, name)
    write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": weight_map})
    return folder


def changed(values: Mapping[str, Any], changes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in {**values, **(changes or {})}.items() if value is not ...}


def write_json(path: Path, document: object) -> None:
    path.write_text(json.dumps(document), encoding="utf-8")


def write_safetensors(path: Path, tensors: Mapping[str, tuple[str, Weights]]) -> Path:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    contents = []
    position = 0
    for name, (dtype, weights) in tensors.items():
        content = as_stored(weights, dtype).tobytes()
        offsets = [position, position + len(content)]
        header[name] = {"dtype": dtype, "shape": list(weights.shape), "data_offsets": offsets}
        contents.append(content)
        position += len(content)
    return write_raw_safetensors(path, header, contents)


def write_raw_safetensors(
    path: Path, header: Mapping[str, Any] | bytes, contents: Iterable[bytes] = (), claimed: int | None = None
) -> Path:
    """`claimed` is the length of the header it lies about."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    length = struct.pack("<Q", len(text) if claimed is None else claimed)
    path.write_bytes(length + text + b"".join(contents))
    return path


def as_stored(weights: Weights, dtype: str) -> NDArray[Any]:
    if dtype != "BF16":
        return weights.astype(_NUMPY[dtype])
    bits = weights.astype("<f4").view("<u4")
    return ((bits + (0x7FFF + ((bits >> 16) & 1))) >> 16).astype("<u2")  # no test has a NaN


def from_stored(stored: NDArray[Any], dtype: str) -> Weights:
    if dtype != "BF16":
        return stored.astype(np.float32)
    return (stored.astype("<u4") << 16).view("<f4").astype(np.float32)
