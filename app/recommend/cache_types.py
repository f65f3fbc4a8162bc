"""KV caches in fewer bits: what they cost, and which models take them."""

from __future__ import annotations

from app.runtime.protocol import KvType

CACHE_TYPES: tuple[KvType, ...] = ("q8_0", "q4_0")

CACHE_LOSS: dict[KvType, float] = {"f16": 0.0, "q8_0": 0.0004, "q4_0": 0.012}
"""By how much perplexity rises with keys and values in these types, 0.012 for 1.2 %. Q8_0: Llama 3 8B in F16, from
6.2322 to 6.2344 (github.com/ggml-org/llama.cpp, pull request 7412); its KL divergence is 0.001, less than that of
weights in Q8_0. Q4_0, rotated as llama.cpp does since pull request 21038: 0.2 % of Llama 2 7B and 1.2 %, from 7.8551 to
7.9506, of Gemma 3 4B (pull request 21551)."""

_SENSITIVE_ARCHITECTURES = frozenset({"gpt-oss"})
"""Its attention has sinks: with keys in Q8_0 gpt-oss-20b has another most likely token in 25 of 100 places
(issue 305 of github.com/TheTom/llama-cpp-turboquant)."""

_CACHE_BLOCK = 32
"""Numbers of a head that share a scale: llama.cpp refuses heads that are no multiple of it."""


def takes_quantized_cache(architecture: str | None, key_length: int | None, value_length: int | None) -> bool:
    """Whether that is possible and does no harm. Lengths: of a head, in elements."""
    lengths = (key_length, value_length)
    is_possible = all(length and length % _CACHE_BLOCK == 0 for length in lengths)
    return is_possible and architecture not in _SENSITIVE_ARCHITECTURES
