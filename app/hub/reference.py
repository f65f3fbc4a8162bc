"""`owner/repo[:QUANT]`: a model on the Hub by name, as llama.cpp and Ollama take it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from app.core.errors import WrongChoice
from app.hub.repository import HubRepository
from app.hub.variants import Variant

_HOST = r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/"
_NAME = r"(?P<repository>\w[\w.-]{0,95}/\w[\w.-]{0,95})"
_REFERENCE = re.compile(rf"(?:{_HOST})?{_NAME}(?::(?P<choice>[^:\x00-\x1f]{{1,200}}))?/?")
_PAGE = re.compile(
    rf"{_HOST}{_NAME}(?:/(?:blob|resolve)/[^/?#]{{1,200}}/(?P<choice>[^?#]{{1,300}}\.gguf)|/[^?#]{{0,500}})?(?:[?#].*)?",
    re.IGNORECASE,
)
"""What a browser's address bar has on one of a repository's pages, or on that of a file."""
_NO_OWNERS = frozenset({"datasets", "spaces", "docs", "blog", "collections", "models", "papers", "settings"})
_DEFAULTS = ("Q4_K_M", "Q8_0")
"""What llama.cpp takes where nobody says; without either, the first in the repository."""
_MOST_LISTED = 30


@dataclass(frozen=True, slots=True)
class HubReference:
    """`choice`: a quantization, a variant's label or a file's name; empty where a person did not say."""

    repository: str
    choice: str


def parse_reference(text: str) -> HubReference | None:
    """None where it is not the name of a model on the Hub, or the address of one of its pages."""
    found = _REFERENCE.fullmatch(text.strip()) or _PAGE.fullmatch(text.strip())
    if found is None or found["repository"].lower().endswith(".gguf"):
        return None
    if found["repository"].partition("/")[0] in _NO_OWNERS:
        return None
    return HubReference(found["repository"], unquote(found["choice"] or ""))


def choose_variant(repository: HubRepository, choice: str) -> Variant:
    """The variant that `choice` means, in upper or lower case. Raises WrongChoice, which lists what there is."""
    variants = repository.variants
    if not variants:
        raise WrongChoice(
            f"{repository.id} has no GGUF files.",
            "Look for a repository that has: their names often end in -GGUF.",
        )
    for wished in (choice,) if choice else _DEFAULTS:
        found = _meant(variants, wished)
        if len(found) > 1:
            raise WrongChoice(
                f"{wished} of {repository.id} could be {len(found)} files.", f"Name one: {_listed(found)}."
            )
        if found:
            return found[0]
    if choice:
        raise WrongChoice(f"{repository.id} has no {choice}.", f"There are: {_listed(variants)}.")
    return min(variants, key=lambda each: each.files[0].path)


def _meant(variants: Iterable[Variant], wished: str) -> list[Variant]:
    """By the whole label, by the file's name, or by the quantization; the first of these that anything fits."""
    folded = wished.casefold()
    ways: tuple[Callable[[Variant], bool], ...] = (
        lambda each: each.label.casefold() == folded,
        lambda each: folded in _names(each),
        lambda each: each.name.label.casefold() == folded,
        lambda each: (each.quantization or "").casefold() == folded,
    )
    for fits in ways:
        found = [each for each in variants if fits(each)]
        if found:
            return found
    return []


def _names(variant: Variant) -> set[str]:
    file = variant.files[0]
    names = {file.path.casefold(), file.name.casefold()}
    return names | {name.removesuffix(".gguf") for name in names}


def _listed(variants: Iterable[Variant]) -> str:
    labels = sorted((each.label for each in variants), key=str.casefold)
    more = f" and {len(labels) - _MOST_LISTED} more" if len(labels) > _MOST_LISTED else ""
    return ", ".join(labels[:_MOST_LISTED]) + more
