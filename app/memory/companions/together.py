"""Companions of a model in one process, and the estimate with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from app.core.errors import WrongChoice
from app.core.units import format_bytes
from app.gguf import ModelFacts, read_facts
from app.gguf.facts import ModelKind
from app.hardware import Accelerator
from app.memory.companions.draft import check_draft
from app.memory.companions.lora import check_adapter, with_adapter
from app.memory.companions.projector import check_projector, projector_memory
from app.memory.estimate import Companion, DeviceMemory, MemoryEstimate, estimate
from app.runtime.protocol import LoadSettings

_PROCESSOR = "CPU"
_NOTHING = DeviceMemory("", 0, 0, 0)
_TITLES = {"lora": "LoRA", "mmproj": "Projector", "draft": "Draft model"}
_KINDS: dict[ModelKind, str] = {
    "model": "a model",
    "mmproj": "a projector of images or sound (mmproj)",
    "adapter": "an adapter (LoRA)",
    "imatrix": "an importance matrix",
    "vocabulary": "a vocabulary without weights",
}


@dataclass(frozen=True)
class Companions:
    """What is loaded with a model into its process: adapters, which are all in use, the projector that makes input
    of images and sound, and the model that drafts for it."""

    adapters: tuple[ModelFacts, ...] = ()
    projector: ModelFacts | None = None
    draft: ModelFacts | None = None

    def __bool__(self) -> bool:
        return bool(self.adapters or self.projector or self.draft)


def read_companions(
    model: ModelFacts,
    adapters: Iterable[Path] = (),
    projector: Path | None = None,
    draft: Path | None = None,
) -> Companions:
    """Raises what `read_facts` raises, and WrongChoice or DamagedGguf where llama.cpp would refuse a file for this
    model."""
    read = Companions(
        tuple(_read(path, "adapter") for path in adapters),
        _read(projector, "mmproj") if projector else None,
        _read(draft, "model") if draft else None,
    )
    for adapter in read.adapters:
        check_adapter(adapter, model)
    if read.projector:
        check_projector(read.projector, model)
    if read.draft:
        check_draft(read.draft, model)
    return read


def with_companions(
    told: MemoryEstimate,
    model: ModelFacts,
    settings: LoadSettings,
    accelerators: Sequence[Accelerator],
    companions: Companions,
) -> MemoryEstimate:
    """`told`, which is of `model` with `settings`, and what `companions` take beside it.

    An adapter is where its weights are, the projector on the first accelerator, and the draft model wholly on
    accelerators with a context of the same length in F16, as llama.cpp has it; with no layer offloaded, all of it
    is on the processor.
    """
    for adapter in companions.adapters:
        adapted = with_adapter(model, adapter)
        told = _added(told, _adapter(adapter, model, adapted, settings, accelerators))
        model = adapted
    on_processor = not accelerators or settings.gpu_layers == 0
    if companions.projector:
        device = _PROCESSOR if on_processor else accelerators[0].name
        told = _added(told, *_projector(companions.projector, device))
    if companions.draft:
        own = msgspec.structs.replace(settings, kv_type="f16", gpu_layers=0 if on_processor else -1)
        told = _added(told, *_draft(companions.draft, own, _left_by(told, accelerators)))
    return told


def _read(path: Path, wanted: ModelKind) -> ModelFacts:
    facts = read_facts(path)
    if facts.kind != wanted:
        raise WrongChoice(
            f"{path.name} is {_KINDS[facts.kind]}, not {_KINDS[wanted]}.", "Choose another file for that."
        )
    return facts


def _adapter(
    adapter: ModelFacts,
    model: ModelFacts,
    adapted: ModelFacts,
    settings: LoadSettings,
    accelerators: Sequence[Accelerator],
) -> Companion:
    """What the whole takes more with it. Its products may find their places among those of the model."""
    before = _numbered(estimate(model, settings, accelerators).devices)
    after = _numbered(estimate(adapted, settings, accelerators).devices)
    grown = []
    for key, each in after.items():
        less = before.get(key, _NOTHING)
        weights = each.weights_bytes - less.weights_bytes
        grown.append(DeviceMemory(each.name, weights, 0, each.compute_bytes - less.compute_bytes))
    return Companion("lora", adapter.path, tuple(grown))


def _projector(projector: ModelFacts, device: str) -> tuple[Companion, tuple[str, ...], bool]:
    memory = projector_memory(projector)
    devices = [DeviceMemory(device, memory.weights_bytes, 0, memory.compute_bytes)]
    if device != _PROCESSOR:
        devices.insert(0, DeviceMemory(_PROCESSOR, 0, 0, memory.input_bytes))
    notes = tuple(each for each in (memory.guess, memory.note) if each)
    return Companion("mmproj", projector.path, tuple(devices)), notes, bool(memory.guess)


def _draft(
    draft: ModelFacts, settings: LoadSettings, accelerators: Sequence[Accelerator]
) -> tuple[Companion, tuple[str, ...], bool]:
    own = estimate(draft, settings, accelerators)
    return Companion("draft", draft.path, own.devices), own.notes, own.basis == "guess"


def _added(
    told: MemoryEstimate, companion: Companion, notes: tuple[str, ...] = (), is_guess: bool = False
) -> MemoryEstimate:
    devices = _numbered(told.devices)
    for key, more in _numbered(companion.devices).items():
        have = devices.get(key, _NOTHING)
        devices[key] = DeviceMemory(
            more.name,
            have.weights_bytes + more.weights_bytes,
            have.kv_bytes + more.kv_bytes,
            have.compute_bytes + more.compute_bytes,
        )
    words = f"{_TITLES[companion.kind]} {companion.file.name}: {format_bytes(companion.total_bytes)}."
    return replace(
        told,
        devices=tuple(devices.values()),
        companions=(*told.companions, companion),
        notes=(*told.notes, words, *notes),
        basis="guess" if is_guess else told.basis,
    )


def _left_by(told: MemoryEstimate, accelerators: Sequence[Accelerator]) -> list[Accelerator]:
    """With the memory that is free once `told` is loaded."""
    taken = _numbered(told.devices)
    return [
        replace(each, free_bytes=max(each.free_bytes - taken.get(key, _NOTHING).total_bytes, 0))
        for key, each in _numbered(accelerators).items()
    ]


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_N = TypeVar("_N", bound=_Named)


def _numbered(devices: Iterable[_N]) -> dict[tuple[str, int], _N]:
    """By name and by which of that name it is: two cards of one kind are called the same."""
    seen: Counter[str] = Counter()
    found: dict[tuple[str, int], _N] = {}
    for each in devices:
        found[each.name, seen[each.name]] = each
        seen[each.name] += 1
    return found
