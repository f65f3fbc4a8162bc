"""What the model is called and who made it: the keys under `general.`, as convert_hf_to_gguf.py finds them.

From README.md's front matter, config.json, generation_config.json and the folder's name. The gguf
package takes names apart, and is given no file: it would read them without any limit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import gguf

from app.convert.checkpoint.config import read_json
from app.convert.checkpoint.folder import CheckpointFolder
from app.convert.checkpoint.model_card import read_model_card
from app.core.errors import EnvironmentFault

_MOST_NAME_LENGTH = 200
_SAMPLING = {
    "sequence": "sequence",
    "top_k": "top_k",
    "top_p": "top_p",
    "min_p": "min_p",
    "xtc_probability": "xtc_probability",
    "xtc_threshold": "xtc_threshold",
    "temperature": "temp",
    "penalty_last_n": "penalty_last_n",
    "penalty_repeat": "penalty_repeat",
    "mirostat": "mirostat",
    "mirostat_tau": "mirostat_tau",
    "mirostat_eta": "mirostat_eta",
}
"""What gguf.Metadata calls the keys of generation_config.json."""


def describe(
    folder: CheckpointFolder, writer: gguf.GGUFWriter, parameters: int, told: Mapping[str, str]
) -> None:
    """Adds name, size, licence, origin and recommended sampling to `writer`; what is `told` counts more."""
    described = gguf.GGUFWriter(None, writer.arch)
    try:
        _metadata(folder, parameters).set_gguf_meta_model(described)
    except Exception:
        # People write these files by hand, and the gguf package trusts them. Whatever is wrong with a
        # description, the model is still a model.
        described = gguf.GGUFWriter(None, writer.arch)
    for key, value in described.kv_data[0].items():
        if key != gguf.Keys.General.ARCHITECTURE and key not in told and _is_sound(key, value):
            writer.add_key_value(key, value.value, value.type, value.sub_type)
    for key, text in told.items():
        writer.add_string(key, text)
    if gguf.Keys.General.NAME not in writer.kv_data[0]:
        writer.add_name(folder.name)


def _metadata(folder: CheckpointFolder, parameters: int) -> gguf.Metadata:
    path = folder.find("README.md")
    card = read_model_card(path) if path else {}
    metadata = gguf.Metadata.apply_metadata_heuristic(
        gguf.Metadata(), card, _name_in_config(folder), folder.path, parameters
    )
    recommended = _object(folder, "generation_config.json")
    for key, name in _SAMPLING.items():
        setattr(metadata, f"sampling_{name}", recommended.get(key))
    if folder.name != folder.path.name:
        # A name of its own only where the folder's says nothing: a revision in the Hub's cache.
        metadata.name = folder.name
        metadata.basename = metadata.finetune = metadata.version = None  # guessed from the revision
    metadata.size_label = metadata.size_label or gguf.size_label(parameters, parameters, 0, 0)
    return metadata


def _name_in_config(folder: CheckpointFolder) -> dict[str, str]:
    name = _object(folder, "config.json").get("_name_or_path")
    return {"_name_or_path": name} if isinstance(name, str) and len(name) <= _MOST_NAME_LENGTH else {}


def _object(folder: CheckpointFolder, name: str) -> Mapping[str, object]:
    try:
        path = folder.find(name)
        return read_json(path) if path else {}
    except EnvironmentFault:
        return {}


def _is_sound(key: str, value: gguf.GGUFValue) -> bool:
    """Whether the value can be written as its type, and as a setting for sampling makes sense."""
    match value.type:
        case gguf.GGUFValueType.STRING:
            return _is_text(value.value)
        case gguf.GGUFValueType.ARRAY:
            return isinstance(value.value, list) and all(_is_text(item) for item in value.value)
        case gguf.GGUFValueType.UINT32 | gguf.GGUFValueType.INT32:
            return type(value.value) is int and 0 <= value.value < 1 << 31
        case gguf.GGUFValueType.FLOAT32:
            return (
                type(value.value) in (int, float) and 0 <= value.value < 1e30 and math.isfinite(value.value)
            )
        case _:
            return False


def _is_text(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
