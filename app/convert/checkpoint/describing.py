"""What the model is called and who made it: the keys under `general.`, as convert_hf_to_gguf.py finds them.

From README.md's front matter, generation_config.json and the folder's name, by the gguf package.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import gguf

from app.convert.checkpoint.folder import CheckpointFolder

_READ_BY_GGUF = ("README.md", "config.json", "generation_config.json")
_MOST_BYTES = 1 << 24


def describe(
    folder: CheckpointFolder, writer: gguf.GGUFWriter, parameters: int, told: Mapping[str, str]
) -> None:
    """Adds name, size, licence, origin and recommended sampling to `writer`; what is `told` counts more."""
    described = gguf.GGUFWriter(None, writer.arch)
    try:
        if _may_be_read(folder):
            # A name of its own only where the folder's says nothing: a revision in the Hub's cache.
            name = folder.name if folder.name != folder.path.name else None
            metadata = gguf.Metadata.load(None, folder.path, name, parameters)
            if name is not None:
                metadata.basename = metadata.finetune = metadata.version = None  # guessed from the revision
            metadata.size_label = metadata.size_label or gguf.size_label(parameters, parameters, 0, 0)
            metadata.set_gguf_meta_model(described)
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


def _may_be_read(folder: CheckpointFolder) -> bool:
    paths = [folder.find(name) for name in _READ_BY_GGUF]
    return all(path.stat().st_size <= _MOST_BYTES for path in paths if path)


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
