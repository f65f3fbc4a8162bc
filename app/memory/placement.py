"""Which part of a model goes to which device, as llama.cpp places it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from app.core.errors import WrongChoice
from app.gguf import ModelFacts
from app.gguf.header import TensorInfo
from app.hardware import Accelerator

PROCESSOR = 0
"""The processor's index among a plan's devices; the accelerators follow."""

_BLOCK = re.compile(r"blk\.(\d{1,4})\.")
_WITH_OUTPUT = ("output", "altup_")
_WITH_FIRST_LAYER = ("per_layer_model_proj", "per_layer_proj_norm")
_DEVICE = re.compile(r"([A-Za-z]+?)(\d+)(?:_Mapped|_Private|\[(.+)\])?")
_GGML_BACKENDS = {"MTL": "Metal"}
_EXPERTS = re.compile(r"ffn_(up|down|gate|gate_up)_(ch)?exps")


@dataclass(frozen=True)
class Placement:
    """The device of each layer and of the output, by index; the token embedding stays on the processor.

    `layer_count`: layers in the file, those that only predict further tokens included. `expert_layers_in_memory`: of so
    many layers, from the first, weights of experts are in main memory whatever the layer's device.
    """

    layer_devices: tuple[int, ...]
    output_device: int
    device_count: int
    expert_layers_in_memory: int = 0

    @property
    def offloaded_layers(self) -> int:
        return sum(device != PROCESSOR for device in self.layer_devices)

    @property
    def all_offloaded(self) -> bool:
        """All layers and the output."""
        return PROCESSOR not in (*self.layer_devices, self.output_device)

    def device_of(self, tensor_name: str) -> int:
        """Where the weights of that name are. What belongs to no layer is on the processor
        or with the output, as llama.cpp's table of tensors has it (`src/llama-arch.cpp`)."""
        if block := _BLOCK.match(tensor_name):
            layer = int(block[1])
            if layer < self.expert_layers_in_memory and is_expert(tensor_name):
                return PROCESSOR
            return self.layer_devices[layer] if layer < len(self.layer_devices) else PROCESSOR
        if tensor_name.startswith(_WITH_FIRST_LAYER) and self.layer_devices:
            return self.layer_devices[0]
        return self.output_device if tensor_name.startswith(_WITH_OUTPUT) else PROCESSOR


def used_together(accelerators: Sequence[Accelerator]) -> tuple[Accelerator, ...]:
    """llama.cpp leaves integrated graphics alone where there is a card, and shares layers among cards and devices of
    other computers, which come first."""
    usable = tuple(each for each in accelerators if each.usable)
    remote = tuple(each for each in usable if each.backend == "RPC")
    own = tuple(each for each in usable if each.backend != "RPC")
    cards = tuple(each for each in own if not each.integrated)
    return (*remote, *(cards or own[:1]))


def place_of(name: str, accelerators: Sequence[Accelerator]) -> int | None:
    """Which of `accelerators` ggml means; None for the processor and what is not there any more.

    ggml names devices and their buffers by backend and number ("CUDA1"), the latter on RPC by the server's address and
    the number there: the first device of a second server is "RPC1", its buffers "RPC0[tower:50052]".
    Where it has not told its names, devices are taken to be numbered in their order.
    """
    match = _DEVICE.fullmatch(name)
    if match is None:
        return None
    backend, number = _GGML_BACKENDS.get(match[1], match[1]), int(match[2])
    of_backend = [index for index, one in enumerate(accelerators) if one.backend == backend]
    if match[3] and (of_server := [index for index in of_backend if accelerators[index].name == match[3]]):
        return of_server[number] if number < len(of_server) else None
    if of_backend and all(accelerators[index].runtime_name for index in of_backend):
        plain = f"{match[1]}{number}"
        return next((each for each in of_backend if accelerators[each].runtime_name == plain), None)
    return of_backend[number] if number < len(of_backend) else None


def runtime_name(accelerators: Sequence[Accelerator], index: int) -> str:
    """What ggml calls one of `accelerators`; the reverse of `place_of`."""
    if accelerators[index].runtime_name:
        return accelerators[index].runtime_name
    backend = accelerators[index].backend
    prefix = next((ggml for ggml, name in _GGML_BACKENDS.items() if name == backend), backend)
    return f"{prefix}{sum(one.backend == backend for one in accelerators[:index])}"


def chosen_devices(names: Sequence[str], accelerators: Sequence[Accelerator]) -> tuple[Accelerator, ...]:
    """Those of `accelerators` that ggml calls so, in that order; all of them where no names are given."""
    if not names:
        return tuple(accelerators)
    places = (place_of(name, accelerators) for name in names)
    return tuple(accelerators[place] for place in places if place is not None)


def require_devices(names: Sequence[str], accelerators: Sequence[Accelerator]) -> None:
    """Raises WrongChoice for one that is not among `accelerators`."""
    for name in names:
        if place_of(name, accelerators) is None:
            raise WrongChoice(
                f"There is no device {name} for models on this computer now.",
                "Choose another one, or leave the choice to Nibble.",
            )


def place(
    layer_count: int, gpu_layers: int, shares: Sequence[float], *, expert_layers_in_memory: int = 0
) -> Placement:
    """Where llama.cpp puts `layer_count` layers when `gpu_layers` of them are offloaded, counting the
    output as the last; below zero means all, and more than there are counts as all. So do `expert_layers_in_memory`.

    `shares`: of each accelerator, which gets layers in proportion to it: its free bytes unless others were chosen.
    Source: `load_tensors` in llama.cpp's `src/llama-model.cpp`.
    """
    all_parts = layer_count + 1
    offloaded = all_parts if gpu_layers < 0 else min(gpu_layers, all_parts)
    experts = layer_count if expert_layers_in_memory < 0 else expert_layers_in_memory
    count = len(shares)
    if not count or not offloaded:
        return Placement((PROCESSOR,) * layer_count, PROCESSOR, 1 + count, experts)
    total = sum(shares) or count
    ends = [share / total for share in accumulate(shares if sum(shares) else [1] * count)]
    first = all_parts - offloaded

    def device(part: int) -> int:
        if part < first:
            return PROCESSOR
        return 1 + min(bisect_right(ends, (part - first) / offloaded), count - 1)

    return Placement(
        tuple(device(layer) for layer in range(layer_count)),
        device(layer_count),
        1 + count,
        experts,
    )


def is_expert(tensor_name: str) -> bool:
    """Whether it is the weights of all experts of a layer."""
    return _EXPERTS.search(tensor_name) is not None


def is_loaded(tensor_name: str, running_layers: int) -> bool:
    """Layers after those that run only predict further tokens, and llama.cpp leaves them in the file."""
    block = _BLOCK.match(tensor_name)
    return block is None or int(block[1]) < running_layers


def weights_by_device(facts: ModelFacts, placement: Placement, running_layers: int) -> list[int]:
    """Bytes of weights on each device. A model without an output matrix of its own uses the token
    embedding, of which an accelerator that computes the output gets a copy."""
    sizes = [0] * placement.device_count
    for tensor in facts.tensors:
        if is_loaded(tensor.name, running_layers):
            sizes[placement.device_of(tensor.name)] += tensor.size_bytes
    if placement.output_device != PROCESSOR and not _has(facts.tensors, "output.weight"):
        sizes[placement.output_device] += sum(
            tensor.size_bytes for tensor in facts.tensors if tensor.name == "token_embd.weight"
        )
    return sizes


def _has(tensors: Iterable[TensorInfo], name: str) -> bool:
    return any(tensor.name == name for tensor in tensors)
