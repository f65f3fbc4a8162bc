"""Does it fit into what is free now?"""

from __future__ import annotations

from collections.abc import Sequence

from app.core.errors import TooLittleMemory
from app.core.units import format_bytes
from app.gguf import ModelFacts
from app.memory.estimate import estimate
from app.memory.overhead import WORKER_BYTES
from app.runtime.protocol import LoadSettings


def require_memory(
    models: Sequence[tuple[ModelFacts, LoadSettings]],
    available_bytes: int,
    worker_bytes: int = WORKER_BYTES,
) -> None:
    """Raises TooLittleMemory when `models`, each in a worker of its own, do not fit together."""
    needed = sum(estimate(facts, settings).total_bytes + worker_bytes for facts, settings in models)
    if needed <= available_bytes:
        return
    if len(models) == 1:
        facts, settings = models[0]
        raise TooLittleMemory(
            f"{facts.path.stem} needs about {format_bytes(needed)} of memory with a context of "
            f"{settings.context_length} tokens; {format_bytes(available_bytes)} are free.",
            "Choose a smaller quantization, or close other programs.",
        )
    raise TooLittleMemory(
        f"These {len(models)} models need about {format_bytes(needed)} of memory together; "
        f"{format_bytes(available_bytes)} are free.",
        "Compare fewer models or smaller quantizations, or close other programs.",
    )
