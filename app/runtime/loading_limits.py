"""Settings that no model could be loaded with, told before anything is unloaded for it; the worker asks as well."""

from __future__ import annotations

import math

from app.core.errors import WrongChoice
from app.runtime.protocol import LoadSettings

MOST_TOKENS = 1 << 24
"""Of a context, more than any model has; llama.cpp keeps some 50 bytes of its own for each."""
MOST_THREADS = 512
"""GGML_MAX_N_THREADS, beyond which ggml ends the process."""
MOST_STRENGTH = 100.0


def require_possible(settings: LoadSettings) -> None:
    """Raises WrongChoice for what no model could be loaded with; llama.cpp's fields would wrap around."""
    if not 0 < settings.context_length <= MOST_TOKENS:
        raise WrongChoice(
            f"A context of {settings.context_length:,} tokens is not possible.",
            f"Choose one of 1 to {MOST_TOKENS:,} tokens.",
        )
    for name, tokens in (("micro-batch", settings.ubatch), ("batch", settings.batch)):
        if not 0 < tokens <= MOST_TOKENS:
            raise WrongChoice(f"A {name} of {tokens:,} tokens is not possible.", "Choose 512.")
    for threads in (settings.threads, settings.prompt_threads):
        if not 0 <= threads <= MOST_THREADS:
            raise WrongChoice(
                f"{threads:,} threads are not possible.",
                f"Choose 1 to {MOST_THREADS}, or 0 for one per core.",
            )
    for kv_type in (settings.kv_type, settings.value_type or "f16"):
        if kv_type != "f16" and settings.flash_attention == "off":
            raise WrongChoice(
                f"A KV cache in {kv_type} needs flash attention.",
                "Turn flash attention on, or choose f16 for the KV cache.",
            )
    _require_possible_split(settings)
    for adapter in settings.adapters:
        if not abs(adapter.strength) <= MOST_STRENGTH:  # nor is it when it is no number
            raise WrongChoice(
                f"An adapter cannot be used with a strength of {adapter.strength:g}.",
                f"Choose a number from -{MOST_STRENGTH:g} to {MOST_STRENGTH:g}; 1 is as it was trained.",
            )


def _require_possible_split(settings: LoadSettings) -> None:
    """llama.cpp reads past the end of what has no number for each device."""
    if len(set(settings.devices)) != len(settings.devices):
        raise WrongChoice("A device cannot be used twice for one model.", "Name each device once.")
    if not settings.split:
        return
    if len(settings.split) != len(settings.devices):
        raise WrongChoice(
            f"A split in {len(settings.split)} parts does not go with {len(settings.devices)} devices.",
            "Name as many devices as there are parts.",
        )
    if not all(0 <= part < math.inf for part in settings.split) or not sum(settings.split):
        raise WrongChoice(
            "A split needs numbers that are not below zero, and one above it.",
            "Choose 1 for each device to give all of them the same.",
        )
