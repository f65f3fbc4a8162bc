"""Memory that a load takes besides what llama.cpp allocates for the model."""

from __future__ import annotations

WORKER_BYTES = 60_000_000
"""A worker process without a model: Python, the bindings and llama.cpp itself."""

_BACKEND_BYTES = {"CUDA": 490_000_000, "ROCm": 490_000_000, "HIP": 490_000_000}
"""The driver's context on a card: llama.cpp's own memory breakdowns leave 450 to 470 MiB of a 3080 or 4090
unaccounted for (pull request 15860 of ggml-org/llama.cpp and others)."""

_OTHER_BACKEND_BYTES = 150_000_000
"""Vulkan, Metal and the rest: an allowance, not yet measured."""


def backend_overhead(backend: str) -> int:
    """Bytes that the first model of a process takes on an accelerator of `backend`."""
    return _BACKEND_BYTES.get(backend, _OTHER_BACKEND_BYTES)
