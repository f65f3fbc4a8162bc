"""Searching the Hub for models, page by page as they are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from app.core.jobs import CancelToken
from app.hub.client import Hub
from app.hub.documents import ModelDocument, is_repository_name

Sort = Literal["trending", "downloads", "likes", "changed", "new"]

_SORTS = {
    "trending": "trendingScore",
    "downloads": "downloads",
    "likes": "likes",
    "changed": "lastModified",
    "new": "createdAt",
}
_EXPANDED = (
    "author",
    "cardData",
    "downloads",
    "gated",
    "gguf",
    "lastModified",
    "likes",
    "private",
    "safetensors",
    "tags",
)
_SUBJECT = "the search"
_MOST_IN_A_PAGE = 1000
"""Of the Hub's own; a server that sends more is not one that a list waits for."""


@dataclass(frozen=True, slots=True)
class Search:
    """What is wished for. `licence` as the Hub names it ("apache-2.0"); parameters are counts, both ends included."""

    words: str = ""
    author: str = ""
    licence: str = ""
    sort: Sort = "trending"
    least_parameters: int | None = None
    most_parameters: int | None = None
    has_gguf: bool = False
    page_size: int = 50


@dataclass(frozen=True, slots=True)
class FoundModel:
    """One repository, as a list shows it. What the Hub does not know of it is None.

    `downloads` of the last 30 days; `parameters` from the header of one of its files; `base_models`: repositories.
    """

    id: str
    author: str
    downloads: int
    likes: int
    changed_at: datetime | None
    licence: str | None
    is_gated: bool
    is_private: bool
    has_gguf: bool
    parameters: int | None
    architecture: str | None
    context_length: int | None
    base_models: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FoundPage:
    """`models` is empty only where nothing more is found; `next`: where the page after it is, None on the last."""

    models: tuple[FoundModel, ...]
    next: str | None


def search(hub: Hub, wish: Search, cancel: CancelToken | None = None) -> Iterator[tuple[FoundModel, ...]]:
    """Pages of what is found, each asked for when it is; none is empty. Raises what `Hub` raises."""
    page = search_page(hub, wish, cancel)
    while page.models:
        yield page.models
        if page.next is None:
            return
        page = search_page(hub, wish, cancel, page.next)


def search_page(hub: Hub, wish: Search, cancel: CancelToken | None = None, after: str = "") -> FoundPage:
    """The first page of what is found, or the one that another's `next` tells. Raises what `Hub` raises."""
    cancel = cancel or CancelToken()
    path, parameters = after or "/api/models", () if after else _parameters(wish)
    while True:
        answer = hub.get(path, _SUBJECT, cancel, parameters=parameters)
        documents = answer.read(list[ModelDocument], _SUBJECT)[:_MOST_IN_A_PAGE]
        found = tuple(_found(document) for document in documents if is_repository_name(document.id))
        following = answer.next if documents else None
        if found or following is None:
            return FoundPage(found, following)
        path, parameters = following, ()


def _parameters(wish: Search) -> tuple[tuple[str, str], ...]:
    filters = [f"license:{wish.licence}"] if wish.licence else []
    filters += ["gguf"] if wish.has_gguf else []
    told = [("search", wish.words), ("author", wish.author), ("num_parameters", _range(wish))]
    return (
        *((name, value) for name, value in told if value),
        *(("filter", each) for each in filters),
        ("sort", _SORTS[wish.sort]),
        ("limit", str(wish.page_size)),
        *(("expand", each) for each in _EXPANDED),
    )


def _range(wish: Search) -> str:
    """In the Hub's own notation, e.g. "min:6B,max:12B"."""
    ends = (("min", wish.least_parameters), ("max", wish.most_parameters))
    return ",".join(
        f"{name}:{count / 1e9:f}".rstrip("0").rstrip(".") + "B" for name, count in ends if count is not None
    )


def _found(document: ModelDocument) -> FoundModel:
    return FoundModel(
        document.id,
        document.author or document.id.partition("/")[0],
        document.downloads,
        document.likes,
        document.changed_at,
        document.licence,
        bool(document.gated),
        document.private,
        "gguf" in document.tags,
        document.parameters,
        document.architecture,
        document.context_length,
        document.base_models,
        tuple(document.tags),
    )
