"""One repository: its files grouped into variants, and what the Hub knows of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from app.core.errors import WrongChoice
from app.core.jobs import CancelToken
from app.downloads.targets import target_of
from app.hub.client import Hub
from app.hub.documents import FileDocument, ModelDocument, is_repository_name
from app.hub.faults import not_understood
from app.hub.variants import Grouped, HubFile, Variant, group_files

_SHA256 = re.compile(r"[0-9a-f]{64}")
_HIDDEN = re.compile(r"(?:^|(?<=/))\.(?=[^./])")
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class HubRepository:
    """At one commit. `files` are those with safe names; `left_out`: a sentence about each of the others.

    `page` is for a browser; `config` as the Hub has read it from config.json, `safetensors_types` how many weights are
    stored in which type.
    """

    id: str
    commit: str
    page: str
    licence: str | None
    is_gated: bool
    is_private: bool
    downloads: int
    likes: int
    changed_at: datetime | None
    tags: tuple[str, ...]
    base_models: tuple[str, ...]
    parameters: int | None
    architecture: str | None
    context_length: int | None
    files: tuple[HubFile, ...]
    left_out: tuple[str, ...]
    grouped: Grouped
    config: Any
    safetensors_types: Any

    @property
    def variants(self) -> tuple[Variant, ...]:
        return self.grouped.variants

    def file(self, path: str) -> HubFile | None:
        return next((file for file in self.files if file.path == path), None)


def open_repository(hub: Hub, id: str, cancel: CancelToken | None = None) -> HubRepository:
    """One request. Raises what `Hub` raises."""
    path = f"/api/models/{quote(id)}"
    answer = hub.get(path, id, cancel or CancelToken(), repository=id, parameters=[("blobs", "true")])
    document = answer.read(ModelDocument, id)
    if not is_repository_name(document.id):  # which becomes a folder
        raise not_understood(id)
    return describe_repository(hub, document)


def describe_repository(hub: Hub, document: ModelDocument) -> HubRepository:
    files, left_out = _safe(document.siblings)
    safetensors = document.safetensors if isinstance(document.safetensors, dict) else {}
    return HubRepository(
        document.id,
        document.sha or "main",
        hub.page(document.id),
        document.licence,
        bool(document.gated),
        document.private,
        document.downloads,
        document.likes,
        document.changed_at,
        tuple(document.tags),
        document.base_models,
        document.parameters,
        document.architecture,
        document.context_length,
        files,
        left_out,
        group_files(files, document.id.partition("/")[2]),
        document.config,
        safetensors.get("parameters"),
    )


def _safe(documents: list[FileDocument]) -> tuple[tuple[HubFile, ...], tuple[str, ...]]:
    files, unsafe = [], []
    for document in documents:
        if _is_safe(document.rfilename):
            files.append(_file(document))
        elif not _is_safe(_HIDDEN.sub("", document.rfilename)):  # .gitattributes is no news
            unsafe.append(document.rfilename)
    notes = [f"Left out, since its name is not safe on every computer: {name[:80]!r}" for name in unsafe]
    if len(notes) > _MOST_NAMED:
        notes[_MOST_NAMED:] = [f"Left out as well: {len(notes) - _MOST_NAMED} more files with such names"]
    return tuple(files), tuple(notes)


def _is_safe(path: str) -> bool:
    try:
        target_of(Path(), path)
    except WrongChoice:
        return False
    return True


def _file(document: FileDocument) -> HubFile:
    is_lfs = document.lfs is not None and _SHA256.fullmatch(document.lfs.sha256) is not None
    if document.lfs is not None and is_lfs:
        return HubFile(document.rfilename, max(document.lfs.size, 0), document.lfs.sha256, is_lfs=True)
    return HubFile(document.rfilename, max(document.size or 0, 0), document.blob_id or "", is_lfs=False)
