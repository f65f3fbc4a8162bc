"""The trained model as a Hugging Face checkpoint: BF16 safetensors, configuration, tokenizer, template."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from resources.guide.dialogue import BEGIN, CHAT_TEMPLATE, END, marker
from resources.guide.training.model import Llama

BEGIN_ID, END_ID = 1, 2  # as train_tokenizer sets them
WEIGHTS = "model.safetensors"
FILES = ("config.json", "generation_config.json", WEIGHTS, "tokenizer.model", "tokenizer_config.json")


def write_checkpoint(model: Llama, target: Path) -> None:
    """Writes all but the tokenizer's own file, which is there already, and the sums of all files."""
    tensors = {name: tensor.to(torch.bfloat16).contiguous() for name, tensor in model.state_dict().items()}
    save_file(tensors, target / WEIGHTS, metadata={"format": "pt"})
    (target / WEIGHTS).chmod(0o644)  # save_file leaves it to its owner alone
    _write(target / "config.json", _configuration(model))
    _write(target / "generation_config.json", {"bos_token_id": BEGIN_ID, "eos_token_id": END_ID})
    _write(target / "tokenizer_config.json", _tokenizer_configuration())
    sums = [f"{hashlib.sha256((target / name).read_bytes()).hexdigest()}  {name}\n" for name in FILES]
    (target / "SHA256SUMS").write_text("".join(sums))


def _configuration(model: Llama) -> dict[str, Any]:
    g = model.geometry
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "attention_bias": False,
        "mlp_bias": False,
        "bos_token_id": BEGIN_ID,
        "eos_token_id": END_ID,
        "head_dim": g.head_length,
        "hidden_act": "silu",
        "hidden_size": g.hidden,
        "intermediate_size": g.feed_forward,
        "max_position_embeddings": g.context,
        "num_attention_heads": g.heads,
        "num_hidden_layers": g.layers,
        "num_key_value_heads": g.kv_heads,
        "rms_norm_eps": g.norm_epsilon,
        "rope_theta": g.rope_theta,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "vocab_size": g.vocabulary,
    }


def _tokenizer_configuration() -> dict[str, Any]:
    return {
        "tokenizer_class": "LlamaTokenizer",
        "legacy": False,
        "add_prefix_space": False,
        "add_bos_token": True,
        "add_eos_token": False,
        "bos_token": BEGIN,
        "eos_token": END,
        "unk_token": "<unk>",
        "additional_special_tokens": [marker("system"), marker("user"), marker("assistant")],
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1024,
        "chat_template": CHAT_TEMPLATE,
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
