"""The chat templates of a checkpoint.

A template in a file of its own comes before the one in tokenizer_config.json, as in Transformers; where it cannot be
taken, none is, because a model answers differently with another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

from app.convert.checkpoint.config import damaged
from app.convert.checkpoint.folder import CheckpointFolder
from app.convert.checkpoint.tokenizer import SETTINGS
from app.core.units import format_bytes
from app.gguf.source import LocalFile

TEMPLATE = "chat_template.jinja"
MOST_TEMPLATE_BYTES = 1_000_000
"""Real ones have some kB."""


def chat_templates(folder: CheckpointFolder, settings: Mapping[str, object]) -> dict[str, str]:
    path = folder.find(TEMPLATE)
    if path is not None:
        with LocalFile(path) as file:
            if file.size > MOST_TEMPLATE_BYTES:
                raise damaged(TEMPLATE, f"it has {format_bytes(file.size)}")
            content = file.read_at(0, file.size)
        try:
            return {"default": content.decode()} if content else {}
        except UnicodeDecodeError as error:
            raise damaged(TEMPLATE, "it is not text") from error
    template = settings.get("chat_template")
    if template is None:
        return {}
    if isinstance(template, str):
        return {"default": template}
    templates: dict[str, str] = {}
    for entry in template if _are_tables(template) else [{}]:
        name, text = entry.get("name"), entry.get("template")
        if not isinstance(name, str) or not isinstance(text, str):
            raise damaged(SETTINGS, "its chat_template is no template")
        templates[name] = text
    return templates


def _are_tables(value: object) -> TypeGuard[list[dict[str, Any]]]:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)
