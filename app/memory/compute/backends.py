"""Backend: what the reservation on an accelerator depends on, by ggml's name of its kind."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Backend:
    """`alignment` in bytes, of places in its buffer. `takes_over_from`: the shortest batch, in tokens, for which it
    computes with weights that are in main memory; 0: it never does. `pipelines`: several work on successive batches.
    `widens_caches`: attention to a quantized cache needs room for it in F16. `fuses_experts`: what up to
    `MOST_FUSED_EXPERTS` experts give for a token is kept until their sum is complete.
    """

    alignment: int = 128
    takes_over_from: int = 32
    pipelines: bool = True
    widens_caches: bool = False
    fuses_experts: bool = False


MOST_FUSED_EXPERTS = 15

_BACKENDS = {
    "CUDA": Backend(widens_caches=True, fuses_experts=True),
    "ROCm": Backend(widens_caches=True, fuses_experts=True),
    "Metal": Backend(alignment=32, widens_caches=True),
    "RPC": Backend(alignment=64, takes_over_from=0),
    "Vulkan": Backend(alignment=64),
}
"""Source: `get_alignment`, `get_alloc_size`, `offload_op`, `get_props` and `graph_optimize` in `ggml-cuda`,
`ggml-metal`, `ggml-rpc` and `ggml-vulkan` of ggml. Vulkan and RPC align as the device behind them does."""


def backend_named(name: str) -> Backend:
    """Of one that is not known here, what most have in common."""
    return _BACKENDS.get(name, Backend())
