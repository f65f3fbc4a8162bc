"""The description of a computer, as plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cpu:
    """`features`: the instruction sets llama.cpp has code for, in its own names (`AVX2`, `NEON`).

    `performance_cores`, `efficiency_cores`: the physical ones of each kind; None where all are alike or the
    system does not tell.
    """

    name: str
    physical_cores: int
    logical_cores: int
    features: tuple[str, ...] = ()
    performance_cores: int | None = None
    efficiency_cores: int | None = None


@dataclass(frozen=True)
class Memory:
    """Main memory this process can have; a container's limit counts as the total.

    `available_bytes`: what can be had now without swapping. `unified`: the GPU uses the same memory.
    `bandwidth_bytes_per_s`: how fast it can be read; None where nobody has measured or told it.
    """

    total_bytes: int
    available_bytes: int
    unified: bool = False
    bandwidth_bytes_per_s: int | None = None


@dataclass(frozen=True)
class Accelerator:
    """A device besides the processor that models can run on. `backend`: `CUDA`, `Metal`, `Vulkan`.

    `integrated`: it works in main memory, so that its bytes are the machine's and count once; all but
    `reserved_bytes`, which the firmware sets aside for it and `Memory` does not hold.
    `free_is_assumed`: nobody tells how much is free. `usable`: False where the runtime has no use for it.
    `bandwidth_bytes_per_s`: of its memory; None where it is not known.
    `pci_address`: where a driver on this computer can be asked about it again (`0000:01:00.0`); may be empty.
    `runtime_name`: what the runtime calls it (`CUDA0`); empty where it was not asked.
    """

    name: str
    backend: str
    total_bytes: int
    free_bytes: int
    integrated: bool = False
    bandwidth_bytes_per_s: int | None = None
    reserved_bytes: int = 0
    free_is_assumed: bool = False
    usable: bool = True
    pci_address: str = ""
    runtime_name: str = ""

    @property
    def own_bytes(self) -> int:
        """What it adds to the machine's main memory."""
        return self.reserved_bytes if self.integrated else self.total_bytes


@dataclass(frozen=True)
class Machine:
    """`notes`: one sentence for each source that could not tell all it should."""

    cpu: Cpu
    memory: Memory
    accelerators: tuple[Accelerator, ...] = ()
    notes: tuple[str, ...] = ()
