"""Which tensors make the inputs of which matrices, with nothing but a product between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.convert.checkpoint.plan import ModelPlan, PlannedTensor


@dataclass(frozen=True)
class Fold:
    """`consumers` multiply what `producers` make: matrices, of which rows from `first_row` on, or vectors."""

    producers: tuple[str, ...]
    first_row: int
    consumers: tuple[str, ...]


def folds_of(plan: ModelPlan) -> tuple[Fold, ...]:
    """In every layer what there is of it: the norms before attention and feed-forward, up before down, and value before
    output where each query has its own (AWQ, section 3.2; `awq/quantize/auto_scale.py` of its authors)."""
    tensors = {each.name: each for each in plan.tensors if not each.stacked and not each.stored}
    return tuple(
        fold
        for layer in range(plan.layers)
        for fold in _folds_of_layer(f"model.layers.{layer}", tensors)
        if fold.producers and fold.consumers
    )


def _folds_of_layer(prefix: str, tensors: dict[str, PlannedTensor]) -> Iterator[Fold]:
    def existing(*names: str) -> tuple[str, ...]:
        return tuple(name for each in names if (name := f"{prefix}.{each}") in tensors)

    def rows(name: str) -> int:
        return tensors[f"{prefix}.{name}"].shape[0]

    def columns(name: str) -> int:
        return tensors[f"{prefix}.{name}"].shape[1]

    attention = existing(*(f"self_attn.{each}_proj.weight" for each in ("q", "k", "v", "qkv")))
    yield Fold(existing("input_layernorm.weight", "input_layernorm.bias"), 0, attention)
    # Where there is a norm behind attention as well, the one before feed-forward has another name.
    before = "post_attention" if not existing("post_feedforward_layernorm.weight") else "pre_feedforward"
    forward = existing(*(f"mlp.{each}_proj.weight" for each in ("gate", "up", "gate_up")))
    yield Fold(existing(f"{before}_layernorm.weight", f"{before}_layernorm.bias"), 0, forward)
    if existing("mlp.down_proj.weight"):
        up = "mlp.up_proj" if existing("mlp.up_proj.weight") else "mlp.gate_up_proj"
        if existing(f"{up}.weight"):
            first = rows(f"{up}.weight") - columns("mlp.down_proj.weight")  # of a fused one, its second half
            yield Fold(existing(f"{up}.weight", f"{up}.bias"), first, existing("mlp.down_proj.weight"))
    value, output = "self_attn.v_proj", "self_attn.o_proj.weight"
    has_both = len(existing(f"{value}.weight", output)) == 2
    if has_both and rows(f"{value}.weight") == columns(output):
        yield Fold(existing(f"{value}.weight", f"{value}.bias"), 0, existing(output))
