"""MemoryEstimate: what a model takes on each device, by the formula."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.gguf import ModelFacts, ModelSummary
from app.gguf.cursor import shorten
from app.hardware import Accelerator
from app.memory.compute import (
    Batch,
    backend_named,
    compute_bytes,
    compute_bytes_by_device,
    largest_batch,
)
from app.memory.geometry import MOST_LAYERS, Geometry, read_geometry
from app.memory.kv_cache import layer_cache, padded, row_bytes
from app.memory.overhead import WORKER_BYTES
from app.memory.placement import PROCESSOR, Placement, chosen_devices, is_expert, place, weights_by_device
from app.runtime.outputs import BATCH_TOKENS, outputs_at_once
from app.runtime.protocol import DryRunResult, LoadSettings

Basis = Literal["formula", "guess", "dry run"]

PREFERRED_CONTEXT_LENGTH = 4096
_F32_BYTES = 4
_GUESSED_COMPUTE_BYTES = 600_000_000
"""For an architecture whose graph is not known: what a model of 8 B parameters needs without flash attention."""


@dataclass(frozen=True)
class DeviceMemory:
    """Bytes on one device. `kv_bytes` with the recurrent state, `compute_bytes` with the output buffer."""

    name: str
    weights_bytes: int
    kv_bytes: int
    compute_bytes: int

    @property
    def total_bytes(self) -> int:
        return self.weights_bytes + self.kv_bytes + self.compute_bytes


class _Summed:
    """Bytes over all devices."""

    devices: tuple[DeviceMemory, ...]

    @property
    def weights_bytes(self) -> int:
        return sum(device.weights_bytes for device in self.devices)

    @property
    def kv_bytes(self) -> int:
        return sum(device.kv_bytes for device in self.devices)

    @property
    def compute_bytes(self) -> int:
        return sum(device.compute_bytes for device in self.devices)

    @property
    def total_bytes(self) -> int:
        return self.weights_bytes + self.kv_bytes + self.compute_bytes


@dataclass(frozen=True)
class Companion(_Summed):
    """What a file takes that is loaded with a model into its process."""

    kind: Literal["lora", "mmproj", "draft"]
    file: Path
    devices: tuple[DeviceMemory, ...]


@dataclass(frozen=True)
class MemoryEstimate(_Summed):
    """Bytes in use once the model is loaded with its context, the processor's first.

    `context_length`, `gpu_layers` as they would really be, which may be less than was asked for. `basis`: "guess"
    where the architecture's cache or graph is not known here; `notes` say what was changed or guessed. `companions`
    are in `devices`, too. `worker_bytes`: of the process that holds the model.
    """

    devices: tuple[DeviceMemory, ...]
    context_length: int
    gpu_layers: int
    basis: Basis = "formula"
    notes: tuple[str, ...] = ()
    worker_bytes: int = WORKER_BYTES
    companions: tuple[Companion, ...] = ()

    @property
    def working_bytes(self) -> int:
        """The compute and output buffers and the worker process itself."""
        return self.compute_bytes + self.worker_bytes

    @property
    def in_use_bytes(self) -> int:
        """What the system will show as used once the model is loaded."""
        return self.total_bytes + self.worker_bytes


def default_context_length(facts: ModelFacts | ModelSummary) -> int:
    """4,096 tokens, or what the model was trained for if that is less."""
    return min(facts.context_length or PREFERRED_CONTEXT_LENGTH, PREFERRED_CONTEXT_LENGTH)


def estimate(
    facts: ModelFacts, settings: LoadSettings, accelerators: Sequence[Accelerator] = ()
) -> MemoryEstimate:
    """What loading `facts` with `settings` takes, exact where the architecture is known here.

    Weights are the tensors' own bytes, cache and working space as `layer_cache` and `compute_bytes`
    have them; of an architecture that is not known, the plain formula and a guess.
    """
    accelerators = () if settings.processor_only else chosen_devices(settings.devices, accelerators)
    geometry = read_geometry(facts.metadata, facts.vocabulary_size)
    layer_count = _layer_count(facts, geometry)
    placement = place(
        layer_count,
        settings.gpu_layers,
        # A split is of devices that may not all be there, and of none where the whole is told without them.
        settings.split
        if len(settings.split) == len(accelerators)
        else [each.free_bytes for each in accelerators],
        expert_layers_in_memory=settings.expert_layers_in_memory,
    )
    names = ("CPU", *(each.name for each in accelerators))
    running = len(geometry.layers) if geometry else layer_count
    weights = weights_by_device(facts, placement, running)
    if geometry is None:
        kv, compute = _guessed(facts, settings, placement)
        notes: tuple[str, ...] = (_guess_note(facts),)
    else:
        kv = _caches(geometry, settings, placement)
        compute = _working_space(geometry, facts, settings, placement, accelerators)
        notes = ()
    devices = tuple(
        DeviceMemory(*each) for each in zip(names, weights, kv, compute, strict=True) if any(each[1:])
    )
    most = layer_count + 1
    if accelerators and settings.gpu_layers > most:
        notes += (f"The model has {most} layers with its output; {settings.gpu_layers} cannot be offloaded.",)
    if settings.expert_layers_in_memory and not any(is_expert(tensor.name) for tensor in facts.tensors):
        notes += ("The model has no experts that could stay in main memory.",)
    offloaded = placement.offloaded_layers + (placement.output_device != PROCESSOR)
    basis: Basis = "guess" if geometry is None else "formula"
    return MemoryEstimate(devices, padded(settings.context_length), offloaded, basis, notes)


def exact_estimate(asked: DryRunResult) -> MemoryEstimate:
    """What the runtime said in a dry run, weights and cache on the processor where it did not tell devices."""
    buffers = asked.buffers
    devices = (DeviceMemory("CPU", asked.weights_bytes, buffers.cache_bytes, buffers.working_bytes),)
    offloaded = sum(device != "CPU" for device in buffers.layer_devices)
    return MemoryEstimate(devices, asked.context_length, offloaded, "dry run")


def _layer_count(facts: ModelFacts, geometry: Geometry | None) -> int:
    return min(facts.layers or 0, MOST_LAYERS) or (len(geometry.layers) if geometry else 0)


def _caches(geometry: Geometry, settings: LoadSettings, placement: Placement) -> list[int]:
    sizes = [0] * placement.device_count
    for layer, device in zip(geometry.layers, placement.layer_devices, strict=False):
        cache = layer_cache(
            geometry,
            layer,
            context=settings.context_length,
            kv_type=settings.kv_type,
            ubatch=settings.ubatch,
            sequences=settings.sequences,
            flash_attention=settings.flash_attention != "off",
            value_type=settings.value_type,
        )
        sizes[device] += cache.kv_bytes + cache.state_bytes
    return sizes


def _working_space(
    geometry: Geometry,
    facts: ModelFacts,
    settings: LoadSettings,
    placement: Placement,
    accelerators: Sequence[Accelerator],
) -> list[int]:
    """Compute buffers, and the output buffer in main memory."""
    batch = _batch(geometry, settings)
    if accelerators:
        backends = [backend_named(each.backend) for each in accelerators]
        sizes = compute_bytes_by_device(geometry, facts.tensors, batch, placement, backends)
    else:
        sizes = [compute_bytes(geometry, facts.tensors, batch)]
    sizes[PROCESSOR] += geometry.vocabulary * settings.sequences * _F32_BYTES
    return sizes


def _batch(geometry: Geometry, settings: LoadSettings) -> Batch:
    most = max(settings.ubatch, settings.batch, BATCH_TOKENS)
    return largest_batch(
        geometry,
        context=settings.context_length,
        ubatch=settings.ubatch,
        outputs=max(outputs_at_once(geometry.vocabulary, most), settings.sequences),
        flash_attention=settings.flash_attention != "off",
        kv_type=settings.kv_type,
        sequences=settings.sequences,
        value_type=settings.value_type,
    )


def _guessed(facts: ModelFacts, settings: LoadSettings, placement: Placement) -> tuple[list[int], list[int]]:
    """Every layer with a whole cache, on the processor: an upper bound for most."""
    heads, value_type = facts.kv_heads or 0, settings.value_type or settings.kv_type
    row = row_bytes(heads * (facts.key_length or 0), settings.kv_type)
    row += row_bytes(heads * (facts.value_length or 0), value_type)
    kv = row * padded(settings.context_length)
    sizes = [0] * placement.device_count
    return [kv * (facts.layers or 0), *sizes[1:]], [_GUESSED_COMPUTE_BYTES, *sizes[1:]]


def _guess_note(facts: ModelFacts) -> str:
    what = f"The architecture {shorten(facts.architecture)}" if facts.architecture else "This architecture"
    return f"{what} is not known to the memory formula: cache and working space are a guess."
