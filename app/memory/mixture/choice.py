"""The type of every tensor of a model in one quantization."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.gguf.types import TENSOR_TYPES, TensorType
from app.memory.mixture.chosen import NONE_CHOSEN, TensorTypes
from app.memory.mixture.recipes import RECIPES, Recipe, Seat, choices_for
from app.memory.mixture.roles import (
    FEED_FORWARD,
    TOKEN_EMBEDDING,
    Role,
    is_left_alone,
    kept_type,
    role_of,
)
from app.memory.mixture.tensors import NoPrediction, ShapedTensor, require_shape
from app.memory.mixture.traits import ModelTraits

TYPES_BY_NAME: dict[str, TensorType] = {type.name: type for type in TENSOR_TYPES.values()}

_BLOCK = re.compile(r"blk\.([0-9]{1,9})")

_FULL_PRECISION = frozenset({"F32", "F16", "BF16"})

_SMALLER_BLOCKS = {
    **dict.fromkeys(("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_XS"), "IQ4_NL"),
    **dict.fromkeys(("Q2_0", "Q2_K", "Q3_K", "TQ1_0", "TQ2_0"), "Q4_0"),
    "Q4_K": "Q5_0",
    "Q5_K": "Q5_1",
    "Q6_K": "Q8_0",
}
"""What is taken where rows are no multiple of the type's block: types with blocks of 32."""

_PRECISE_OF = {"glm5-next": ("attn_q_a", "attn_q_b", "nextn.eh_proj")}
"""Parts of the names of tensors that get no less than Q8_0."""

_MATRICES_IN_LAYERS = frozenset({"bailingmoe3"})
"""Architectures in which not only experts have three dimensions."""


@dataclass(frozen=True)
class TypeChoice:
    """`wanted`: what the mixture has for a tensor; `type` is another one where no block of that divides its rows."""

    type: str
    wanted: str


def tensor_types(
    tensors: Sequence[ShapedTensor],
    model: ModelTraits,
    quantization: str,
    *,
    importance_matrix: bool = False,
    chosen: TensorTypes = NONE_CHOSEN,
) -> tuple[str, ...]:
    """The type names, in the order of `tensors`, that `llama_model_quantize` chooses for its file.

    `quantization` is a name of `QUANTIZATIONS`. With an importance matrix it chooses differently in a few
    places; without one it refuses to make the smallest types, whose answer here is what it would choose.
    Raises NoPrediction where llama.cpp has no such mixture or refuses the tensors, and for tensors that
    cannot be.
    """
    choices = type_choices(tensors, model, quantization, importance_matrix=importance_matrix, chosen=chosen)
    return tuple(choice.type for choice in choices)


def type_choices(
    tensors: Sequence[ShapedTensor],
    model: ModelTraits,
    quantization: str,
    *,
    importance_matrix: bool = False,
    chosen: TensorTypes = NONE_CHOSEN,
) -> tuple[TypeChoice, ...]:
    """As `tensor_types`, also with what was wanted."""
    recipe = RECIPES.get(quantization)
    if recipe is None:
        raise NoPrediction(f"llama.cpp does not make the quantization {quantization[:40]!r}")
    if not tensors:
        raise NoPrediction("there are no tensors")
    for tensor in tensors:
        require_shape(tensor)
    mixture = _Mixture(recipe, quantization, model, importance_matrix, chosen, tensors)
    # Tensors are counted in llama.cpp's order, by layer and then by name, not in the file's.
    ordered = sorted(enumerate(tensors), key=lambda each: (_block(each[1].name), each[1].name))
    choices = {place: mixture.choice_for(tensor) for place, tensor in ordered}
    return tuple(choices[place] for place in range(len(tensors)))


def _block(name: str) -> int:
    match = _BLOCK.match(name)
    return int(match[1]) if match else -1


