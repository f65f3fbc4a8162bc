"""Where the models of `nibble compare` part ways, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from app.compare import (
    Comparison,
    DivergenceFigures,
    PaneAnswer,
    Passage,
    divergence_figures,
    first_difference,
)
from app.compare.report_json import figures_document, token_document
from app.core.errors import EnvironmentFault, OtherVocabulary
from app.core.jobs import JobControl
from app.library import LibraryEntry
from app.runtime.protocol import TokenDivergence


@dataclass(frozen=True)
class ModelDivergence:
    """Of one model from the first one, on the first one's answer: its `tokens`, or why there are none.

    `per_character`: for models that write in different tokens, perplexity per character of that answer under the first
    and under this one.
    """

    tokens: Sequence[TokenDivergence]
    fault: EnvironmentFault | None = None
    per_character: tuple[float, float] | None = None

    @property
    def figures(self) -> DivergenceFigures | None:
        return divergence_figures(self.tokens) if self.tokens else None


def measure(
    comparison: Comparison, answers: Sequence[Sequence[PaneAnswer]], control: JobControl
) -> list[list[ModelDivergence]]:
    """`answers` of all models to each prompt; for each prompt how each model but the first differs."""
    found: list[list[ModelDivergence]] = [[] for _ in answers]
    for index in range(1, len(answers[0])):
        faults = [given[index].fault or given[0].fault for given in answers]
        passages = [
            given[0].passage if fault is None else None for given, fault in zip(answers, faults, strict=True)
        ]
        tokens: Iterator[Sequence[TokenDivergence]] = iter(())
        problem: EnvironmentFault | None = None
        try:
            tokens = iter(
                comparison.diverge([each for each in passages if each is not None], 0, index, control)
            )
        except EnvironmentFault as error:
            problem = error
        per_character = iter(_per_character(comparison, answers, passages, index, problem, control))
        for models, passage, fault in zip(found, passages, faults, strict=True):
            if passage is not None and isinstance(problem, OtherVocabulary):
                models.append(ModelDivergence((), problem, next(per_character)))
            elif passage is None or problem is not None:
                models.append(ModelDivergence((), fault or problem))
            else:
                models.append(ModelDivergence(next(tokens)))
    return found


def _per_character(
    comparison: Comparison,
    answers: Sequence[Sequence[PaneAnswer]],
    passages: Sequence[Passage | None],
    index: int,
    problem: EnvironmentFault | None,
    control: JobControl,
) -> Iterator[tuple[float, float]]:
    """For each answer of the first model that there is, where tokens cannot be compared."""
    if isinstance(problem, OtherVocabulary):
        for given, passage in zip(answers, passages, strict=True):
            if passage is not None:
                first, other = comparison.perplexities_per_character(given[0].text, (0, index), control)
                yield first, other


def document(
    entries: Sequence[LibraryEntry],
    answers: Sequence[PaneAnswer],
    divergences: Sequence[ModelDivergence],
) -> dict[str, Any]:
    """Positions of the texts in characters; `tokens` of the first model's answer."""
    differences = [first_difference(answers[0].text, answer.text) for answer in answers[1:]]
    return {
        "reference": entries[0].name,
        "same_text": all(difference is None for difference in differences),
        "first_difference_characters": differences,
        "models": [
            {
                "model": entry.name,
                "same_vocabulary": not isinstance(divergence.fault, OtherVocabulary),
                "problem": str(divergence.fault) if divergence.fault else None,
                **figures_document(divergence.tokens),
                **_per_character_document(divergence),
                "tokens": [token_document(token) for token in divergence.tokens],
            }
            for entry, divergence in zip(entries[1:], divergences, strict=True)
        ],
    }


def _per_character_document(divergence: ModelDivergence) -> dict[str, Any]:
    if divergence.per_character is None:
        return {}
    reference, other = divergence.per_character
    return {"perplexity_per_character": other, "reference_perplexity_per_character": reference}


def sentence(entry: LibraryEntry, reference: LibraryEntry, divergence: ModelDivergence) -> str:
    """Of one model, for people; why there is nothing to tell where there is not."""
    figures = divergence.figures
    if figures is None:
        told = f"{entry.name}: {divergence.fault.message}" if divergence.fault else ""
        if divergence.per_character is not None:
            mine, other = divergence.per_character
            told += f" Perplexity per character of that answer: {other:.3f}, of {reference.name} {mine:.3f}."
        return told
    parted = (
        f"the first at token {figures.first_flip + 1} of {figures.tokens}"
        if figures.first_flip is not None
        else "nowhere"
    )
    return (
        f"{entry.name} beside {reference.name}, on the answer of the latter: KL divergence {figures.mean_kl:.4f} on"
        f" average, {figures.maximum_kl:.4f} at most; the likeliest token is the same at"
        f" {100 * figures.same_top_rate:.1f} % of the places, another one {parted}; perplexity"
        f" {figures.other_perplexity:.3f}, of {reference.name} {figures.reference_perplexity:.3f}"
    )
