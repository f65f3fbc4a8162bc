"""What a person chooses for single tensors, held against the model it is for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.convert.quantizations import Quantization
from app.core.errors import WrongChoice
from app.gguf import TensorInfo
from app.gguf.types import TENSOR_TYPES
from app.memory.mixture import (
    ModelTraits,
    NoPrediction,
    TensorTypes,
    is_left_alone,
    is_output_or_embedding,
    type_choices,
)

PLAIN = ("F32", "F16", "BF16")
NEED_MATRIX = frozenset({"IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS"})
"""llama.cpp refuses these without an importance matrix."""
_ABORT_WITHOUT = frozenset({"IQ1_S", "IQ2_XXS", "IQ2_XS"})
"""ggml ends its process where it is to make these without one (`ggml_quantize_requires_imatrix`)."""

_BY_NAME = {type.name: type for type in TENSOR_TYPES.values()}


def read_tensor_types(
    patterns: Iterable[str], output: str | None = None, embedding: str | None = None, *, pure: bool = False
) -> TensorTypes:
    """`patterns` as llama-quantize's `--tensor-type` has them: "attn_v=q8_0". Raises WrongChoice."""
    pairs = []
    for text in patterns:
        pattern, equals, type_name = text.rpartition("=")
        if not equals or not pattern or not type_name:
            raise WrongChoice(
                f"{text[:60]!r} does not tell a type for tensors.",
                "Write a pattern for their names and a type: attn_v=q8_0.",
            )
        pairs.append((pattern, type_name.strip().upper()))
    return TensorTypes(
        tuple(pairs), output.upper() if output else None, embedding.upper() if embedding else None, pure
    )


def require_possible(
    tensors: Sequence[TensorInfo],
    model: ModelTraits | None,
    kind: Quantization,
    chosen: TensorTypes,
    *,
    importance_matrix: bool = False,
) -> None:
    """Raises WrongChoice where `chosen` has no effect or llama.cpp could not do it. `model` None: its mixture is not
    known."""
    if chosen == TensorTypes():
        return
    if kind.name in PLAIN:
        raise WrongChoice(
            f"Types of single tensors count beside a quantization, and {kind.name} is none.",
            "Choose a quantization such as Q4_K_M, or leave them out.",
        )
    architecture = model.architecture if model else ""
    quantized = [tensor for tensor in tensors if not is_left_alone(tensor, architecture)]
    if idle := chosen.first_idle([tensor.name for tensor in quantized]):
        raise WrongChoice(
            f"No tensor that is quantized has {idle[:60]!r} in its name.",
            "Names are such as blk.0.attn_v.weight; `nibble inspect` lists a model's.",
        )
    if model is None:
        return
    try:
        choices = type_choices(tensors, model, kind.name, importance_matrix=importance_matrix, chosen=chosen)
    except NoPrediction as reason:
        raise WrongChoice(f"{kind.name} cannot be made so: {reason}.", "Choose another type.") from reason
    for tensor, choice in zip(tensors, choices, strict=True):
        _require_writable(tensor, choice.type, importance_matrix=importance_matrix)


def _require_writable(tensor: TensorInfo, type_name: str, *, importance_matrix: bool) -> None:
    if tensor.shape[0] % _BY_NAME[type_name].block_elements:
        raise WrongChoice(
            f"{tensor.name} has rows of {tensor.shape[0]:,} weights, which {type_name} cannot hold: its blocks have "
            f"{_BY_NAME[type_name].block_elements}.",
            "Choose Q8_0, or another type with blocks of 32 weights.",
        )
    special = is_output_or_embedding(tensor.name)
    if type_name in _ABORT_WITHOUT and special:
        raise WrongChoice(
            f"{type_name} needs importances, which {tensor.name} has none of.",
            "Choose Q2_K or larger for the output and the embedding.",
        )
    if type_name in NEED_MATRIX and not importance_matrix and not special:
        raise WrongChoice(
            f"{type_name} needs an importance matrix, which this model does not have yet.",
            "Choose Q2_K or larger, or IQ3_S or larger.",
        )
