"""Ollama: `manifests/<host>/<namespace>/<model>/<tag>` names layers, each a file `blobs/sha256-<digest>`.

Source: github.com/ollama/ollama, docs/import.md, server/internal/manifest and envconfig.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

import msgspec

from app.core.errors import DamagedGguf
from app.library.sources.found import FoundModel
from app.library.sources.small_files import read_small, read_text
from app.library.sources.system import System
from app.library.sources.walk import Walk, found_fault, unreadable

DEFAULTS = {
    "linux": ("{home}/.ollama/models", "/usr/share/ollama/.ollama/models", "/var/lib/ollama/models"),
    "darwin": ("{home}/.ollama/models",),
    "win32": ("{home}/.ollama/models",),
}
"""On Linux also of the service, which is a user of its own: Ollama's installer, and Arch Linux."""

_LAYER = "application/vnd.ollama.image."
_COMPANIONS = (f"{_LAYER}projector", f"{_LAYER}adapter")
_DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})")
_REGISTRY = "registry.ollama.ai/"
_LIBRARY = "registry.ollama.ai/library/"
_MOST_MANIFESTS = 20_000
_LONGEST_LINE = 100


class _Layer(msgspec.Struct):
    media_type: str = msgspec.field(name="mediaType", default="")
    digest: str = ""
    size: int = 0


class _Manifest(msgspec.Struct):
    layers: list[_Layer] | None = None


@dataclass(frozen=True, slots=True)
class OllamaLayers:
    """What belongs to a model besides its weights, as text; empty where it has none. `parameters` are JSON."""

    template: str
    system: str
    parameters: str
    licence: str


def places(system: System) -> list[str]:
    if moved := system.environment.get("OLLAMA_MODELS"):
        return [system.expanded(moved)]
    return [system.place(default) for default in DEFAULTS.get(system.platform, DEFAULTS["linux"])]


def find(folder: str, walk: Walk) -> Iterator[FoundModel]:
    """Tags of the same weights are one model; its name is not `latest` if there is another."""
    by_weights: dict[str, list[FoundModel]] = {}
    for found in _manifests(folder, walk, cache(_first_line)):
        by_weights.setdefault(found.path, []).append(found)
    for same in by_weights.values():
        same.sort(key=lambda each: (each.name.endswith(":latest"), each.name))
        yield replace(same[0], aliases=tuple(each.name for each in same[1:]))


def read_layers(folder: str, name: str) -> OllamaLayers:
    """What Ollama adds to the model `name` in its models folder."""
    host, rest = _place_of(name)
    layers = _read(os.path.join(folder, "manifests", host, *rest)) or ()

    def text(kind: str) -> str:
        files = [_blob(folder, layer) for layer in layers if layer.media_type == _LAYER + kind]
        return "\n".join(read_text(file) for file in files if file).strip()

    return OllamaLayers(text("template"), text("system"), text("params"), text("license"))


def _manifests(folder: str, walk: Walk, first_line: Callable[[str], str]) -> Iterator[FoundModel]:
    pending: list[tuple[tuple[str, ...], str]] = [((), os.path.join(folder, "manifests"))]
    for _ in range(_MOST_MANIFESTS):
        if not pending:
            return
        above, top = pending.pop()
        try:
            folders, tags = walk.listing(top)
        except OSError as error:
            yield unreadable(top, error)
            continue
        if len(above) < 3:
            pending += [((*above, name), os.path.join(top, name)) for name in reversed(folders)]
            continue
        for tag in tags:
            found = _model(folder, os.path.join(top, tag), (*above, tag), first_line)
            if found is not None:
                yield found


def _model(
    folder: str, manifest: str, place: tuple[str, ...], first_line: Callable[[str], str]
) -> FoundModel | None:
    """None for a model that has no weights on this computer, or none that are a GGUF file."""
    name = _name(place)
    layers = _read(manifest)
    if layers is None:
        fault = DamagedGguf(f"What Ollama wrote down about {name} is damaged.", f"Run: ollama pull {name}")
        return found_fault(manifest, name, fault)
    weights = [layer for layer in layers if layer.media_type == f"{_LAYER}model"]
    if not weights:
        return None
    path = _blob(folder, weights[0])
    if path is None:
        fault = DamagedGguf(
            f"What Ollama wrote down about {name} is damaged: its weights have no proper digest.",
            f"Run: ollama pull {name}",
        )
        return found_fault(manifest, name, fault)
    licences = [
        blob for layer in layers if layer.media_type == f"{_LAYER}license" and (blob := _blob(folder, layer))
    ]
    return FoundModel(
        path,
        name,
        origin="/".join(place[:-1]),
        licence=first_line(licences[0]) if licences else "",
        companions=tuple(
            blob for layer in layers if layer.media_type in _COMPANIONS and (blob := _blob(folder, layer))
        ),
        size=weights[0].size,
    )


def _first_line(file: str) -> str:
    """Of a licence: its title."""
    return next((line.strip()[:_LONGEST_LINE] for line in read_text(file).splitlines() if line.strip()), "")


def _read(manifest: str) -> list[_Layer] | None:
    content = read_small(manifest)
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=_Manifest).layers or []
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def _blob(folder: str, layer: _Layer) -> str | None:
    """None where the digest is none, and so might lead out of the folder."""
    digest = _DIGEST.fullmatch(layer.digest)
    return os.path.join(folder, "blobs", f"sha256-{digest[1]}") if digest else None


def _name(place: tuple[str, ...]) -> str:
    """As Ollama shows it: `llama3.2:3b`, `owner/model:tag`, `hf.co/owner/repository:Q4_K_M`."""
    *above, tag = place
    return f"{'/'.join(above)}:{tag}".removeprefix(_LIBRARY).removeprefix(_REGISTRY)


def _place_of(name: str) -> tuple[str, tuple[str, ...]]:
    """Host, and namespace, model and tag."""
    path, _, tag = name.rpartition(":")
    parts = path.split("/")
    full = [*("registry.ollama.ai", "library")[: 3 - len(parts)], *parts]
    return full[0], (*full[1:], tag)
