"""Folders as other programs leave them on a disk, written by hand after their documentation and sources."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

LAYER = "application/vnd.ollama.image."


def put(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def ollama_model(models: Path, place: str, weights: bytes | None, **layers: bytes | str) -> Path:
    """A manifest at `place` (host/namespace/model/tag) and its blobs; returns the manifest. Layers by media type."""
    contents = {} if weights is None else {"model": weights}
    contents |= {name: text.encode() if isinstance(text, str) else text for name, text in layers.items()}
    config = json.dumps({"model_format": "gguf", "model_family": "llama", "file_type": "Q4_K_M"}).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": _layer(models, "application/vnd.docker.container.image.v1+json", config),
        "layers": [_layer(models, LAYER + name, content) for name, content in contents.items()],
    }
    return put(models / "manifests" / place, json.dumps(manifest))


def ollama_blob(models: Path, content: bytes) -> Path:
    return models / "blobs" / f"sha256-{hashlib.sha256(content).hexdigest()}"


def _layer(models: Path, media_type: str, content: bytes) -> dict[str, Any]:
    put(ollama_blob(models, content), content)
    digest = hashlib.sha256(content).hexdigest()
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def cached_file(hub: Path, repository: str, revision: str, file: str, content: bytes) -> Path:
    """As huggingface_hub caches a file: a blob by its digest, a link to it in the snapshot of a commit."""
    top = hub / f"models--{repository.replace('/', '--')}"
    blob = put(top / "blobs" / hashlib.sha256(content).hexdigest(), content)
    link = top / "snapshots" / revision / file
    link.parent.mkdir(parents=True, exist_ok=True)
    depth = len(link.relative_to(top).parts) - 1
    link.symlink_to(Path(*[".."] * depth, "blobs", blob.name))
    return link


def cached_main(hub: Path, repository: str, revision: str) -> None:
    put(hub / f"models--{repository.replace('/', '--')}" / "refs" / "main", revision)
