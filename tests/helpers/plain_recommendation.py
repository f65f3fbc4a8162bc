"""The plain way to a recommendation: each variant as if its file were here, nothing kept, nothing shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.gguf import ModelFacts
from app.gguf.header import MetadataValue, TensorInfo
from app.gguf.outline import NoOutline, TensorShape, loading_metadata, outline
from app.gguf.types import TENSOR_TYPES
from app.memory.mixture import NoPrediction, predict_file_bytes, read_traits, tensor_types
from app.recommend.budget import Budget
from app.recommend.catalogue import CatalogueModel
from app.recommend.choose import Step, recommend_step
from app.recommend.fit import fit
from app.recommend.loss import ORIGINAL_LOSS, expected_loss
from app.recommend.need import need_of
from app.recommend.ranking import Choice, rank
from app.recommend.sizes import NATIVE, OFFERED
from app.runtime.protocol import LoadSettings

_TYPES = {type.name: type for type in TENSOR_TYPES.values()}


@dataclass(frozen=True)
class Variant:
    """`facts` as the header of the file would tell them. `is_original`: the bits the model was published in."""

    model: CatalogueModel
    quantization: str
    file_bytes: int
    facts: ModelFacts
    is_original: bool


def variants_of(model: CatalogueModel) -> tuple[Variant, ...]:
    """`model` in each quantization of `OFFERED` that llama.cpp makes of it; none where its tensors are not known."""
    try:
        shapes = outline(model.architecture, model.geometry, model.tied_embeddings)
        metadata = loading_metadata(model.architecture, model.geometry)
        traits = read_traits(metadata)
    except (NoOutline, NoPrediction):
        return ()
    native = NATIVE.get(model.architecture)
    found = []
    for quantization in (native,) if native else OFFERED:
        try:
            types = tensor_types(shapes, traits, quantization)
            file_bytes = predict_file_bytes(shapes, traits, quantization)
        except NoPrediction:
            continue
        facts = _facts(model, quantization, shapes, types, metadata, file_bytes)
        found.append(Variant(model, quantization, file_bytes, facts, quantization in (native, "F16")))
    return tuple(found)


def _facts(
    model: CatalogueModel,
    quantization: str,
    shapes: Sequence[TensorShape],
    types: Sequence[str],
    metadata: Mapping[str, MetadataValue],
    file_bytes: int,
) -> ModelFacts:
    tensors = tuple(
        TensorInfo(shape.name, shape.shape, type, 0, _TYPES[type].size_bytes(shape.elements), shape.elements)
        for shape, type in zip(shapes, types, strict=True)
    )
    parameters = sum(tensor.elements for tensor in tensors)
    tensor_bytes = sum(tensor.size_bytes for tensor in tensors)
    path = Path(f"{model.id}-{quantization}.gguf")
    return ModelFacts(
        path=path,
        files=(path,),
        architecture=model.architecture,
        name=model.name,
        parameters=parameters,
        quantization=quantization,
        bits_per_weight=tensor_bytes * 8 / parameters,
        layers=_count(model, "block_count"),
        context_length=_count(model, "context_length"),
        embedding_length=_count(model, "embedding_length"),
        heads=_count(model, "attention.head_count"),
        kv_heads=_count(model, "attention.head_count_kv"),
        key_length=_count(model, "attention.key_length"),
        value_length=_count(model, "attention.value_length"),
        vocabulary_size=_count(model, "vocab_size"),
        chat_template=None,
        tensors=tensors,
        tensor_bytes=tensor_bytes,
        file_bytes=file_bytes,
        metadata=metadata,
    )


def _count(model: CatalogueModel, key: str) -> int | None:
    value = model.geometry.get(key)
    return max((int(each) for each in value), default=0) if isinstance(value, list) else value


def recommend_model(model: CatalogueModel, budget: Budget, settings: LoadSettings) -> Choice | None:
    """The staircase of `model`; None where its tensors are not known."""
    variants = variants_of(model)
    if not variants:
        return None
    steps = [_step(variant, budget, settings) for variant in variants]
    chosen = recommend_step(steps, settings.context_length, model.parameters, model.uses)
    return Choice(model, chosen)


def _step(variant: Variant, budget: Budget, settings: LoadSettings) -> Step:
    facts = variant.facts
    need = need_of(facts, settings)
    bits = facts.bits_per_weight or 0.0
    loss = (
        ORIGINAL_LOSS
        if variant.is_original
        else expected_loss(variant.quantization, bits, variant.model.parameters)
    )
    return Step(variant.quantization, variant.file_bytes, bits, need, fit(need, budget), loss)


def choices_for(
    models: Sequence[CatalogueModel], budget: Budget, settings: LoadSettings
) -> tuple[Choice, ...]:
    """All of `models` that can be told about, in order."""
    found = (recommend_model(model, budget, settings) for model in models)
    return rank(choice for choice in found if choice is not None)
