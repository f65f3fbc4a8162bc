"""MemoryEstimate = weights + KV cache + working space."""

from __future__ import annotations

from dataclasses import dataclass

from app.gguf import ModelFacts

WORKING_SPACE_BYTES = 300_000_000
"""Compute and output buffers at a micro-batch of 512, and the worker process itself."""

PREFERRED_CONTEXT_LENGTH = 4096
F16_BYTES = 2


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes in use once the model is loaded with its context."""

    weights_bytes: int
    kv_bytes: int
    compute_bytes: int

    @property
    def total_bytes(self) -> int:
        return self.weights_bytes + self.kv_bytes + self.compute_bytes


def default_context_length(facts: ModelFacts) -> int:
    """4,096 tokens, or what the model was trained for if that is less."""
    return min(facts.context_length or PREFERRED_CONTEXT_LENGTH, PREFERRED_CONTEXT_LENGTH)


def estimate(facts: ModelFacts, context_length: int) -> MemoryEstimate:
    """What loading `facts` with an F16 KV cache of `context_length` tokens takes.

    KV bytes = layers x context x KV heads x (key length + value length) x 2, as in Ainslie et
    al., "GQA" (2023). Where the header lacks a number the cache counts as nothing.
    """
    per_token = (facts.kv_heads or 0) * ((facts.key_length or 0) + (facts.value_length or 0)) * F16_BYTES
    return MemoryEstimate(
        weights_bytes=facts.tensor_bytes,
        kv_bytes=(facts.layers or 0) * context_length * per_token,
        compute_bytes=WORKING_SPACE_BYTES,
    )
