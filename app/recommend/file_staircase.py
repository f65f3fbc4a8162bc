"""The staircase of a file that is here: what it could be made into, or, where it is quantized already, itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.gguf import ModelFacts
from app.memory.mixture import NoPrediction
from app.memory.mixture.file_size import aligned
from app.recommend.alternatives import alternatives_of
from app.recommend.budget import Budget
from app.recommend.cache_types import takes_quantized_cache
from app.recommend.choose import Recommendation, Step, recommend_step
from app.recommend.fit import fit
from app.recommend.loss import ORIGINAL_LOSS, expected_loss
from app.recommend.need import Need, WeightTally, need_of
from app.recommend.sizes import NATIVE, OFFERED, Size, quantizations_of
from app.runtime.protocol import LoadSettings

SOURCES = ("F32", "F16", "BF16")
"""What quantizations are made from."""


class FileStaircase:
    """`facts`: of a model. `is_source`: it can be quantized, so that there are steps below it."""

    def __init__(self, facts: ModelFacts) -> None:
        self._facts = facts
        self.is_source = facts.quantization in SOURCES
        self._sizes = (_itself(facts), *(_below(facts) if self.is_source else ()))
        self._contexts: dict[LoadSettings, Need] = {}

    def settings(self, context_length: int) -> LoadSettings:
        """For so many tokens, or as many as the model takes."""
        return LoadSettings(context_length=min(context_length, self._facts.context_length or context_length))

    def steps(self, budget: Budget, settings: LoadSettings) -> list[Step]:
        """On a machine; some milliseconds for a context that was not asked for before."""
        context = self._contexts.get(settings)
        if context is None:
            context = self._contexts[settings] = need_of(self._facts, settings)
        steps = []
        for size in self._sizes:
            need = replace(
                size.need,
                kv_bytes=context.kv_bytes,
                compute_bytes=context.compute_bytes,
                is_guess=context.is_guess,
            )
            loss = expected_loss(size.quantization, size.bits_per_weight, self._facts.parameters)
            loss = ORIGINAL_LOSS if size.is_original else loss
            placed = fit(need, budget)
            steps.append(Step(size.quantization, size.file_bytes, size.bits_per_weight, need, placed, loss))
        return steps

    def recommendation(self, budget: Budget, context_length: int) -> Recommendation:
        """Which step to take, with alternatives."""
        settings, facts = self.settings(context_length), self._facts
        found = recommend_step(self.steps(budget, settings), settings.context_length, facts.parameters)
        quantizes_cache = takes_quantized_cache(facts.architecture, facts.key_length, facts.value_length)
        others = alternatives_of(
            found,
            settings,
            lambda other: self.steps(budget, other),
            has_accelerator=budget.accelerator_bytes > 0,
            quantizes_cache=quantizes_cache,
        )
        return replace(found, alternatives=others)


def _itself(facts: ModelFacts) -> Size:
    return Size(
        facts.quantization or "unknown",
        facts.file_bytes,
        facts.bits_per_weight or 0.0,
        facts.quantization in (NATIVE.get(facts.architecture or ""), *SOURCES),
        WeightTally(facts).of([tensor.size_bytes for tensor in facts.tensors]),
    )


def _below(facts: ModelFacts) -> Sequence[Size]:
    """In fewer bits; none where it cannot be told what llama.cpp would make of it."""
    native = NATIVE.get(facts.architecture or "")
    offered = (native,) if native else OFFERED
    header_bytes = max(facts.file_bytes - sum(aligned(each.size_bytes) for each in facts.tensors), 0)
    try:
        made = quantizations_of(facts, facts.tensors, offered, originals=(native,), header_bytes=header_bytes)
    except NoPrediction:
        return ()
    return [size for size in made if size.bits_per_weight < (facts.bits_per_weight or 0.0)]
