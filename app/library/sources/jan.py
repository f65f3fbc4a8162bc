"""Jan: a folder for each model with a description, whose path below `models` is the model's name.

Now `llamacpp/models/<name>/model.yml`, with the file beside it or wherever it was imported from; before that
`models/.../model.yml` (with a list of files) and `models/<name>/model.json`. Paths are relative to the data folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace

from app.library.sources.found import FoundModel
from app.library.sources.small_files import read_json_object, read_text, text_in
from app.library.sources.system import System
from app.library.sources.walk import Walk, unreadable

DEFAULTS = ("{data}/Jan/data", "{config}/Jan/data", "{home}/jan")
"""Of the present version, of that before it on Linux, and of the first ones everywhere."""
SETTINGS = ("{data}/Jan/settings.json", "{config}/Jan/settings.json", "{data}/jan.ai.app/settings.json")
MODELS = ("llamacpp/models", "models")
_DEEPEST = 6

_SCALAR = re.compile(r"^(\w+):[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
_FIRST_FILE = re.compile(r"^files:[ \t]*\n[ \t]*-[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)


def places(system: System) -> list[str]:
    chosen = [system.environment.get("JAN_DATA_FOLDER", "")]
    chosen += [text_in(read_json_object(system.place(file)), "data_folder") for file in SETTINGS]
    folders = [folder for folder in chosen if os.path.isabs(folder)]
    return list(dict.fromkeys([*folders, *(system.place(default) for default in DEFAULTS)]))


def find(folder: str, walk: Walk) -> Iterator[FoundModel]:
    for models in MODELS:
        top = os.path.join(folder, models)
        yield from _find(folder, top, top, walk, _DEEPEST)


def _find(data: str, top: str, folder: str, walk: Walk, depth: int) -> Iterator[FoundModel]:
    try:
        folders, files = walk.listing(folder)
    except OSError as error:
        yield unreadable(folder, error)
        return
    name = os.path.relpath(folder, top).replace(os.sep, "/")
    if name != "." and ("model.yml" in files or "model.json" in files):
        yield from _described(data, folder, name, walk)
    elif any(file.lower().endswith(".gguf") for file in files):
        yield from walk.models(folder)
    else:
        for child in folders if depth else ():
            yield from _find(data, top, os.path.join(folder, child), walk, depth - 1)


def _described(data: str, folder: str, name: str, walk: Walk) -> Iterator[FoundModel]:
    """The files beside the description, or that to which it points."""
    described = _yml(os.path.join(folder, "model.yml")) or _json(os.path.join(folder, "model.json"))
    projector = _resolved(data, described.get("mmproj_path", ""))
    model = _resolved(data, described.get("model_path", ""))
    beside = list(walk.models(folder))
    if model and not _is_among(model, beside):
        beside.insert(0, FoundModel(model, name))
    for found in beside:
        if found.fault or (
            projector and found.path != model and os.path.basename(found.path).startswith("mmproj")
        ):
            yield found
        else:
            # Jan calls the file itself model.gguf.
            alone = len(beside) == 1 or found.path == model or os.path.basename(found.path) == "model.gguf"
            companions = (projector,) if projector else ()
            yield replace(found, name=name if alone else found.name, companions=companions)


def _is_among(file: str, found: list[FoundModel]) -> bool:
    if any(each.path == file for each in found):
        return True
    return os.path.realpath(file) in {os.path.realpath(each.path) for each in found}


def _yml(path: str) -> dict[str, str]:
    """The plain entries of the first level: all that is needed, and a parser of YAML takes a millisecond a file."""
    text = read_text(path)
    described = {key: value.strip("\"'") for key, value in _SCALAR.findall(text)}
    if "model_path" not in described and (first := _FIRST_FILE.search(text)):
        described["model_path"] = first[1].strip("\"'")
    return described


def _json(path: str) -> dict[str, str]:
    settings = read_json_object(path).get("settings")
    if not isinstance(settings, dict):
        return {}
    names = {"model_path": "llama_model_path", "mmproj_path": "mmproj"}
    beside = os.path.dirname(path)
    return {
        key: os.path.join(beside, file) for key, name in names.items() if (file := text_in(settings, name))
    }


def _resolved(data: str, path: str) -> str:
    """Where the file is that a description names, if it is there; else empty."""
    if not path or "\0" in path or not path.lower().endswith(".gguf"):
        return ""
    file = os.path.normpath(os.path.join(data, path))
    return file if os.path.isfile(file) else ""
