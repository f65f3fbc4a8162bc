"""Sizes: what the quantizations of a model take, apart from its context, and what a context takes besides.

The same for all models of one geometry. The bytes of a quantization come from the types of its tensors and are worked
out once; cache and working space of a context come from their shapes alone, and are the same for all quantizations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import msgspec

from app.gguf import ModelFacts
from app.gguf.facts import facts_from_headers
from app.gguf.header import Header, TensorInfo
from app.gguf.outline import NoOutline, TensorShape, loading_metadata, outline
from app.gguf.types import TENSOR_TYPES
from app.memory.mixture import NoPrediction, predict_file_bytes, read_traits, tensor_types
from app.memory.mixture.file_size import ALIGNMENT, aligned
from app.recommend.cache_types import takes_quantized_cache
from app.recommend.catalogue import CatalogueModel
from app.recommend.need import Need, WeightTally, need_of
from app.runtime.protocol import LoadSettings

OFFERED = ("F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "IQ4_XS", "Q3_K_M", "IQ3_XXS", "Q2_K")
"""From the most bits to the fewest: the steps of the staircase. Between them there are more, with little difference."""

NATIVE = {"gpt-oss": "MXFP4_MOE"}
"""Models that were trained in few bits are published in them, and quantizing them further gains nothing."""

_TYPES = {type.name: type for type in TENSOR_TYPES.values()}
_ANY_TYPE = "F16"


@dataclass(frozen=True, slots=True)
class Size:
    """One quantization; `need` is what it takes without a context. `is_original`: in the bits of its publication."""

    quantization: str
    file_bytes: int
    bits_per_weight: float
    is_original: bool
    need: Need


@dataclass(frozen=True, slots=True)
class Space:
    """What a context takes, as the fields of `Need` of the same names."""

    kv_bytes: int
    compute_bytes: int
    is_guess: bool

    def added_to(self, need: Need) -> Need:
        return replace(need, kv_bytes=self.kv_bytes, compute_bytes=self.compute_bytes, is_guess=self.is_guess)


class Sizes:
    """Of `model` and all others of its geometry. May be asked from several threads; the same is then worked out twice
    at worst."""

    def __init__(
        self,
        model: CatalogueModel,
        quantizations: tuple[Size, ...],
        spaces: Iterable[tuple[LoadSettings, Space]] = (),
    ) -> None:
        self.quantizations = quantizations
        self._model = model
        self._spaces = dict(spaces)

    @property
    def spaces(self) -> tuple[tuple[LoadSettings, Space], ...]:
        """Those that were worked out so far."""
        return tuple(self._spaces.items())

    @cached_property
    def quantizes_cache(self) -> bool:
        facts = _facts(self._model, _shapes(self._model))
        return takes_quantized_cache(facts.architecture, facts.key_length, facts.value_length)

    def knows(self, settings: LoadSettings) -> bool:
        return settings in self._spaces

    def space(self, settings: LoadSettings) -> Space:
        """Some milliseconds the first time."""
        known = self._spaces.get(settings)
        if known is None:
            need = need_of(_facts(self._model, _shapes(self._model)), settings)
            known = self._spaces[settings] = Space(need.kv_bytes, need.compute_bytes, need.is_guess)
        return known


def geometry_key(model: CatalogueModel) -> str:
    """Equal for models whose sizes are."""
    told = msgspec.json.encode((model.architecture, model.geometry, model.tied_embeddings))
    return hashlib.sha256(told).hexdigest()


def sizes_of(model: CatalogueModel) -> Sizes | None:
    """Some ten milliseconds; None where its tensors are not known or no quantization can be made of them."""
    try:
        quantizations = _quantizations(model)
    except (NoOutline, NoPrediction):
        return None
    return Sizes(model, quantizations) if quantizations else None


def _shapes(model: CatalogueModel) -> Sequence[TensorShape]:
    return outline(model.architecture, model.geometry, model.tied_embeddings)


def _facts(model: CatalogueModel, shapes: Sequence[TensorShape]) -> ModelFacts:
    """Of a file whose tensors are all of one type."""
    path = Path(f"{model.id}.gguf")
    tensors = tuple(
        TensorInfo(shape.name, shape.shape, _ANY_TYPE, 0, 2 * shape.elements, shape.elements)
        for shape in shapes
    )
    metadata = loading_metadata(model.architecture, model.geometry)
    return facts_from_headers((path,), (Header(3, "little", metadata, tensors, ALIGNMENT, 0, 0),))


def _quantizations(model: CatalogueModel) -> tuple[Size, ...]:
    shapes = _shapes(model)
    native = NATIVE.get(model.architecture)
    offered = (native,) if native else OFFERED
    return quantizations_of(_facts(model, shapes), shapes, offered, originals=(native, "F16"))


def quantizations_of(
    facts: ModelFacts,
    shapes: Sequence[TensorShape | TensorInfo],
    offered: Iterable[str],
    *,
    originals: Collection[str | None] = (),
    header_bytes: int | None = None,
) -> tuple[Size, ...]:
    """What a model becomes when it is made into each of `offered` that can be made of it, `originals` being the bits of
    its publication. `shapes`: its tensors, those of a file with their types. `header_bytes`: of the file; estimated
    without. Raises NoPrediction where nothing can be told of it."""
    traits = read_traits(facts.metadata)
    tally = WeightTally(facts)
    found = []
    for quantization in offered:
        try:
            types = tensor_types(shapes, traits, quantization)
        except NoPrediction:
            continue
        sizes = [_TYPES[type].size_bytes(shape.elements) for shape, type in zip(shapes, types, strict=True)]
        data_bytes = sum(map(aligned, sizes))
        if header_bytes is None:  # the same for all but a hundred bytes
            header_bytes = predict_file_bytes(shapes, traits, quantization) - data_bytes
        bits = sum(sizes) * 8 / facts.parameters
        is_original = quantization in originals
        found.append(Size(quantization, header_bytes + data_bytes, bits, is_original, tally.of(sizes)))
    return tuple(found)
