"""The checkpoint that a repository holds beside, or instead of, GGUF files, and the form of its weights."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from app.core.jobs import CancelToken
from app.hub.client import Hub
from app.hub.documents import count_in, text_in
from app.hub.repository import HubRepository
from app.hub.variants import HubFile

_PICKLED = (".bin", ".pt", ".pth", ".ckpt")
_SINGLE = "model.safetensors"
_SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")
_DESCRIBING = (
    "config.json",
    "generation_config.json",
    "model.safetensors.index.json",
    "tokenizer.model",
    "tokenizer.json",
    "tekken.json",
    "tokenizer_config.json",
    "added_tokens.json",
    "chat_template.jinja",
    "README.md",
)
"""What a conversion reads beside the weights, as far as it is there."""
_LARGEST_CONFIG_BYTES = 1 << 22
_METHODS = {
    "fp8": "FP8",
    "fbgemm_fp8": "FP8",
    "finegrained_fp8": "FP8",
    "gptq": "GPTQ",
    "awq": "AWQ",
    "mxfp4": "MXFP4",
    "compressed-tensors": "compressed-tensors",
    "modelopt": "NVIDIA ModelOpt",
    "bitnet": "BitNet",
    "hqq": "HQQ",
    "aqlm": "AQLM",
    "exl2": "EXL2",
    "exl3": "EXL3",
    "torchao": "torchao",
    "quanto": "Quanto",
}
"""By transformers' `quantization_config.quant_method`."""
_TYPES = {
    "BF16": "BF16",
    "F16": "F16",
    "F32": "F32",
    "F64": "F64",
    "F8_E4M3": "FP8",
    "F8_E5M2": "FP8",
}
"""By the type's name in a safetensors file."""
_TORCH = {"bfloat16": "BF16", "float16": "F16", "float32": "F32", "float64": "F64"}


@dataclass(frozen=True, slots=True)
class OriginalCheckpoint:
    """`architecture` as transformers names the class, e.g. "LlamaForCausalLM"; `model_type` e.g. "llama".

    `form`: "BF16", "FP8", "GPTQ", ... or None where nothing tells it. `is_pickled`: no safetensors, and pickles are
    not opened. `is_adapter`: changes another model. `files` are the weights.
    """

    architecture: str | None
    model_type: str | None
    form: str | None
    is_pickled: bool
    is_adapter: bool
    files: tuple[HubFile, ...]
    parameters: int | None
    config: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def read_original(
    hub: Hub, repository: HubRepository, cancel: CancelToken | None = None
) -> OriginalCheckpoint | None:
    """None where the repository has no weights but GGUF. One request where it has a config.json. Raises what `Hub`
    raises."""
    names = {file.path for file in repository.files}
    weights = _weights(repository.files, (".safetensors",))
    is_pickled = not weights
    weights = weights or _weights(repository.files, _PICKLED)
    if not weights:
        return None
    config = _config(hub, repository, cancel or CancelToken())
    architectures = config.get("architectures")
    first = architectures[0] if isinstance(architectures, list) and architectures else None
    return OriginalCheckpoint(
        first if isinstance(first, str) else None,
        text_in(config, "model_type"),
        _form(config, repository.safetensors_types),
        is_pickled,
        "adapter_config.json" in names and "config.json" not in names,
        weights,
        repository.parameters,
        config,
    )


def checkpoint_files(repository: HubRepository, original: OriginalCheckpoint) -> tuple[HubFile, ...]:
    """All that a conversion reads, config.json first."""
    described = (repository.file(name) for name in _DESCRIBING)
    return (*filter(None, described), *original.files)


def _weights(files: tuple[HubFile, ...], suffixes: tuple[str, ...]) -> tuple[HubFile, ...]:
    """In the top folder, where those that transformers loads are; of safetensors under the names that it knows, since
    some publish the same weights once more under others."""
    found = [file for file in files if "/" not in file.path and file.path.lower().endswith(suffixes)]
    # training_args.bin and the like are no weights.
    weights = [
        file for file in found if file.is_lfs and not file.name.startswith(("training_args", "optimizer"))
    ]
    single = [file for file in weights if file.name == _SINGLE]
    shards = [file for file in weights if _SHARD.fullmatch(file.name)]
    return tuple(single or shards or weights)


def _config(hub: Hub, repository: HubRepository, cancel: CancelToken) -> dict[str, Any]:
    """config.json, or what the Hub has kept of it where it is gated or makes no sense."""
    kept = repository.config if isinstance(repository.config, dict) else {}
    file = repository.file("config.json")
    if file is None or file.size > _LARGEST_CONFIG_BYTES or (repository.is_gated and kept):
        return kept
    path = f"/{quote(repository.id)}/resolve/{quote(repository.commit, safe='')}/config.json"
    answer = hub.get(path, f"config.json of {repository.id}", cancel, repository=repository.id)
    try:
        config = json.loads(answer.content)
    except (ValueError, RecursionError):
        return kept
    return config if isinstance(config, dict) else kept


def _form(config: dict[str, Any], types: Any) -> str | None:
    quantization = config.get("quantization_config")
    if isinstance(quantization, dict):
        return _quantized(quantization)
    counts = {name: count_in(types, name) or 0 for name in _TYPES}
    most = max(counts, key=lambda name: counts[name])
    if counts[most]:
        return _TYPES[most]
    text = config.get("text_config")
    told = (text_in(each, key) for each in (config, text) for key in ("dtype", "torch_dtype"))
    return next((_TORCH[each] for each in told if each in _TORCH), None)


def _quantized(told: dict[str, Any]) -> str:
    method = text_in(told, "quant_method") or ""
    if method == "bitsandbytes" or "load_in_4bit" in told:
        bits = 4 if told.get("load_in_4bit") is True else 8
        return f"bitsandbytes, {bits} bits"
    bits_told = count_in(told, "bits")
    name = _METHODS.get(method, method[:40] or "quantized")
    return f"{name}, {bits_told} bits" if bits_told and bits_told <= 16 else name
