"""Models whose layers do not see all that was before: those with a sliding window, and recurrent ones."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from app.gguf import read_header
from tests.helpers.ghosts import write_hollow_model
from tests.helpers.tiny_gguf import tiny_vocabulary

WINDOW = 32


def write_windowed_model(path: Path) -> Path:
    """A Gemma 3 with random weights: five of its six layers see 32 tokens."""
    hidden, head = 256, 64
    shapes: dict[str, tuple[int, ...]] = {
        "attn_norm": (hidden,),
        "attn_q": (hidden, 4 * head),
        "attn_k": (hidden, 2 * head),
        "attn_v": (hidden, 2 * head),
        "attn_output": (4 * head, hidden),
        "attn_q_norm": (head,),
        "attn_k_norm": (head,),
        "post_attention_norm": (hidden,),
        "ffn_norm": (hidden,),
        "ffn_gate": (hidden, hidden),
        "ffn_up": (hidden, hidden),
        "ffn_down": (hidden, hidden),
        "post_ffw_norm": (hidden,),
    }
    tensors: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (hidden, len(tiny_vocabulary())),
        "output_norm.weight": (hidden,),
    }
    for layer in range(6):
        tensors |= {f"blk.{layer}.{name}.weight": shape for name, shape in shapes.items()}
    keys = {
        "context_length": 4096,
        "embedding_length": hidden,
        "block_count": 6,
        "feed_forward_length": hidden,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
        "attention.key_length": head,
        "attention.value_length": head,
        "attention.sliding_window": WINDOW,
        "attention.layer_norm_rms_epsilon": 1e-6,
    }
    write_hollow_model(path, "gemma3", keys, tensors)
    return _with_random_weights(path)


def write_mamba(path: Path) -> Path:
    """A Mamba with random weights: two layers of state space, and no KV cache at all."""
    return _with_random_weights(write_hollow_mamba(path, layers=2, states=16))


def write_hollow_mamba(path: Path, *, layers: int, states: int) -> Path:
    hidden, inner, rank = 256, 512, 16
    tensors: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (hidden, len(tiny_vocabulary())),
        "output_norm.weight": (hidden,),
    }
    for layer in range(layers):
        shapes: dict[str, tuple[int, ...]] = {
            "attn_norm.weight": (hidden,),
            "ssm_in.weight": (hidden, 2 * inner),
            "ssm_conv1d.weight": (4, inner),
            "ssm_conv1d.bias": (inner,),
            "ssm_x.weight": (inner, rank + 2 * states),
            "ssm_dt.weight": (rank, inner),
            "ssm_dt.bias": (inner,),
            "ssm_a": (states, inner),
            "ssm_d": (inner,),
            "ssm_out.weight": (inner, hidden),
        }
        tensors |= {f"blk.{layer}.{name}": shape for name, shape in shapes.items()}
    keys = {
        "context_length": 4096,
        "embedding_length": hidden,
        "block_count": layers,
        "feed_forward_length": 0,
        "attention.head_count": 0,
        "ssm.conv_kernel": 4,
        "ssm.inner_size": inner,
        "ssm.state_size": states,
        "ssm.time_step_rank": rank,
        "attention.layer_norm_rms_epsilon": 1e-5,
    }
    return write_hollow_model(path, "mamba", keys, tensors)


def _with_random_weights(path: Path) -> Path:
    random = np.random.default_rng(4)
    with path.open("r+b") as file:
        for tensor in read_header(path).tensors:
            weights = random.standard_normal(tensor.shape) * tensor.shape[0] ** -0.5
            if tensor.name.endswith("ssm_a"):  # states decay, or a layer would overflow
                weights = -np.abs(random.standard_normal(tensor.shape))
            elif (
                "post_" in tensor.name
            ):  # what layers add outweighs the token itself, which would only be repeated
                weights = np.full(tensor.shape, 3.0)
            elif tensor.name == "token_embd.weight":  # what is no whole character is never chosen
                vocabulary = tiny_vocabulary()
                rows = weights.reshape(len(vocabulary.tokens), -1)
                rows[[kind != gguf.TokenType.NORMAL for kind in vocabulary.types]] = 0.0
            elif len(tensor.shape) == 1:
                weights = np.full(tensor.shape, 0.0 if tensor.name.endswith("bias") else 1.0)
            file.seek(tensor.offset)
            file.write(weights.astype(np.float32).tobytes())
    return path
