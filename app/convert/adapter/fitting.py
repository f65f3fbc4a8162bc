"""Whether an adapter belongs to a model."""

from __future__ import annotations

from dataclasses import replace

from app.convert.adapter.pairs import Adapter
from app.convert.checkpoint.architectures.layers import EMBEDDING, OUTPUT
from app.convert.checkpoint.plan import ModelPlan
from app.core.errors import UnsupportedCheckpoint, WrongChoice
from app.gguf.cursor import shorten


def fitted(adapter: Adapter, plan: ModelPlan) -> Adapter:
    """With the names that `plan` has. Raises WrongChoice for an adapter of another model, and UnsupportedCheckpoint
    where it tells the two uses of one tensor apart."""
    adapter = replace(
        adapter,
        pairs={plan.name_of(name): pair for name, pair in adapter.pairs.items()},
        whole={plan.name_of(name): tensor for name, tensor in adapter.whole.items()},
    )
    shapes = {name: planned.shape for planned in plan.tensors for name in planned.source_names}
    if OUTPUT not in shapes and {EMBEDDING, OUTPUT} & {*adapter.pairs, *adapter.whole}:
        raise UnsupportedCheckpoint(
            f"The adapter {adapter.folder.name} changes only one of embedding and output, which are one tensor here.",
            "Merge it with its own tools, and convert the whole model.",
        )
    for name, pair in adapter.pairs.items():
        if name not in shapes:
            raise _of_another(adapter, f"changes {shorten(name)}, which this model does not have")
        if pair.shape != shapes[name] or pair.is_of_embedding != (name == EMBEDDING):
            rows, columns = pair.shape
            made_for = f"is for a {shorten(name)} of {rows} × {columns}"
            raise _of_another(adapter, f"{made_for}; this model's is {' × '.join(map(str, shapes[name]))}")
    return adapter


def _of_another(adapter: Adapter, what: str) -> WrongChoice:
    base = f", {shorten(adapter.settings.base)}" if adapter.settings.base else ""
    return WrongChoice(
        f"The adapter {adapter.folder.name} {what}.", f"Choose the model it was trained for{base}."
    )
