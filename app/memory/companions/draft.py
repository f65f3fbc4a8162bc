"""Draft models: whether one can write ahead for another model.

Source: `common_speculative_are_compatible` in `common/speculative.cpp` of llama.cpp.
"""

from __future__ import annotations

from itertools import islice

from app.core.errors import WrongChoice
from app.gguf import ModelFacts, SkippedArray, read_header
from app.gguf.cursor import shorten
from app.gguf.header import MetadataValue

_TOKENS = "tokenizer.ggml.tokens"
_MOST_TOKENS_MORE = 128
_FIRST_COMPARED = 5
_SAME_KIND = {"hybriddna": "gpt2", "whitespace": "gpt2", "gemma4": "gpt2"}
"""Tokenizers that are byte-pair encodings, too."""


def check_draft(draft: ModelFacts, model: ModelFacts) -> None:
    """Raises WrongChoice where llama.cpp would refuse: both must have the same tokens, but for a few at the end, and
    start and end texts alike. Reads both vocabularies."""
    reason = _difference(draft, model)
    if reason:
        raise WrongChoice(
            f"{draft.path.name} cannot draft for {model.path.name}: {reason}.",
            "Choose a smaller model of the same family.",
        )


def _difference(draft: ModelFacts, model: ModelFacts) -> str | None:
    kinds = [_tokenizer(each) for each in (draft, model)]
    if kinds[0] != kinds[1]:
        return f"their tokenizers are {shorten(kinds[0])} and {shorten(kinds[1])}"
    for what in ("bos", "eos"):
        if _special_differs(draft, model, what):
            return f"their texts {'start' if what == 'bos' else 'end'} with different tokens"
    ours, theirs = _tokens(draft), _tokens(model)
    if abs(len(ours) - len(theirs)) > _MOST_TOKENS_MORE:
        return f"their vocabularies have {len(ours):,} and {len(theirs):,} tokens"
    pairs = enumerate(zip(ours, theirs, strict=False))
    for number, (our, their) in islice(pairs, _FIRST_COMPARED, None):
        if our != their:
            return f"their vocabularies differ from token {number:,} on"
    return None


def _tokenizer(facts: ModelFacts) -> MetadataValue | None:
    kind = facts.metadata.get("tokenizer.ggml.model")
    return _SAME_KIND.get(kind, kind) if isinstance(kind, str) else kind


def _special_differs(draft: ModelFacts, model: ModelFacts, what: str) -> bool:
    """Whether one adds the token to each text and the other does not, or adds another. Where a header is silent,
    llama.cpp goes by the tokenizer, which both have in common."""
    adds = [_adds(each, what) for each in (draft, model)]
    if None in adds or adds[0] != adds[1]:
        return None not in adds
    numbers = {facts.metadata.get(f"tokenizer.ggml.{what}_token_id") for facts in (draft, model)}
    return bool(adds[0]) and None not in numbers and len(numbers) > 1


def _adds(facts: ModelFacts, what: str) -> bool | None:
    said = facts.metadata.get(f"tokenizer.ggml.add_{what}_token")
    if isinstance(said, bool):
        return said
    return what == "bos" if _tokenizer(facts) == "llama" else None


def _tokens(facts: ModelFacts) -> tuple[object, ...]:
    tokens = read_header(facts.path, lambda key, _: key == _TOKENS).metadata.get(_TOKENS, ())
    return () if isinstance(tokens, SkippedArray) else tokens if isinstance(tokens, tuple) else ()
