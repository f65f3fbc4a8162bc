"""pack.json: what a pack is, what it was made of, and the digest of every file in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernels.native.computer import this_machine, this_system
from kernels.native.fault import Fault
from kernels.native.licences import FOLDER
from kernels.native.recipes import Recipe
from kernels.native.source import Source, bindings_version, digest_of

NAME = "pack.json"
LIMIT_BYTES = 1 << 16
"""The application reads no more."""

LIBRARY_ENDINGS = (".so", ".dylib", ".dll")


@dataclass(frozen=True)
class PackFile:
    """`path`: below the pack's folder, with slashes."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a check needs of it."""

    name: str
    backend: str
    version: str
    system: str
    machine: str
    files: tuple[PackFile, ...]


def write_manifest(
    pack: Path, recipe: Recipe, source: Source, built_with: Mapping[str, str], devices: Sequence[str]
) -> None:
    """`devices`: the kinds it is compiled for, as in "cpu:haswell" and "cuda:8.9"."""
    files = list(files_of(pack))
    document = {
        "name": recipe.title,
        "backend": recipe.backend,
        "version": bindings_version(),
        "system": this_system(),
        "machine": this_machine(),
        "source": {"archive": source.archive, "sha256": source.sha256},
        "built_with": dict(built_with),
        "devices": list(devices),
        "licences": [each.path for each in files if each.path.startswith(f"{FOLDER}/")],
        "files": [{"path": each.path, "bytes": each.size_bytes, "sha256": each.sha256} for each in files],
    }
    text = json.dumps(document, indent=1) + "\n"
    if len(text) > LIMIT_BYTES:
        raise Fault(f"The manifest of the pack would be larger than {LIMIT_BYTES:,} bytes.")
    (pack / NAME).write_text(text, "utf-8")


def files_of(pack: Path) -> Iterator[PackFile]:
    """All but the manifest itself. Raises Fault for a link."""
    for file in sorted(pack.rglob("*")):
        if file.is_symlink():
            raise Fault(f"A pack has no links in it, and {file.name} is one.")
        if file.is_file() and file != pack / NAME:
            yield PackFile(file.relative_to(pack).as_posix(), file.stat().st_size, digest_of(file))


def read_manifest(pack: Path) -> Manifest:
    """Raises Fault where there is none, or it says too little to be checked."""
    try:
        with (pack / NAME).open("rb") as file:
            document = json.loads(file.read(LIMIT_BYTES))
        return Manifest(
            _text(document, "name"),
            _text(document, "backend"),
            _text(document, "version"),
            _text(document, "system"),
            _text(document, "machine"),
            tuple(
                PackFile(_text(each, "path"), int(each["bytes"]), _text(each, "sha256"))
                for each in document["files"]
            ),
        )
    except OSError as error:
        raise Fault(f"{pack} has no manifest that can be read: {error.strerror or error}.") from None
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise Fault(f"The manifest of {pack} is damaged ({error!r}).") from None


def _text(document: Any, key: str) -> str:
    value = document[key]
    if not isinstance(value, str):
        raise TypeError(key)
    return value


def flaws(pack: Path, manifest: Manifest) -> list[str]:
    """Where its files are not those that the manifest names; a sentence each."""
    there = {each.path: each for each in files_of(pack)}
    named = {each.path: each for each in manifest.files}
    return [
        *(f"{path} is missing." for path in named if path not in there),
        *(
            f"{path} is not the file that was built."
            for path in named
            if path in there and there[path] != named[path]
        ),
        *(f"{path} does not belong to the pack." for path in there if path not in named),
    ]
