"""Repositories for the local Hub as they are published: names, kinds of files, cards; made up otherwise."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.helpers.hub_models import catalogue_file
from tests.helpers.hub_server import Content, Hole, Repository
from tests.helpers.tiny_checkpoint import TinyLlama

_QWEN = "qwen3-8b"
_QUANTIZATIONS = ("Q2_K", "Q3_K_M", "IQ4_XS", "Q4_0", "Q4_K_S", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0")

CARD = """---
license: apache-2.0
base_model: Qwen/Qwen3-8B
---
<!-- made by a script -->
<div align="center">
    <img src="https://tracker.test/pixel.png" width="1">
    <h1>Qwen3 8B, quantized</h1>
    <a href="https://unsloth.ai/docs"><b>See the documentation</b></a>
    <a href="https://discord.test/invite">Join us</a>
</div>

[![badge](https://tracker.test/badge.svg)](https://example.test/badge)

## What it is

A **thinking** model of 8.2 billion parameters with a switch: `/think` and `/no_think`. Files with *UD* in their name
have a type chosen for each tensor; see [the announcement](https://example.test/news).

| File | Size | For |
| --- | ---: | --- |
| Q4_K_M | 5.03 GB | most computers |
| Q8_0 | 8.71 GB | who has the room |

```python
print("<b>code stays as it is</b>")
```

1. Update llama.cpp
2. Use temperature 0.6
"""


def published_models() -> list[Repository]:
    """Some that a search finds, in the order of what is wanted most."""
    models = [_unsloth(), _google(), _tiny_llama(), _awq()]
    for number, (id, billions, licence, downloads) in enumerate(_OTHERS):
        architecture = "qwen3" if "qwen" in id.casefold() else "llama"
        facts = {"gguf": {"total": int(billions * 1e9), "architecture": architecture}} if billions else {}
        models.append(
            _repository(
                id,
                tags=["gguf", f"license:{licence}"] if licence else ["gguf"],
                downloads=downloads,
                likes=downloads // 300,
                trending=90 - number,
                days=3**number % 700,
                facts=facts,
                gated="auto" if "llama-3" in id.casefold() else False,
            )
        )
    return models


_OTHERS = (
    ("bartowski/Qwen_Qwen3-8B-GGUF", 8.19, "apache-2.0", 48_200),
    ("Qwen/Qwen3-8B-GGUF", 8.19, "apache-2.0", 211_000),
    ("mradermacher/Qwen3-8B-abliterated-i1-GGUF", 8.19, "apache-2.0", 9_400),
    ("meta-llama/Llama-3.3-70B-Instruct-GGUF", 70.6, "llama3.3", 154_000),
    ("lmstudio-community/Qwen3-30B-A3B-GGUF", 30.5, "apache-2.0", 88_000),
    ("someone/Qwen3-8B-a-very-long-name-that-says-how-it-was-merged-and-with-what-GGUF", 8.19, "", 12),
    ("ggml-org/gpt-oss-120b-GGUF", 116.8, "apache-2.0", 65_000),
    ("TheBloke/Llama-2-7B-Chat-GGUF", 6.74, "llama2", 91_000),
    ("second-state/Qwen3-14B-GGUF", 14.8, "apache-2.0", 3_100),
    ("unsloth/Qwen3-0.6B-GGUF", 0.6, "apache-2.0", 71_000),
    ("nobody/Qwen3-8B-without-a-size-GGUF", 0, "a licence of our own making with a long name", 3),
)


def _unsloth() -> Repository:
    files: dict[str, Content] = {
        f"Qwen3-8B-{kind}.gguf": catalogue_file(_QWEN, kind) for kind in _QUANTIZATIONS
    }
    files["Qwen3-8B-UD-Q4_K_XL.gguf"] = catalogue_file(_QWEN, "Q4_K_M")
    files["Qwen3-8B.i1-Q4_K_M.gguf"] = catalogue_file(_QWEN, "Q4_K_M")
    for part in (1, 2, 3):
        files[f"BF16/Qwen3-8B-BF16-0000{part}-of-00003.gguf"] = Hole(b"GGUF", 5_500_000_000)
    files["Qwen3-8B-F32-00001-of-00002.gguf"] = Hole(b"GGUF", 16_000_000_000)
    files["mmproj-F16.gguf"] = Hole(b"GGUF", 1_200_000_000)
    files["mtp-Qwen3-8B-Q8_0.gguf"] = Hole(b"GGUF", 700_000_000)
    files["README.md"] = CARD.encode()
    gguf = {"total": 8_190_735_360, "architecture": "qwen3", "context_length": 40960}
    return _repository(
        "unsloth/Qwen3-8B-GGUF",
        files=files,
        tags=["gguf", "license:apache-2.0", "base_model:Qwen/Qwen3-8B"],
        downloads=1_240_000,
        likes=4_210,
        trending=100,
        days=4,
        facts={"gguf": gguf, "cardData": {"license": "apache-2.0"}},
    )


def _google() -> Repository:
    return _repository(
        "google/gemma-3-12b-it-qat-q4_0-gguf",
        files={
            "gemma-3-12b-it-q4_0.gguf": catalogue_file("gemma-3-12b", "Q4_0"),
            "mmproj-model-f16-12B.gguf": Hole(b"GGUF", 854_000_000),
            "README.md": b"# Gemma",
        },
        tags=["gguf", "license:gemma"],
        downloads=186_000,
        likes=210,
        trending=95,
        days=20,
        gated="manual",
        facts={"gguf": {"total": 11_765_788_416, "architecture": "gemma3"}},
    )


def _tiny_llama() -> Repository:
    llama = TinyLlama(
        hidden=2048,
        layers=22,
        heads=32,
        kv_heads=4,
        head_length=64,
        feed_forward=5632,
        context=2048,
        vocabulary=32000,
    )
    config = llama.config()
    return _repository(
        "TinyLlama/TinyLlama-1.1B-Chat-v1.0",
        files={
            "config.json": json.dumps(config).encode(),
            "model.safetensors": Hole(b"x", 2_200_119_864),
            "tokenizer.model": Hole(b"y", 499_723),
            "README.md": b"# TinyLlama",
        },
        tags=["safetensors", "license:apache-2.0"],
        downloads=820_000,
        likes=1_300,
        trending=40,
        days=400,
        facts={"safetensors": {"parameters": {"BF16": 1_100_048_384}, "total": 1_100_048_384}},
    )


def _awq() -> Repository:
    quantization = {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True}
    config = {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "hidden_size": 4096,
        "intermediate_size": 12288,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "vocab_size": 151_936,
        "max_position_embeddings": 40_960,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1_000_000,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "quantization_config": quantization,
    }
    return _repository(
        "Qwen/Qwen3-8B-AWQ",
        files={
            "config.json": json.dumps(config).encode(),
            "model.safetensors.index.json": b"{}",
            "tokenizer.json": Hole(b"t", 11_000_000),
            "model-00001-of-00002.safetensors": Hole(b"x", 4_900_000_000),
            "model-00002-of-00002.safetensors": Hole(b"z", 1_200_000_000),
        },
        tags=["safetensors", "license:apache-2.0", "base_model:Qwen/Qwen3-8B"],
        downloads=310_000,
        likes=77,
        trending=30,
        days=200,
        facts={
            "safetensors": {"parameters": {"I32": 900_000_000, "F16": 1_300_000_000}, "total": 2_200_000_000}
        },
    )


def _repository(id: str, *, days: int, **options: Any) -> Repository:
    """Changed so many days ago."""
    changed = datetime.now(UTC) - timedelta(days=days, hours=1)
    return Repository(id, modified=f"{changed:%Y-%m-%dT%H:%M:%S}.000Z", **options)
