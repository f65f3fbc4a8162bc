"""Recipes: the mixture of types behind each quantization's name, as tables.

What is not listed gets the recipe's base type. Of the choices for a role, the first whose condition holds
counts. Source of every line: `llama_tensor_get_type_impl` and `llama_ftype_get_default_type` in
`src/llama-quant.cpp` of llama.cpp.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from app.memory.mixture.roles import Role
from app.memory.mixture.traits import ModelTraits


@dataclass(frozen=True)
class Seat:
    """Where a tensor stands: it is number `index` (from 0) of `count` in its role."""

    index: int
    count: int
    model: ModelTraits
    importance_matrix: bool


Condition = Callable[[Seat], bool]
Choices = tuple[tuple[str, Condition], ...]


def always(_seat: Seat) -> bool:
    return True


def in_first(part: int) -> Condition:
    """In the first eighth, sixteenth."""
    return lambda seat: seat.index < seat.count // part


def among_first(number: int) -> Condition:
    return lambda seat: seat.index < number


def in_middle(seat: Seat) -> bool:
    """In neither the first nor the last eighth."""
    return seat.count // 8 <= seat.index < 7 * seat.count // 8


def sensitive(seat: Seat) -> bool:
    """Layers that llama.cpp gives more bits: the outer eighths and every third between."""
    return not in_middle(seat) or (seat.index - seat.count // 8) % 3 == 2


def grouped(seat: Seat) -> bool:
    """Four heads or more share keys and values: few weights, on which much depends."""
    return seat.model.heads_per_kv_head >= 4


def has_matrix(seat: Seat) -> bool:
    return seat.importance_matrix


def eight_experts(seat: Seat) -> bool:
    return seat.model.experts == 8


def some_experts(seat: Seat) -> bool:
    return seat.model.experts >= 4


def both(first: Condition, second: Condition) -> Condition:
    return lambda seat: first(seat) and second(seat)


def either(first: Condition, second: Condition) -> Condition:
    return lambda seat: first(seat) or second(seat)


def unless(condition: Condition) -> Condition:
    return lambda seat: not condition(seat)


@dataclass(frozen=True)
class Recipe:
    """`output` also stands for an embedding that serves as output. `embedding`: another type than `base`.

    `lowest`: for the formats below 3 bits, whose tensors are counted as they come (not by their layer) and
    which know no exception for models of 70 B parameters.
    """

    base: str
    output: str = "Q6_K"
    embedding: str | None = None
    choices: Mapping[Role, Choices] = field(default_factory=dict)
    lowest: bool = False


_VALUES, _KEYS, _QUERIES = Role.VALUES, Role.KEYS, Role.QUERIES
_MIXED, _DOWN, _UP, _GATE = Role.ATTENTION_OUTPUT, Role.FFN_DOWN, Role.FFN_UP, Role.FFN_GATE

_EIGHT_Q5: Choices = (("Q5_K", eight_experts),)


def _lowest(base: str, small: str, attention_output: str) -> Recipe:
    return Recipe(
        base,
        output="Q5_K",
        embedding=small,
        choices={
            _VALUES: (("Q4_K", either(grouped, some_experts)), (small, always)),
            _KEYS: (("Q4_K", eight_experts),),
            _DOWN: ((small, in_first(8)),),
            _MIXED: (*_EIGHT_Q5, (attention_output, always)),
        },
        lowest=True,
    )


def _nonlinear(base: str) -> Recipe:
    return Recipe(
        base,
        choices={
            _VALUES: (("Q5_K", grouped),),
            _DOWN: (("Q5_K", both(in_first(8), unless(has_matrix))),),
            _MIXED: _EIGHT_Q5,
        },
    )


RECIPES: Mapping[str, Recipe] = {
    "F32": Recipe("F32"),
    "F16": Recipe("F16"),
    "BF16": Recipe("BF16"),
    "Q8_0": Recipe("Q8_0", output="Q8_0"),
    "Q6_K": Recipe("Q6_K"),
    "Q5_K_M": Recipe("Q5_K", choices={_VALUES: (("Q6_K", sensitive),), _DOWN: (("Q6_K", sensitive),)}),
    "Q5_K_S": Recipe("Q5_K"),
    "Q5_1": Recipe("Q5_1"),
    "Q5_0": Recipe("Q5_0", choices={_DOWN: (("Q5_1", both(has_matrix, in_first(8))),)}),
    "Q4_K_M": Recipe(
        "Q4_K",
        choices={_VALUES: (("Q6_K", sensitive),), _DOWN: (("Q6_K", sensitive),), _MIXED: _EIGHT_Q5},
    ),
    "Q4_K_S": Recipe(
        "Q4_K",
        choices={_VALUES: (("Q5_K", among_first(4)),), _DOWN: (("Q5_K", in_first(8)),), _MIXED: _EIGHT_Q5},
    ),
    "Q4_1": Recipe("Q4_1"),
    "Q4_0": Recipe("Q4_0", choices={_DOWN: (("Q4_1", both(has_matrix, in_first(8))),)}),
    "IQ4_NL": _nonlinear("IQ4_NL"),
    "IQ4_XS": _nonlinear("IQ4_XS"),
    "MXFP4_MOE": Recipe("MXFP4", output="Q8_0"),
    "Q3_K_L": Recipe(
        "Q3_K",
        choices={
            _VALUES: (("Q5_K", always),),
            _DOWN: (("Q5_K", always),),
            _MIXED: (("Q5_K", unless(eight_experts)),),
        },
    ),
    "Q3_K_M": Recipe(
        "Q3_K",
        choices={
            _VALUES: (("Q5_K", among_first(2)), ("Q4_K", always)),
            _DOWN: (("Q5_K", in_first(16)), ("Q4_K", always)),
            _MIXED: (*_EIGHT_Q5, ("Q4_K", always)),
        },
    ),
    "Q3_K_S": Recipe("Q3_K", choices={_MIXED: _EIGHT_Q5}),
    "IQ3_M": Recipe(
        "IQ3_S",
        choices={
            _VALUES: (("Q4_K", always),),
            _DOWN: (("Q4_K", either(in_first(8), both(eight_experts, sensitive))),),
            _MIXED: (*_EIGHT_Q5, ("Q4_K", always)),
        },
    ),
    "IQ3_S": Recipe("IQ3_S", choices={_VALUES: (("Q4_K", grouped),), _MIXED: _EIGHT_Q5}),
    "IQ3_XS": Recipe(
        "IQ3_S",
        choices={
            _VALUES: (("Q4_K", grouped),),
            _KEYS: (("IQ3_XXS", always),),
            _QUERIES: (("IQ3_XXS", always),),
            _MIXED: _EIGHT_Q5,
            _GATE: (("IQ3_XXS", in_middle),),
            _UP: (("IQ3_XXS", in_middle),),
        },
    ),
    "IQ3_XXS": Recipe(
        "IQ3_XXS",
        output="Q5_K",
        embedding="IQ3_S",
        choices={
            _VALUES: (("Q4_K", grouped), ("IQ3_S", unless(has_matrix))),
            _KEYS: (("IQ2_S", always),),
            _QUERIES: (("IQ2_S", always),),
            _DOWN: (("Q4_K", both(unless(has_matrix), in_first(8))), ("Q3_K", unless(has_matrix))),
            _MIXED: (*_EIGHT_Q5, ("IQ3_S", always)),
        },
    ),
    "Q2_K": Recipe(
        "Q2_K",
        choices={
            _VALUES: (("Q4_K", grouped), ("Q3_K", always)),
            _DOWN: (("Q3_K", always),),
            _MIXED: (*_EIGHT_Q5, ("Q3_K", always)),
        },
    ),
    "Q2_K_S": Recipe("Q2_K", choices={_VALUES: (("Q4_K", grouped),), _DOWN: (("Q4_K", in_first(8)),)}),
    "IQ2_M": _lowest("IQ2_S", "IQ3_S", "IQ3_S"),
    "IQ2_S": _lowest("IQ2_XS", "IQ3_S", "IQ3_S"),
    "IQ2_XS": _lowest("IQ2_XS", "Q2_K", "IQ2_XS"),
    "IQ2_XXS": _lowest("IQ2_XXS", "Q2_K", "IQ2_XXS"),
    "IQ1_M": _lowest("IQ1_M", "Q2_K", "IQ2_XXS"),
    "IQ1_S": _lowest("IQ1_S", "Q2_K", "IQ2_XXS"),
    "Q2_0": Recipe("Q2_0", embedding="Q4_K"),
    "TQ2_0": Recipe("TQ2_0", embedding="Q4_K"),
    "TQ1_0": Recipe("TQ1_0", embedding="Q4_K"),
    "Q1_0": Recipe("Q1_0"),
}
"""Best quality first. Of `QUANTIZATIONS` only NVFP4 is missing: llama.cpp reads it but does not make it."""

_FALCON: Mapping[str, Mapping[Role, Choices]] = {
    "Q3_K_L": {_DOWN: (("Q4_K", always),), _MIXED: (("Q4_K", always),)},
    "Q3_K_M": {_DOWN: (("Q5_K", in_first(16)), ("Q4_K", sensitive))},
    "Q4_K_M": {_DOWN: (("Q6_K", in_first(16)), ("Q5_K", sensitive))},
    "Q4_K_S": {_DOWN: ()},
}
"""What is different for the architecture of that name, beside its output, which is Q8_0."""


def choices_for(quantization: str, role: Role, architecture: str) -> Choices:
    recipe = RECIPES[quantization]
    if architecture == "falcon" and not recipe.lowest:
        own = _FALCON.get(quantization, {})
        if role in own or role is Role.ATTENTION_OUTPUT:
            return own.get(role, ())
    return recipe.choices.get(role, ())
