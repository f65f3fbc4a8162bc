"""Adapters (LoRA): two matrices of a low rank beside a weight, and what they make of each batch.

Source: `src/llama-adapter.cpp` of llama.cpp. Each pair is loaded to the device of its weight, unpacked where that
is repacked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from app.core.errors import WrongChoice
from app.gguf import ModelFacts
from app.gguf.cursor import shorten
from app.memory.compute.traits import traits_of
from app.memory.geometry import read_geometry
from app.memory.placement import is_loaded

_EMBEDDING = "token_embd.weight"
_NO_WEIGHTS = ("I8", "I16", "I32", "I64", "F64", "Q8_1", "Q8_K")
"""What ggml does not multiply by."""

_HINT = "Choose an adapter that was made for this model."

Shape = tuple[int, ...]


def with_adapter(model: ModelFacts, adapter: ModelFacts) -> ModelFacts:
    """`model` with the tensors of a checked `adapter` beside its own. Those of norms llama.cpp leaves in the file."""
    added = tuple(each for each in adapter.tensors if each.name.endswith((".lora_a", ".lora_b")))
    return replace(model, tensors=(*model.tensors, *added))


def adapter_rank(adapter: ModelFacts) -> int | None:
    """The largest; None without a pair of matrices."""
    return max(
        (_length(each.shape, 0) for each in adapter.tensors if each.name.endswith(".lora_b")), default=None
    )


def check_adapter(adapter: ModelFacts, model: ModelFacts) -> None:
    """Raises WrongChoice where llama.cpp would refuse the adapter for this model, or end because of it."""
    name, base = adapter.path.name, model.path.name
    if adapter.architecture != model.architecture:
        made_for, is_one = shorten(adapter.architecture), shorten(model.architecture)
        raise WrongChoice(f"{name} is an adapter for models of {made_for}; {base} is one of {is_one}.", _HINT)
    if (method := adapter.metadata.get("adapter.type")) != "lora":
        raise WrongChoice(
            f"{name} is an adapter of the kind {shorten(method)}; llama.cpp knows only 'lora'.", _HINT
        )
    if "adapter.alora.invocation_tokens" in adapter.metadata:
        raise WrongChoice(
            f"{name} is to be switched on by certain words (aLoRA), which Nibble does not do.", _HINT
        )
    for tensor in adapter.tensors:
        if tensor.type in _NO_WEIGHTS:
            raise WrongChoice(
                f"{name} has numbers of a type that is none of weights ({tensor.type}).", "Download it again."
            )
    geometry = read_geometry(model.metadata, model.vocabulary_size)
    weights = {
        each.name: each.shape
        for each in model.tensors
        if geometry is None or is_loaded(each.name, len(geometry.layers))
    }
    for weight, (low, high) in _pairs(adapter).items():
        _check_pair(name, base, weight, weights.get(weight), low, high)
        adapts_output = traits_of(model.architecture or "").adapts_output
        if weight == _EMBEDDING and "output.weight" not in weights and adapts_output:
            raise WrongChoice(
                f"{name} changes the token embedding, which is the output matrix of {base}, too; llama.cpp ends there.",
                "Choose an adapter that leaves the embedding alone, or merge it into the model.",
            )


def _pairs(adapter: ModelFacts) -> Mapping[str, tuple[Shape, Shape]]:
    """By the name of the weight."""
    name = adapter.path.name
    found: dict[str, dict[str, Shape]] = {}
    for tensor in adapter.tensors:
        weight, dot, half = tensor.name.rpartition(".")
        if dot and half in ("lora_a", "lora_b"):
            found.setdefault(weight, {})[half] = tensor.shape
        elif not tensor.name.endswith("_norm.weight"):
            raise WrongChoice(
                f"{name} has a tensor {shorten(tensor.name)} that is no part of a LoRA adapter.", _HINT
            )
    for weight, halves in found.items():
        if len(halves) != 2:
            raise WrongChoice(
                f"{name} has only one of two matrices for {shorten(weight)}.", "Download it again."
            )
    return {weight: (halves["lora_a"], halves["lora_b"]) for weight, halves in found.items()}


def _check_pair(name: str, base: str, weight: str, shape: Shape | None, low: Shape, high: Shape) -> None:
    if shape is None:
        raise WrongChoice(f"{name} changes {shorten(weight)}, which {base} does not have.", _HINT)
    inner, outer = _length(shape, 0), _length(shape, 1)
    if weight.endswith(_EMBEDDING):  # its rows are looked up, not multiplied by
        fits = (inner, outer) == (_length(high, 1), _length(low, 1))
    else:
        fits = (inner, outer) == (_length(low, 0), _length(high, 1)) and _length(low, 1) == _length(high, 0)
    # Experts by number: with fewer of them ggml would read past the end.
    fits = fits and _others(low) == _others(high) == _others(shape)
    if not fits:
        raise WrongChoice(f"{name} changes {shorten(weight)} in another shape than {base} has it.", _HINT)


def _others(shape: Shape) -> Shape:
    return tuple(length for length in shape[2:] if length != 1)


def _length(shape: Shape, dimension: int) -> int:
    return shape[dimension] if dimension < len(shape) else 1
