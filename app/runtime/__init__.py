"""The llama.cpp runtime, always in a process of its own.

`protocol` declares every message once; `client` starts a worker process and speaks with it; `worker` (the only code
that imports `llama_cpp`) is the other end; `packs` are the builds of llama.cpp it can run on. May import `app.core` and
`app.storage`. Main entries: `LoadedModel` to load, generate and score, `start_worker` for everything else.

The room stands low in the house, because hardware (which devices does the runtime see?), memory
(what would it allocate?) and convert (quantize) all ask a worker.
"""

from app.runtime.client import Worker
from app.runtime.model import Generation, LoadedModel, TokenScores
from app.runtime.protocol import ChatMessage, GenerationStatistics, LoadSettings, ModelDescription, Sampling
from app.runtime.starting import packs_set_aside, start_worker

__all__ = [
    "ChatMessage",
    "Generation",
    "GenerationStatistics",
    "LoadSettings",
    "LoadedModel",
    "ModelDescription",
    "Sampling",
    "TokenScores",
    "Worker",
    "packs_set_aside",
    "start_worker",
]
