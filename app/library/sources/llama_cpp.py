"""What llama.cpp's own programs download with `-hf`: flat, the owner and the repository in each file's name."""

from __future__ import annotations

from app.library.sources.system import System

DEFAULT = "{cache}/llama.cpp"


def places(system: System) -> list[str]:
    moved = system.environment.get("LLAMA_CACHE")
    return [system.expanded(moved) if moved else system.place(DEFAULT)]
