"""How fast a model will write: the bytes it reads for each token, over how fast they can be read."""

from __future__ import annotations

from dataclasses import dataclass

ACCELERATOR_EFFICIENCY = 0.82
"""Of an accelerator's memory bandwidth that llama.cpp reaches when it writes, and `LAYER_S`, the time a layer takes
besides: set by hand from runs that people published for llmfit (github.com/AlexsJones/llmfit, data/community). Of the
138 that fit into memory whole, medians lie within 14 % on five of seven devices; old cards and mixtures of experts are
slower than told."""

LAYER_S = 40e-6

PROCESSOR_EFFICIENCY = 0.7
"""Of main memory's bandwidth, with as many threads as cores: what llama-bench shows on desktops, less on few cores."""

SPREAD = 0.2
"""A guess: dense models on recent cards mostly lie within it."""

UNKNOWN_ACCELERATOR_BYTES_PER_S = 200_000_000_000
UNKNOWN_MEMORY_BYTES_PER_S = 40_000_000_000
"""Where nobody has told or measured: a modest card, and two channels of DDR4."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens per second. `is_measured`: from runs on this machine, and not from the bandwidth alone."""

    low: float
    high: float
    is_measured: bool = False

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2


def estimate_speed(
    accelerator_bytes: float,
    processor_bytes: float,
    layers: int,
    accelerator_bytes_per_s: float,
    processor_bytes_per_s: float,
    correction: float = 1.0,
) -> Speed:
    """The speed when each token reads so many bytes from each memory.

    `correction`: how much faster than estimated runs on this machine were.
    """
    seconds = processor_bytes / (processor_bytes_per_s * PROCESSOR_EFFICIENCY)
    if accelerator_bytes:
        seconds += accelerator_bytes / (accelerator_bytes_per_s * ACCELERATOR_EFFICIENCY) + layers * LAYER_S
    rate = correction / seconds if seconds > 0 else 0.0
    return Speed(rate * (1 - SPREAD), rate * (1 + SPREAD), correction != 1.0)
