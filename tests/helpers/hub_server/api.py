"""What the Hub's JSON says: of one model, of those a search finds, of the files in a folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, get_args

from huggingface_hub.hf_api import ExpandModelProperty_T

from tests.helpers.hub_server.repository import Repository, StoredFile

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
_SORTS: dict[str, Callable[[Repository], Any]] = {
    "trendingScore": lambda each: each.trending,
    "downloads": lambda each: each.downloads,
    "likes": lambda each: each.likes,
    "lastModified": lambda each: each.modified,
    "createdAt": lambda each: each.created,
}
EXPANDABLE = frozenset(get_args(ExpandModelProperty_T))

Query = dict[str, list[str]]


class BadQuery(Exception):
    """The Hub answers 400 with this sentence."""


def model_info(repository: Repository, *, with_blobs: bool) -> dict[str, Any]:
    """As `GET /api/models/<id>`, with `?blobs=true` or without."""
    return {
        "_id": "67d1299231223d4ddaabaf9e",
        "id": repository.id,
        "modelId": repository.id,
        "author": repository.author,
        "sha": repository.commit,
        "private": repository.private,
        "gated": repository.gated,
        "disabled": False,
        "tags": repository.tags,
        "downloads": repository.downloads,
        "likes": repository.likes,
        "trendingScore": repository.trending,
        "lastModified": repository.modified,
        "createdAt": repository.created,
        "siblings": [_sibling(repository.stored(path), with_blobs) for path in repository.files],
        "spaces": [],
        "usedStorage": sum(repository.stored(path).size for path in repository.files),
        **repository.facts,
    }


def _sibling(file: StoredFile, with_blobs: bool) -> dict[str, Any]:
    if not with_blobs:
        return {"rfilename": file.path}
    told: dict[str, Any] = {"rfilename": file.path, "blobId": file.blob_id, "size": file.size}
    if file.is_lfs:
        told["lfs"] = {"sha256": file.sha256, "size": file.size, "pointerSize": len(file.pointer)}
    return told


def found_models(repositories: Iterable[Repository], query: Query) -> list[dict[str, Any]]:
    """All that `GET /api/models` finds, in order. Raises BadQuery."""
    found = [each for each in repositories if _fits(each, query)]
    sort = _first(query, "sort", "trendingScore")
    if sort not in _SORTS:
        raise BadQuery(f'"sort" must be one of {", ".join(_SORTS)}')
    found.sort(key=_SORTS[sort], reverse=True)
    return [_listed(each, query) for each in found]


def _fits(repository: Repository, query: Query) -> bool:
    words = _first(query, "search", "").casefold().split()
    wanted = [tag for each in query.get("filter", []) for tag in each.split(",")]
    author = _first(query, "author", "")
    gated = _first(query, "gated", "")
    task = _first(query, "pipeline_tag", "")
    return (
        all(word in repository.id.casefold() for word in words)
        and (not author or author == repository.author)
        and all(tag in repository.tags for tag in wanted)
        and (not gated or (gated.casefold() == "true") == bool(repository.gated))
        and (not task or repository.facts.get("pipeline_tag") == task)
        and _has_so_many_parameters(repository, _first(query, "num_parameters", ""))
    )


def _has_so_many_parameters(repository: Repository, wished: str) -> bool:
    limits = re.fullmatch(r"(?:min:([\d.]+)([KMBT]?))?,?(?:max:([\d.]+)([KMBT]?))?", wished)
    if limits is None:
        raise BadQuery('"num_parameters" must look like min:6B,max:128B')
    least, least_unit, most, most_unit = limits.groups()
    if least is None and most is None:
        return True
    facts = repository.facts
    count = (facts.get("safetensors") or facts.get("gguf") or {}).get("total")
    return (
        count is not None
        and (least is None or count >= float(least) * _UNITS[least_unit])
        and (most is None or count <= float(most) * _UNITS[most_unit])
    )


def _listed(repository: Repository, query: Query) -> dict[str, Any]:
    """Only what was asked for: `expand` names it, `full` means most."""
    told = model_info(repository, with_blobs=False)
    expand = query.get("expand", [])
    if unknown := set(expand) - EXPANDABLE:
        raise BadQuery(f'"expand" has unknown properties: {", ".join(sorted(unknown))}')
    if expand:
        return {key: value for key, value in told.items() if key in ("_id", "id", *expand)}
    keys = {"_id", "id", "modelId", "likes", "trendingScore", "private", "downloads", "tags", "pipeline_tag"}
    keys |= {"library_name", "createdAt"}
    if _is_true(query, "full"):
        keys |= {"author", "sha", "lastModified", "gated", "disabled", "siblings"}
    keys |= {"config"} if _is_true(query, "config") else set()
    keys |= {"cardData"} if _is_true(query, "cardData") else set()
    return {key: value for key, value in told.items() if key in keys}


def tree(repository: Repository, folder: str, *, recursive: bool) -> list[dict[str, Any]]:
    """As `GET /api/models/<id>/tree/<revision>/<folder>`. Raises KeyError where there is no such folder."""
    prefix = f"{folder}/" if folder else ""
    inside = [path for path in sorted(repository.files) if path.startswith(prefix)]
    if folder and not inside:
        raise KeyError(folder)
    folders: dict[str, None] = {}
    files = []
    for path in inside:
        *parents, _ = path[len(prefix) :].split("/")
        for depth in range(1, len(parents) + 1):
            folders.setdefault(prefix + "/".join(parents[:depth]))
        if recursive or not parents:
            files.append(path)
    listed = [each for each in folders if recursive or "/" not in each[len(prefix) :]]
    return [{"type": "directory", "oid": "0" * 40, "size": 0, "path": each} for each in listed] + [
        _entry(repository.stored(path)) for path in files
    ]


def _entry(file: StoredFile) -> dict[str, Any]:
    told: dict[str, Any] = {"type": "file", "oid": file.blob_id, "size": file.size, "path": file.path}
    if file.is_lfs:
        told["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": len(file.pointer)}
    return told


def _first(query: Query, key: str, otherwise: str) -> str:
    return query.get(key, [otherwise])[0]


def _is_true(query: Query, key: str) -> bool:
    return _first(query, key, "").casefold() in ("true", "1")
