"""ModelTraits: what of a model's metadata decides between types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.gguf.header import MetadataValue, SkippedArray
from app.memory.mixture.tensors import NoPrediction

_MOST = 1 << 31

_LAYERS_OF_70B = {"llama": 80, "llama-embed": 80, "qwen2": 80, "deci": 80, "olmo": 80, "jais2": 68}
"""llama.cpp takes a model of these architectures with so many layers for one of 70 B parameters."""
_TELL_70B_BY_HEADS = frozenset({"llama", "llama-embed"})
"""Where heads share no keys and values it is LLaMA 65B, with eight experts a Mixtral."""


@dataclass(frozen=True)
class ModelTraits:
    """`blocks`: layers in the file, with those that only predict further tokens. `heads` and `kv_heads`
    are the first layer's, by which llama.cpp judges all."""

    architecture: str
    blocks: int
    heads: int = 0
    kv_heads: int = 0
    experts: int = 0

    @property
    def heads_per_kv_head(self) -> int:
        return self.heads // self.kv_heads if self.kv_heads else 0

    @property
    def is_70b(self) -> bool:
        if self.blocks != _LAYERS_OF_70B.get(self.architecture):
            return False
        by_heads = self.architecture in _TELL_70B_BY_HEADS
        return not by_heads or (self.heads != self.kv_heads and self.experts != 8)


def read_traits(metadata: Mapping[str, MetadataValue]) -> ModelTraits:
    """From the keys of a GGUF header. Raises NoPrediction where they do not tell the architecture and its layers."""
    architecture = metadata.get("general.architecture")
    if not isinstance(architecture, str):
        raise NoPrediction("the metadata name no architecture")

    def number(key: str, default: int = 0) -> int:
        """The number, or a list's first. What is no sensible number counts as absent."""
        value = metadata.get(f"{architecture}.{key}")
        if isinstance(value, SkippedArray):
            raise NoPrediction(f"{key} is a list that was not read")
        first = value[0] if isinstance(value, tuple) and value else value
        if not isinstance(first, int) or isinstance(first, bool) or not 0 <= first < _MOST:
            return default
        return first

    blocks = number("block_count")
    if not blocks:
        raise NoPrediction("the metadata do not tell how many layers there are")
    heads = number("attention.head_count")
    kv_heads = number("attention.head_count_kv", default=heads)
    return ModelTraits(architecture, blocks, heads, kv_heads, number("expert_count"))
