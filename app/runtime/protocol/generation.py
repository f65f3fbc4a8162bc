"""What is told of an answer beside its text."""

from __future__ import annotations

from typing import Literal

import msgspec

PieceKind = Literal["answer", "reasoning"]


class TokenProbability(msgspec.Struct, frozen=True):
    """`text`: its bytes, which may be a part of a character; of a special token its name. `log_probability`:
    natural logarithm, as the model gives it, before any sampler."""

    token: int
    text: bytes
    log_probability: float


class TokenChoice(msgspec.Struct, frozen=True):
    """The token that was `chosen`, and those that were `likeliest` there, the first first."""

    chosen: TokenProbability
    likeliest: tuple[TokenProbability, ...]


class GenerationStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Times of one answer.

    `prompt_tokens` is the whole prompt, of which `evaluated_tokens` were not in the KV cache;
    `dropped_messages` were left out of it. The last `continued_tokens` of it are those of the answer that goes on.
    `time_to_first_token_s` runs from the request's arrival; `tokens_per_s` is decode speed after
    the first token; `memory_bytes` is the worker's at the end, each weight counted once.
    `finish_reason`: 'stop' (the model ended, or a stop string came), 'length' (max_tokens), 'context' (the context is
    full), 'cancelled'.
    """

    prompt_tokens: int
    evaluated_tokens: int
    tokens: int
    prompt_s: float
    prompt_tokens_per_s: float
    time_to_first_token_s: float
    tokens_per_s: float
    memory_bytes: int
    seed: int
    finish_reason: str
    dropped_messages: int = 0
    continued_tokens: int = 0