class _Mixture:
    """Counts as it goes: a tensor's type depends on how many of its role came before."""

    def __init__(
        self,
        recipe: Recipe,
        quantization: str,
        model: ModelTraits,
        importance_matrix: bool,
        chosen: TensorTypes,
        tensors: Sequence[ShapedTensor],
    ) -> None:
        self._recipe = recipe
        self._quantization = quantization
        self._model = model
        self._importance_matrix = importance_matrix
        self._chosen = chosen
        roles = Counter(role_of(tensor.name) for tensor in tensors)
        self._value_tensors = roles[Role.VALUES]
        self._tied = not roles[Role.OUTPUT]
        self._seen: Counter[Role] = Counter()

    def choice_for(self, tensor: ShapedTensor) -> TypeChoice:
        if is_left_alone(tensor, self._model.architecture):
            kept = kept_type(tensor)
            return TypeChoice(kept, kept)
        named = self._chosen.of_name(tensor.name)
        if (given := self._given(tensor, named)) is not None:
            return TypeChoice(given, given)
        base = self._recipe.base
        if base in _FULL_PRECISION:
            return TypeChoice(base, base)
        # What a person names is not counted in its role.
        wanted = named or (base if self._chosen.pure else self._wanted(tensor))
        return TypeChoice(_fitting(wanted, tensor), wanted)

    def _given(self, tensor: ShapedTensor, named: str | None) -> str | None:
        """What a person chose for the output or the embedding, which counts more than patterns do."""
        role = role_of(tensor.name)
        if role is Role.EMBEDDING:
            return None if named and tensor.name != TOKEN_EMBEDDING else self._chosen.embedding
        return self._chosen.output if role is Role.OUTPUT else None

    def _wanted(self, tensor: ShapedTensor) -> str:
        role, architecture = role_of(tensor.name), self._model.architecture
        if any(part in tensor.name for part in _PRECISE_OF.get(architecture, ())):
            return "Q8_0"
        if role is Role.OUTPUT or (role is Role.EMBEDDING and self._tied):
            return self._of_output(tensor)
        if self._quantization == "MXFP4_MOE":
            return self._of_experts(tensor, role)
        if role is Role.EMBEDDING:
            return self._recipe.embedding or self._recipe.base
        seat = self._seat(tensor, role)
        choices = choices_for(self._quantization, role, architecture)
        wanted = next((type for type, condition in choices if condition(seat)), self._recipe.base)
        return wanted if self._recipe.lowest else self._with_few_values(wanted, role)

    def _of_output(self, tensor: ShapedTensor) -> str:
        if self._chosen.output:
            return self._chosen.output
        fits = tensor.shape[0] % TYPES_BY_NAME[self._recipe.base].block_elements == 0
        return self._recipe.output if fits and self._model.architecture != "falcon" else "Q8_0"

    def _of_experts(self, tensor: ShapedTensor, role: Role) -> str:
        """Experts lie behind one another in the third dimension."""
        if len(tensor.shape) < 3 or tensor.shape[2] == 1:
            return "Q8_0"
        if self._model.architecture in _MATRICES_IN_LAYERS and role not in FEED_FORWARD:
            return "Q8_0"
        return "MXFP4"

    def _with_few_values(self, wanted: str, role: Role) -> str:
        """Keys and values that many heads or experts share cost little and get more bits."""
        if role in (Role.VALUES, Role.KEYS) and self._model.experts == 8:
            return "Q8_0"
        if role is Role.VALUES and self._model.is_70b and wanted in ("Q3_K", "Q4_K"):
            return "Q5_K"
        return wanted

    def _seat(self, tensor: ShapedTensor, role: Role) -> Seat:
        index = self._seen[role]
        self._seen[role] += 1
        count = self._value_tensors if role is Role.VALUES else self._model.blocks
        if role in FEED_FORWARD and self._model.experts > 1 and not self._recipe.lowest:
            index = _block(tensor.name)
            if not 0 <= index < count:
                raise NoPrediction(
                    f"{tensor.name[:64]!r} is in none of {count} layers: llama.cpp refuses that"
                )
        return Seat(index, count, self._model, self._importance_matrix)


def _fitting(wanted: str, tensor: ShapedTensor) -> str:
    """A type whose blocks divide the rows."""
    row = tensor.shape[0]
    if row % TYPES_BY_NAME[wanted].block_elements == 0:
        return wanted
    smaller = _SMALLER_BLOCKS.get(wanted, wanted)
    if TYPES_BY_NAME[smaller].block_elements > 32:
        raise NoPrediction(
            f"llama.cpp has nothing instead of {wanted} for rows of {row} ({tensor.name[:64]!r})"
        )
    return "F16" if row % 32 else smaller
