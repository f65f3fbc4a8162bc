"""Finds the family of an architecture and checks what comes out."""

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

_FAMILIES: Mapping[str, Callable[[Dimensions], Tensors]] = {
    **DENSE,
    **GEMMA,
    **MIXTURES_OF_EXPERTS,
    **LATENT,
    **COMPRESSED,
    **HYBRID,
    **LINEAR_ATTENTION,
}

KNOWN_ARCHITECTURES = frozenset(_FAMILIES)

_PREDICT_FURTHER = frozenset(
    {
        "deepseek32",
        "exaone4",
        "glm-dsa",
        "glm4moe",
        "mimo2",
        "nemotron_h_moe",
        "qwen35",
        "qwen35moe",
        "qwen3next",
    }
)
"""Architectures whose last blocks may only predict further tokens (`nextn_predict_layers`)."""

_MOST_ELEMENTS = 1 << 50
"""Of one tensor; the largest real ones have 2^35."""


@dataclass(frozen=True, slots=True)
class TensorShape:
    """One tensor: `shape` in elements, fastest-varying first, as ggml counts."""

    name: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        return prod(self.shape)


def outline(
    architecture: str, geometry: Mapping[str, object], tied_embeddings: bool
) -> tuple[TensorShape, ...]:
    """Every tensor that the GGUF file of a text model holds, at most some 25 000.

    `geometry`: its metadata without the architecture's prefix, in lists or tuples where they go by layers.
    Left out is `rope_freqs`, which no key announces (256 bytes, in Llama 3.1 and later). Raises NoOutline
    for an architecture that is not known here, and where the geometry lacks or contradicts what its
    tensors follow from.
    """
    family = _FAMILIES.get(architecture)
    if family is None:
        raise NoOutline(architecture, "the architecture is not known here")
    model = Dimensions(architecture, geometry, tied_embeddings)
    if model.layers < model.blocks and architecture not in _PREDICT_FURTHER:
        raise model.none("what its blocks for further tokens hold is not known here")
    tensors = family(model)
    for name, shape in tensors.items():
        if min(shape) < 1 or prod(shape) > _MOST_ELEMENTS:
            raise model.none(f"{name} would have the shape {shape}")
    return tuple(TensorShape(name, shape) for name, shape in tensors.items())
