"""What a runtime tells of a model and an answer, where only where it ran and how fast it was matter."""

from __future__ import annotations

from app.runtime.protocol import GenerationStatistics, MemoryBuffers, ModelDescription


def description(layer_devices: tuple[str, ...], context_length: int) -> ModelDescription:
    """`layer_devices`: "CPU" or a card's name for each layer and the output."""
    buffers = MemoryBuffers(
        weights=(),
        kv_cache=(),
        kv_cache_bytes=0,
        recurrent_state=(),
        output=(),
        compute=(),
        layer_devices=layer_devices,
        flash_attention=True,
    )
    return ModelDescription(context_length=context_length, memory_bytes=0, buffers=buffers)


def statistics(prompt_tokens: int, tokens: int, tokens_per_s: float) -> GenerationStatistics:
    return GenerationStatistics(
        prompt_tokens=prompt_tokens,
        evaluated_tokens=prompt_tokens,
        tokens=tokens,
        prompt_s=1.0,
        prompt_tokens_per_s=prompt_tokens,
        time_to_first_token_s=1.0,
        tokens_per_s=tokens_per_s,
        memory_bytes=0,
        seed=0,
        finish_reason="stop",
    )
