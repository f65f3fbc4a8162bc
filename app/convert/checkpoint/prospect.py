"""Whether a checkpoint that is not here could be converted, as far as its description tells."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from app.convert.checkpoint.architectures import ARCHITECTURES
from app.convert.checkpoint.conversion import READABLE
from app.convert.checkpoint.tokenizer_kinds import FILES
from app.convert.checkpoint.weights import INDEX, SINGLE
from app.gguf.cursor import shorten


@dataclass(frozen=True, slots=True)
class Described:
    """`architecture` as config.json names it; `form`: the type of the weights, or how they are quantized, None where
    nothing tells it. `files`: names of all in the folder."""

    architecture: str | None
    form: str | None
    is_pickled: bool
    is_adapter: bool
    files: Collection[str]


def reason_against(checkpoint: Described) -> str:
    """A sentence; empty where `convert_checkpoint` can be tried."""
    if checkpoint.is_adapter:
        return "This is an adapter, which only changes another model."
    if checkpoint.is_pickled:
        return "Its weights are pickled files, which can run programs when they are read."
    if checkpoint.form is not None and checkpoint.form not in READABLE:
        form = checkpoint.form if checkpoint.form.isprintable() else shorten(checkpoint.form)
        return f"It is already quantized ({form}), and only full precision is converted."
    if checkpoint.architecture not in ARCHITECTURES:
        name = shorten(checkpoint.architecture) if checkpoint.architecture else "which nothing tells"
        return f"Nibble does not convert its architecture yet ({name})."
    if SINGLE not in checkpoint.files and INDEX not in checkpoint.files:
        return f"It has neither {SINGLE} nor {INDEX}."
    if not any(file in checkpoint.files for file in FILES):
        return f"Nibble does not convert its kind of tokenizer: it has no {', '.join(FILES[:-1])} or {FILES[-1]}."
    return ""
