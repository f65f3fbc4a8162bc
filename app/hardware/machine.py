"""The description of a computer, as plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cpu:
    """`features`: the instruction sets llama.cpp has code for, in its own names (`AVX2`, `NEON`)."""

    name: str
    physical_cores: int
    logical_cores: int
    features: tuple[str, ...] = ()


@dataclass(frozen=True)
class Memory:
    """Main memory this process can have; a container's limit counts as the total.

    `available_bytes`: what can be had now without swapping. `unified`: the GPU uses the same memory.
    """

    total_bytes: int
    available_bytes: int
    unified: bool = False


@dataclass(frozen=True)
class Accelerator:
    """A device besides the processor that models can run on. `backend`: `CUDA`, `Metal`, `Vulkan`."""

    name: str
    backend: str
    total_bytes: int
    free_bytes: int


@dataclass(frozen=True)
class Machine:
    """`notes`: one sentence for each source that could not tell all it should."""

    cpu: Cpu
    memory: Memory
    accelerators: tuple[Accelerator, ...] = ()
    notes: tuple[str, ...] = ()
