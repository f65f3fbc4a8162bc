"""Sizes: what the quantizations of a model take, apart from its context, and what a context takes besides.

The same for all models of one geometry. The bytes of a quantization come from the types of its tensors and are worked
out once; cache and working space of a context come from their shapes alone, and are the same for all quantizations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from app.gguf import ModelFacts
from app.gguf.facts import facts_from_headers
from app.gguf.header import Header, TensorInfo
from app.gguf.outline import NoOutline, TensorShape, loading_metadata, outline
from app.gguf.types import TENSOR_TYPES
from app.memory.geometry import read_geometry
from app.memory.mixture import NoPrediction, predict_file_bytes, read_traits, tensor_types
from app.memory.mixture.file_size import ALIGNMENT, aligned
from app.recommend.catalogue import CatalogueModel
from app.recommend.need import BLOCK, EXPERTS, Need, need_of, share_of_experts
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
    facts = _facts(model, shapes)
    traits = read_traits(facts.metadata)
    native = NATIVE.get(model.architecture)
    tally = _Tally(facts)
    found = []
    header_bytes = None
    for quantization in (native,) if native else OFFERED:
        try:
            types = tensor_types(shapes, traits, quantization)
        except NoPrediction:
            continue
        need, tensor_bytes, data_bytes = tally.of(types)
        if header_bytes is None:  # the same for all but a hundred bytes
            header_bytes = predict_file_bytes(shapes, traits, quantization) - data_bytes
        bits = tensor_bytes * 8 / facts.parameters
        is_original = quantization in (native, "F16")
        found.append(Size(quantization, header_bytes + data_bytes, bits, is_original, need))
    return tuple(found)


class _Tally:
    """Counts the tensors of one model in any types, as `need_of` does."""

    def __init__(self, facts: ModelFacts) -> None:
        self._layers = max(facts.layers or 1, 1)
        self._share = share_of_experts(facts)
        self._elements = [tensor.elements for tensor in facts.tensors]
        self._places = [_place(tensor.name) for tensor in facts.tensors]
        geometry = read_geometry(facts.metadata, facts.vocabulary_size)
        running = len(geometry.layers) if geometry else self._layers
        self._are_loaded = [_block_number(tensor.name) < running for tensor in facts.tensors]

    def of(self, types: Sequence[str]) -> tuple[Need, int, int]:
        """Without a context; the bytes of all tensors; and those they have in a file, where each is padded."""
        sizes = dict.fromkeys(("layers", "experts", "embedding", "output", "rest"), 0)
        data_bytes = weights_bytes = 0
        for place, is_loaded, elements, type in zip(
            self._places, self._are_loaded, self._elements, types, strict=True
        ):
            size = _TYPES[type].size_bytes(elements)
            data_bytes += aligned(size)
            sizes[place] += size
            weights_bytes += size if is_loaded else 0
        in_layers = sizes["layers"] + sizes["experts"]
        idle = sizes["experts"] - int(sizes["experts"] * self._share)
        output = sizes["output"] or sizes["embedding"]
        need = Need(
            layers=self._layers,
            weights_bytes=weights_bytes,
            layer_bytes=in_layers // self._layers,
            output_bytes=output,
            embedding_bytes=sizes["embedding"],
            kv_bytes=0,
            compute_bytes=0,
            read_bytes=in_layers - idle + output,
            is_guess=False,
        )
        return need, sum(sizes.values()), data_bytes


def _block_number(tensor_name: str) -> int:
    """-1 for what is in no block."""
    name, _, rest = tensor_name.partition(".")
    number = rest.partition(".")[0]
    return int(number) if name == "blk" and number.isdecimal() else -1


def _place(tensor_name: str) -> str:
    if tensor_name.startswith(BLOCK):
        return "experts" if EXPERTS.search(tensor_name) else "layers"
    return {"token_embd.weight": "embedding", "output.weight": "output"}.get(tensor_name, "rest")
