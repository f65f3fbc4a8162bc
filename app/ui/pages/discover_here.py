"""Which models of the catalogue are in the library, and in which quantization."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the library is imported by the job that scans
    from app.library import LibraryEntry
    from app.recommend.catalogue import CatalogueModel

Here = dict[tuple[str, str], Path]
"""Files by the model's id and the quantization."""

_NO_LETTER = re.compile(r"[^a-z0-9]+")
_SIXTEEN_BITS = {"BF16": "F16"}
"""Either is the original's own bits."""


def files_of(models: Iterable[CatalogueModel], entries: Iterable[LibraryEntry]) -> Here:
    """A file belongs to a model of its name, whose architecture, layers and width it has, too: derived models often
    keep the sizes of what they were made from, and sometimes its name."""
    by_name: dict[str, list[CatalogueModel]] = {}
    for model in models:
        for name in _names_of(model):
            by_name.setdefault(name, []).append(model)
    here: Here = {}
    for entry in entries:
        facts = entry.facts
        if facts is None or not entry.can_chat or facts.quantization is None:
            continue
        quantization = _SIXTEEN_BITS.get(facts.quantization, facts.quantization)
        sizes = (facts.architecture, facts.layers, facts.embedding_length)
        for model in by_name.get(_name_of(entry), by_name.get(_plain(facts.name or ""), ())):
            if sizes == _sizes_of(model):
                here.setdefault((model.id, quantization), entry.path)
    return here


def _names_of(model: CatalogueModel) -> set[str]:
    """What its files may be called."""
    repositories = [repository.rpartition("/")[2] for repository in (model.repository, *model.gguf)]
    return {_plain(name).removesuffix("gguf") for name in (model.name, model.id, *repositories)}


def _name_of(entry: LibraryEntry) -> str:
    """The file's name without the quantization at its end."""
    assert entry.facts is not None
    return _plain(entry.name).removesuffix(_plain(entry.facts.quantization or ""))


def _sizes_of(model: CatalogueModel) -> tuple[str, object, object]:
    return model.architecture, model.geometry.get("block_count"), model.geometry.get("embedding_length")


def _plain(name: str) -> str:
    return _NO_LETTER.sub("", name.casefold())
