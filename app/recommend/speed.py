"""How fast a model will write: the bytes it reads for each token, over how fast they can be read.

Each token takes an accelerator `read bytes / (bandwidth x ACCELERATOR_EFFICIENCY)`, and each layer `LAYER_S` besides,
more where it chooses experts. Fitted to runs that people published for llmfit (github.com/AlexsJones/llmfit,
data/community, commit 3f44fd3): llama.cpp, models in Q4_K_M or MXFP4, whole on one device. Of 189 the estimate misses
half by less than 4 % and nine of ten by less than 18 %. Median by device, dense models: AMD RX 7900 XT 2 % too fast,
Apple M4 Pro 1 %, NVIDIA GB10 4 %, GTX 1050 Ti 1 % too slow, RTX 2080 0 %, RTX 5070 4 % too slow; mixtures of experts:
RX 7900 XT 4 % too slow, M4 Pro 9 % too fast, GB10 5 % too slow. Furthest off are architectures of many small operations
(Gemma 3n twice too fast), models below half a gigabyte on a GTX 1050 Ti, and small ones on the fastest cards: on an RTX
5090 Qwen3 8B is 18 % and Qwen3.6 35B-A3B 29 % faster than told (data/benchmark_cache.json of the same project).
`tests/unit/recommend/test_speed.py` holds it against a part of the runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from app.recommend.need import Need

ACCELERATOR_EFFICIENCY = 0.86
"""The share of an accelerator's memory bandwidth that llama.cpp reads weights with."""

LAYER_S = 60e-6
"""What starting and joining the operations of a layer takes on an accelerator, whatever its size."""

EXPERTS_S = 55e-6
"""What a layer takes besides where it chooses experts and gathers them."""

OPERATIONS_PER_BYTE = 45
"""Arithmetic that a byte of weights takes. Only NVIDIA's Pascal cards do it more slowly than they read: the figure is a
GTX 1050 Ti's of llmfit, and tells a Tesla P40 (54 tokens per second with a 7 B model in Q4_K_S, github.com/ggml-org/
llama.cpp, pull request 4766) 3 % too slow."""

PROCESSOR_EFFICIENCY = 0.7
"""Of main memory's bandwidth, with as many threads as cores: what llama-bench shows on desktops, less on few cores."""

SPREAD = 0.2
"""Nine of ten of the published runs lie within it, on either side."""

MEASURED_SPREAD = 0.1
"""Between runs of one model on one machine: 95 of 100 of the published ones lie within 9 % of their mean."""

UNKNOWN_ACCELERATOR_BYTES_PER_S = 200_000_000_000
UNKNOWN_MEMORY_BYTES_PER_S = 40_000_000_000
"""Where nobody has told or measured: a modest card, and two channels of DDR4."""

Variant = tuple[int, int, int, int]
"""What two models share that are equally fast: bytes of weights, bytes read for a token, layers, and offloaded ones."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens per second. `is_measured`: this model in this quantization has run here. `is_corrected`: others have, and
    the estimate has learnt from them."""

    low: float
    high: float
    is_measured: bool = False
    is_corrected: bool = False

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2

    @property
    def basis(self) -> Literal["measured", "estimated"]:
        return "measured" if self.is_measured else "estimated"


class Work(NamedTuple):
    """What a token takes: bytes read from each memory, and of the layers on the accelerators all, and those that choose
    experts."""

    accelerator_bytes: float
    processor_bytes: float
    layers: float
    expert_layers: float


@dataclass(frozen=True, slots=True)
class Learned:
    """How much faster than estimated this machine was: in general, None where that is not known, and with variants."""

    accelerator: float | None = None
    processor: float | None = None
    variants: Mapping[Variant, float] = field(default_factory=dict)


def work_of(need: Need, gpu_layers: int, cache_bytes: float, *, experts_apart: int = 0) -> Work:
    """`gpu_layers` counts the output as one; `cache_bytes` of the context are read for each token.

    `experts_apart`: by the experts of so many of those layers the processor multiplies, too.
    """
    offloaded = max(gpu_layers - 1, 0)
    share = offloaded / need.layers
    in_layers = need.read_bytes - need.output_bytes + cache_bytes
    staying = need.expert_read_bytes * experts_apart / max(need.expert_layers, 1)
    return Work(
        in_layers * share - staying + (need.output_bytes if gpu_layers else 0),
        in_layers * (1 - share) + staying + (0 if gpu_layers else need.output_bytes),
        offloaded,
        need.expert_layers * share,
    )


def variant_of(need: Need, gpu_layers: int) -> Variant:
    return need.weights_bytes, need.read_bytes, need.layers, gpu_layers


def seconds_per_token(
    work: Work, accelerator_bytes_per_s: float, processor_bytes_per_s: float
) -> tuple[float, float]:
    """On the accelerators and on the processor, one after the other, as nothing learned would have it."""
    reading = work.accelerator_bytes / (accelerator_bytes_per_s * ACCELERATOR_EFFICIENCY)
    return (
        reading + work.layers * LAYER_S + work.expert_layers * EXPERTS_S,
        work.processor_bytes / (processor_bytes_per_s * PROCESSOR_EFFICIENCY),
    )


def speed_from(seconds: tuple[float, float], variant: Variant | None, learned: Learned) -> Speed:
    """`seconds` as `seconds_per_token` gives them; `variant` None: none that answers are remembered of."""
    on_accelerator, on_processor = seconds
    measured = learned.variants.get(variant) if variant is not None else None
    if measured is not None:
        return _speed(measured, on_accelerator + on_processor, MEASURED_SPREAD, is_measured=True)
    corrected = (on_accelerator > 0 and learned.accelerator is not None) or (
        on_processor > 0 and learned.processor is not None
    )
    total = on_accelerator / (learned.accelerator or 1.0) + on_processor / (learned.processor or 1.0)
    return _speed(1.0, total, SPREAD, is_corrected=corrected)


def _speed(
    tokens: float, seconds: float, spread: float, *, is_measured: bool = False, is_corrected: bool = False
) -> Speed:
    rate = tokens / seconds if seconds > 0 else 0.0
    return Speed(rate * (1 - spread), rate * (1 + spread), is_measured, is_corrected)
