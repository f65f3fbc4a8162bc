"""How models of the Hub would run on a machine, told before any header is read.

From what the catalogue knows of the model, or else from the size of its files alone; exactly once its header is here
(`read_remote_facts` and `app.recommend.fit`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from app.hub.repository import HubRepository
from app.hub.search import FoundModel
from app.hub.variants import Variant
from app.recommend.budget import Budget
from app.recommend.catalogue import CatalogueModel
from app.recommend.fit import Fit, fit
from app.recommend.need import Need
from app.recommend.staircase import Staircase
from app.runtime.protocol import LoadSettings

_USUAL_BITS_PER_WEIGHT = 4.8944
"""Of Q4_K_M (llama.cpp, tools/quantize/README.md)."""
_GUESSED_LAYERS = 32
_GUESSED_OUTPUT_SHARE = 0.06
_GUESSED_CACHE_SHARE = 0.1
"""Of the weights, for 4096 tokens: Llama 3 8B in Q4_K_M has 0.54 of 4.9 GB."""
_GUESSED_COMPUTE_BYTES = 300_000_000


def known_among(catalogue: Iterable[CatalogueModel], found: Iterable[FoundModel]) -> list[CatalogueModel]:
    """Those of the catalogue that some of `found` are or were made of: `Verdicts` on these need no others."""
    wanted = {name.casefold() for each in found for name in (each.id, *each.base_models)}
    return [model for model in catalogue if not wanted.isdisjoint(_names(model))]


class Verdicts:
    """For one machine and one context. `staircases`: of the catalogue's models."""

    def __init__(self, staircases: Iterable[Staircase], budget: Budget, settings: LoadSettings) -> None:
        self._budget = budget
        self._settings = settings
        self._known: dict[str, Staircase] = {}
        for each in staircases:
            for name in _names(each.model):
                self._known.setdefault(name, each)

    def of_variant(self, repository: HubRepository, variant: Variant) -> Fit:
        return self._fit(variant.size, (repository.id, *repository.base_models))

    def of_found(self, model: FoundModel) -> Fit | None:
        """In Q4_K_M; None where the Hub does not know how many parameters it has."""
        if model.parameters is None:
            return None
        size = int(model.parameters * _USUAL_BITS_PER_WEIGHT / 8)
        return self._fit(size, (model.id, *model.base_models))

    def _fit(self, file_bytes: int, names: Iterable[str]) -> Fit:
        known = next((self._known[name.casefold()] for name in names if name.casefold() in self._known), None)
        need = self._known_need(known, file_bytes) if known else self._guessed_need(file_bytes)
        return fit(need, self._budget)

    def _known_need(self, staircase: Staircase, file_bytes: int) -> Need:
        """That of the model's nearest quantization, in proportion."""
        settings = staircase.settings(self._settings.context_length)
        nearest = min(staircase.sizes.quantizations, key=lambda each: abs(each.file_bytes - file_bytes))
        space = staircase.sizes.space(settings)
        return space.added_to(_scaled(nearest.need, file_bytes / nearest.file_bytes))

    def _guessed_need(self, file_bytes: int) -> Need:
        output = int(file_bytes * _GUESSED_OUTPUT_SHARE)
        context = self._settings.context_length / 4096
        return Need(
            layers=_GUESSED_LAYERS,
            weights_bytes=file_bytes,
            layer_bytes=(file_bytes - output) // _GUESSED_LAYERS,
            output_bytes=output,
            embedding_bytes=output,
            kv_bytes=int(file_bytes * _GUESSED_CACHE_SHARE * context),
            compute_bytes=_GUESSED_COMPUTE_BYTES,
            read_bytes=file_bytes,
            is_guess=True,
        )


def _names(model: CatalogueModel) -> list[str]:
    return [name.casefold() for name in (model.repository, *model.gguf)]


def _scaled(need: Need, share: float) -> Need:
    return replace(
        need,
        weights_bytes=int(need.weights_bytes * share),
        layer_bytes=int(need.layer_bytes * share),
        output_bytes=int(need.output_bytes * share),
        embedding_bytes=int(need.embedding_bytes * share),
        read_bytes=int(need.read_bytes * share),
        expert_bytes=int(need.expert_bytes * share),
    )
