"""Finds the architecture's family and checks what comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod

from app.gguf.outline.compressed import COMPRESSED
from app.gguf.outline.dense import DENSE
from app.gguf.outline.dimensions import Dimensions, NoOutline
from app.gguf.outline.experts import MIXTURES_OF_EXPERTS
from app.gguf.outline.gemma import GEMMA
from app.gguf.outline.hybrid import HYBRID
from app.gguf.outline.latent import LATENT
from app.gguf.outline.linear_attention import LINEAR_ATTENTION
from app.gguf.outline.parts import Tensors

_MOST_TENSORS = 1 << 16
_MOST_ELEMENTS = 1 << 50

_FAMILIES: Mapping[str, Callable[[Dimensions], Tensors]] = {
    **DENSE,
    **GEMMA,
    **MIXTURES_OF_EXPERTS,
    **LATENT,
    **COMPRESSED,
    **HYBRID,
    **LINEAR_ATTENTION,
}


@dataclass(frozen=True, slots=True)
class TensorShape:
    """One tensor: `shape` in elements, fastest-varying first, as ggml counts."""

    name: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        return prod(self.shape)


def outline(architecture: str, geometry: Mapping[str, object], tied_embeddings: bool) -> tuple[TensorShape, ...]:
    family = _FAMILIES.get(architecture)
    if family is None:
        raise NoOutline(architecture, "Nibble does not know the architecture")
    model = Dimensions(architecture, geometry, tied_embeddings)
    tensors = family(model)
    if len(tensors) > _MOST_TENSORS:
        raise model.none(f"it would have {len(tensors)} tensors")
    for name, shape in tensors.items():
        if min(shape) < 1 or prod(shape) > _MOST_ELEMENTS:
            raise model.none(f"{name} would have the shape {shape}")
    return tuple(TensorShape(name, shape) for name, shape in tensors.items())
