"""Rungs of a ladder, foretold: the types of all tensors, and every byte's place in the files, before any is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.convert.choices import Choices
from app.convert.quantizations import Quantization
from app.convert.quantize import require_importance, require_quantizable
from app.convert.splitting import part_paths, parts_of
from app.convert.tensor_choices import PLAIN, require_possible
from app.convert.unquantized import Unquantized
from app.core.errors import WrongChoice
from app.gguf import ModelFacts, TensorInfo
from app.gguf.derived import ALIGNMENT, DerivedFile, derive, in_order
from app.gguf.outline import KNOWN_ARCHITECTURES
from app.gguf.types import TENSOR_TYPES
from app.memory.mixture import (
    NONE_CHOSEN,
    NoPrediction,
    TypeChoice,
    read_traits,
    type_choices,
)

_QUANTIZED = frozenset(type.name for type in TENSOR_TYPES.values() if type.block_elements > 1)


@dataclass(frozen=True)
class Rung:
    """One quantization: what each tensor becomes, by name, and the `files` that will be at `targets`."""

    kind: Quantization
    choices: Mapping[str, TypeChoice]
    targets: tuple[Path, ...]
    files: tuple[DerivedFile, ...]

    @property
    def file_bytes(self) -> int:
        return sum(file.file_bytes for file in self.files)

    def type_of(self, tensor: TensorInfo) -> str:
        return self.choices[tensor.name].type


def plan_rungs(
    source: Unquantized, kinds: Sequence[Quantization], targets: Mapping[str, Path], choices: Choices
) -> list[Rung] | None:
    """A rung for each of `kinds`; None where it is not known which types llama.cpp gives the tensors, or not for this
    file. `targets` by the name of the type: the file, or what those of its parts are called after.

    Raises WrongChoice for what cannot be made or has no effect, and NoImportanceMatrix for one of another model.
    """
    facts = source.facts
    for kind in kinds:
        require_importance(kind, choices.importance)
        require_quantizable(facts, kind)
    if not _can_be_laid_out(facts):
        return None
    try:
        for kind in [kind for kind in kinds if kind.name not in PLAIN] or kinds:
            _require_choices(facts, kind, choices)
        return [_plan(source, kind, targets[kind.name], choices) for kind in kinds]
    except NoPrediction:
        return None


def _can_be_laid_out(facts: ModelFacts) -> bool:
    """As llama.cpp would lay it out, and its architecture is one whose mixtures were held against llama.cpp's."""
    return (
        facts.byte_order == "little"
        and facts.metadata.get("general.alignment", ALIGNMENT) == ALIGNMENT
        and facts.architecture in KNOWN_ARCHITECTURES
    )


def _require_choices(facts: ModelFacts, kind: Quantization, choices: Choices) -> None:
    traits = read_traits(facts.metadata)
    has_matrix = choices.importance is not None
    require_possible(facts.tensors, traits, kind, choices.tensor_types, importance_matrix=has_matrix)
    if choices.importance is not None:
        from app.convert.importance import require_fitting  # NumPy takes longer to import than most checks

        require_fitting(choices.importance, facts, kind, choices.tensor_types)


def _plan(source: Unquantized, kind: Quantization, target: Path, choices: Choices) -> Rung:
    facts = source.facts
    is_plain = kind.name in PLAIN
    traits = read_traits(facts.metadata)
    found = type_choices(
        facts.tensors,
        traits,
        kind.name,
        importance_matrix=choices.importance is not None and not is_plain,
        chosen=NONE_CHOSEN if is_plain else choices.tensor_types,
    )
    by_name = {tensor.name: choice for tensor, choice in zip(facts.tensors, found, strict=True)}
    types = {name: choice.type for name, choice in by_name.items()}
    _require_once(facts, kind, types)
    parts = parts_of(in_order(facts.tensors), types, choices.splitting)
    told = [] if is_plain or choices.importance is None else _told_of(choices.importance)
    files = derive(source.keys, kind.file_type, parts, types, told)
    return Rung(kind, by_name, tuple(part_paths(target, len(parts))), tuple(files))


def _require_once(facts: ModelFacts, kind: Quantization, types: Mapping[str, str]) -> None:
    """Raises WrongChoice where a tensor that is quantized already would be quantized to another type."""
    for tensor in facts.tensors:
        if tensor.type in _QUANTIZED and types[tensor.name] != tensor.type:
            raise WrongChoice(
                f"{tensor.name} of {facts.path.name} comes in {tensor.type}: making {kind.name} from it would lose "
                "twice.",
                "Choose MXFP4_MOE, which keeps it, or a type in full precision."
                if tensor.type == "MXFP4"
                else "Start from the original checkpoint.",
            )


def _told_of(importance: Path) -> list[tuple[str, str | int]]:
    from app.gguf.importance import read_importance, told_of

    return told_of(importance.name, read_importance(importance))
