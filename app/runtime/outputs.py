"""For how many tokens at once a context gives logits."""

from __future__ import annotations

BATCH_TOKENS = 512
"""Prompt tokens per llama_decode unless a micro-batch has more: llama.cpp's own micro-batch, so cancel is
looked at as often."""

LOGITS_BYTES = 64 * 1024 * 1024
"""llama.cpp reserves logits for all tokens of a micro-batch unless it is told how many are wanted: 256 MB with a
vocabulary of 128 thousand, and as much again when they are asked for. Writing needs one row, scoring a few."""

_F32_BYTES = 4


def outputs_at_once(vocabulary_size: int, batch_tokens: int) -> int:
    """As many rows of logits as `LOGITS_BYTES` hold, from 1 to `batch_tokens`."""
    return max(1, min(batch_tokens, LOGITS_BYTES // (max(vocabulary_size, 1) * _F32_BYTES)))
