"""ModelSummary: what a list shows of a model, small enough to keep for thousands of files."""

from __future__ import annotations

import msgspec

from app.gguf.facts import ModelFacts, ModelKind
from app.gguf.header import ByteOrder
from app.gguf.recommended_sampling import RecommendedSampling, recommended_sampling
from app.gguf.thinking import ThinkingControls, thinking_controls

_MOST_CHARACTERS = 300
"""A header may hold a name of megabytes."""


class ModelSummary(msgspec.Struct, frozen=True, omit_defaults=True):
    """Fields as in `ModelFacts`. `basename` is the model without its size and version, e.g. "Llama-3.2", `licence` e.g.
    "apache-2.0". `projection_length`: of an encoder of images or sound, the embedding length of the model it is for."""

    kind: ModelKind
    parameters: int
    file_bytes: int
    files: int
    architecture: str | None = None
    name: str | None = None
    basename: str | None = None
    licence: str | None = None
    quantization: str | None = None
    bits_per_weight: float | None = None
    layers: int | None = None
    context_length: int | None = None
    embedding_length: int | None = None
    projection_length: int | None = None
    byte_order: ByteOrder = "little"
    thinking: ThinkingControls | None = None
    sampling: RecommendedSampling | None = None


def summarize(facts: ModelFacts) -> ModelSummary:
    return ModelSummary(
        kind=facts.kind,
        parameters=facts.parameters,
        file_bytes=facts.file_bytes,
        files=len(facts.files),
        architecture=_short(facts.architecture),
        name=_short(facts.name),
        basename=_short(facts.metadata.get("general.basename")),
        licence=_short(facts.metadata.get("general.license")),
        quantization=facts.quantization,
        bits_per_weight=facts.bits_per_weight,
        layers=facts.layers,
        context_length=facts.context_length,
        embedding_length=facts.embedding_length,
        projection_length=_projection_length(facts),
        byte_order=facts.byte_order,
        thinking=thinking_controls(facts.chat_template),
        sampling=recommended_sampling(facts.metadata),
    )


def _short(value: object) -> str | None:
    return value[:_MOST_CHARACTERS] if isinstance(value, str) and value else None


def _projection_length(facts: ModelFacts) -> int | None:
    for sense in ("vision", "audio"):
        value = facts.metadata.get(f"clip.{sense}.projection_dim")
        if isinstance(value, int) and 0 < value < 1 << 31:
            return value
    return None
