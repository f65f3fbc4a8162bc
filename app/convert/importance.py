"""Whether an importance matrix belongs to a model, and what it says nothing of."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path

from app.convert.quantizations import Quantization
from app.convert.tensor_choices import NEED_MATRIX
from app.core.errors import NoImportanceMatrix
from app.gguf import ModelFacts, TensorInfo
from app.gguf.cursor import shorten
from app.gguf.importance import ImportanceMatrix, read_importance
from app.memory.mixture import (
    NONE_CHOSEN,
    NoPrediction,
    TensorTypes,
    is_left_alone,
    is_output_or_embedding,
    read_traits,
    tensor_types,
)

_HINT = "Calibrate this model: nibble calibrate MODEL --out FILE."


@dataclass(frozen=True)
class ImportanceFit:
    """`missing`: matrices of the model that it does not tell of. `unseen_experts` of `experts`, those of each tensor
    counted by themselves, were given no token; all their columns count the same."""

    missing: tuple[str, ...]
    unseen_experts: int
    experts: int

    @property
    def sentence(self) -> str:
        """For the person; empty where nothing is missing."""
        parts = []
        if self.missing:
            also = f" and {len(self.missing) - 1:,} more" if len(self.missing) > 1 else ""
            parts.append(f"It does not tell of {self.missing[0]}{also}: there all weights count the same.")
        if self.unseen_experts:
            share = self.unseen_experts / self.experts
            parts.append(
                f"{share:.1%} of the experts were given no token of the text: a longer one would reach more of them."
            )
        return " ".join(parts)


def importance_fit(importance: Path, facts: ModelFacts) -> ImportanceFit:
    """Raises NoImportanceMatrix for a matrix of another model, and what `read_importance` raises."""
    matrix = read_importance(importance)
    by_name = {tensor.name: tensor for tensor in facts.tensors}
    if matrix.tensors.keys().isdisjoint(by_name):
        raise _of_another(
            importance, facts, f"tells of none of its tensors, but of {shorten(min(matrix.tensors))}"
        )
    for name, each in matrix.tensors.items():
        tensor = by_name.get(name)
        if tensor is not None and not is_output_or_embedding(name) and each.sums.size != _inputs(tensor):
            what = f"has {each.sums.size:,} values for {name}, where there are {_inputs(tensor):,}"
            raise _of_another(importance, facts, what)
    several = [each.counts for each in matrix.tensors.values() if len(each.counts) > 1]
    return ImportanceFit(
        _missing(matrix, facts),
        sum(int((counts == 0).sum()) for counts in several),
        sum(len(counts) for counts in several),
    )


def require_fitting(
    importance: Path, facts: ModelFacts, kind: Quantization, chosen: TensorTypes = NONE_CHOSEN
) -> None:
    """Raises as `importance_fit`, and NoImportanceMatrix where it does not tell of a tensor that cannot do without."""
    missing = importance_fit(importance, facts).missing
    try:
        types = tensor_types(
            facts.tensors, read_traits(facts.metadata), kind.name, importance_matrix=True, chosen=chosen
        )
    except NoPrediction:  # llama.cpp will tell
        return
    needing = {*NEED_MATRIX, "Q2_K"} if kind.name == "Q2_K_S" else NEED_MATRIX
    for tensor, type_name in zip(facts.tensors, types, strict=True):
        if type_name in needing and tensor.name in missing:
            raise NoImportanceMatrix(
                f"{importance.name} does not tell of {tensor.name}, which {kind.name} stores as {type_name} and cannot "
                "make without.",
                "Calibrate this model on a longer text, or choose Q2_K or larger.",
            )


def _inputs(tensor: TensorInfo) -> int:
    """Columns of all matrices in it."""
    return tensor.shape[0] * prod(tensor.shape[2:])


def _missing(matrix: ImportanceMatrix, facts: ModelFacts) -> tuple[str, ...]:
    return tuple(
        tensor.name
        for tensor in facts.tensors
        if tensor.name not in matrix.tensors
        and not is_left_alone(tensor, facts.architecture or "")
        and not is_output_or_embedding(tensor.name)
    )


def _of_another(importance: Path, facts: ModelFacts, what: str) -> NoImportanceMatrix:
    return NoImportanceMatrix(
        f"{importance.name} is not of this model: it {what} in {facts.path.name}.", _HINT
    )
