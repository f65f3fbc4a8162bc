"""The llama.cpp runtime, always in a process of its own.

`protocol` declares every message once; `client` starts a worker process and speaks with it; `worker` (the only code
that imports `llama_cpp`) is the other end; `packs` are the builds of llama.cpp it can run on. May import `app.core`,
`app.storage` and, to get packs, `app.downloads`. Main entries: `LoadedModel` to load, generate and score,
`start_worker` for everything else.

The room stands low in the house, because hardware (which devices does the runtime see?), memory
(what would it allocate?) and convert (quantize) all ask a worker.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.runtime.client import Worker
    from app.runtime.model import Generation, LoadedModel, TokenScores
    from app.runtime.protocol import (
        AnswerSoFar,
        ChatMessage,
        GenerationStatistics,
        LoadSettings,
        ModelDescription,
        Sampling,
        TemplateOptions,
        ToolCall,
    )
    from app.runtime.starting import packs_set_aside, start_worker

__all__ = [
    "AnswerSoFar",
    "ChatMessage",
    "Generation",
    "GenerationStatistics",
    "LoadSettings",
    "LoadedModel",
    "ModelDescription",
    "Sampling",
    "TemplateOptions",
    "TokenScores",
    "ToolCall",
    "Worker",
    "packs_set_aside",
    "start_worker",
]

_HOMES = {
    "client": ("Worker",),
    "model": ("Generation", "LoadedModel", "TokenScores"),
    "protocol": (
        "AnswerSoFar",
        "ChatMessage",
        "GenerationStatistics",
        "LoadSettings",
        "ModelDescription",
        "Sampling",
        "TemplateOptions",
        "ToolCall",
    ),
    "starting": ("packs_set_aside", "start_worker"),
}


def __getattr__(name: str) -> object:
    """When it is asked for: a worker comes through here on its way to its own modules, and importing the other end
    of the protocol would take a quarter of the time in which it starts."""
    for home, names in _HOMES.items():
        if name in names:
            value = globals()[name] = getattr(import_module(f"app.runtime.{home}"), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
