"""The catalogue: current open models with their geometry, so that their need can be told offline."""

from __future__ import annotations

from typing import Literal

import msgspec

import resources

Use = Literal["base", "chat", "code", "math", "reasoning", "vision", "audio", "multilingual", "tools"]
Geometry = dict[str, int | list[int | bool | str]]


class CatalogueModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model, whatever its quantization.

    `repository`: the original on the Hugging Face Hub; `gguf`: repositories with GGUF files, best first.
    `released`: year and month where known. `parameters`: weights of the text model, a tied embedding once;
    `active_parameters`: of a mixture of experts, about as many as work on each token. `geometry`: GGUF metadata
    without the architecture's prefix, as llama.cpp's converter writes it, in elements, tokens or counts.
    `source`: where the geometry comes from; what is filled in from a sibling or from memory is said there.
    """

    id: str
    name: str
    family: str
    repository: str
    gguf: tuple[str, ...]
    licence: str
    released: str
    parameters: int
    uses: tuple[Use, ...]
    architecture: str
    tied_embeddings: bool
    source: str
    geometry: Geometry
    active_parameters: int | None = None


def read_catalogue() -> tuple[CatalogueModel, ...]:
    """All models, by file and in the order of each file; takes about a tenth of a second."""
    return msgspec.convert(resources.catalogue(), tuple[CatalogueModel, ...])
