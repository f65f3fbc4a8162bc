"""The model card: what its author writes about a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from app.core.errors import NotOnHub
from app.core.jobs import CancelToken
from app.core.text import encodable
from app.hub.client import Hub
from app.hub.repository import HubRepository

_LARGEST_CARD_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class ModelCard:
    """`text`: Markdown of a stranger, with HTML in it; the rest is from its front matter, where that can be read."""

    text: str
    licence: str | None = None
    licence_link: str | None = None
    base_models: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()


def read_card(hub: Hub, repository: HubRepository, cancel: CancelToken | None = None) -> ModelCard | None:
    """None where there is none, or one too long to be one. Raises what `Hub` raises."""
    file = repository.file("README.md")
    if file is None or file.size > _LARGEST_CARD_BYTES:
        return None
    path = f"/{quote(repository.id)}/raw/{quote(repository.commit, safe='')}/README.md"
    try:
        answer = hub.get(
            path, f"the card of {repository.id}", cancel or CancelToken(), repository=repository.id
        )
    except NotOnHub:
        return None
    return card_of(answer.content.decode("utf-8-sig", errors="replace"))


def card_of(content: str) -> ModelCard:
    """Front matter that cannot be read is left out, and what follows it is the text."""
    import yaml
    from huggingface_hub.repocard import REGEX_YAML_BLOCK

    found = REGEX_YAML_BLOCK.match(content)
    if found is None:
        return ModelCard(encodable(content))
    text = encodable(content[found.end() :])
    try:
        told = yaml.safe_load(found[2])
    except (yaml.YAMLError, ValueError, RecursionError):  # ValueError: a date that is none
        return ModelCard(text)
    if not isinstance(told, dict):
        return ModelCard(text)
    return ModelCard(
        text,
        _first(told.get("license_name")) or _first(told.get("license")),
        _first(told.get("license_link")),
        _texts(told.get("base_model")),
        _texts(told.get("language")),
    )


def _texts(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(encodable(each) for each in values if isinstance(each, str) and each)


def _first(value: Any) -> str | None:
    return next(iter(_texts(value)), None)
