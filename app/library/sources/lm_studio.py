"""LM Studio: `models/<publisher>/<repository>/<file>.gguf` in its home, or in the folder that a person chose."""

from __future__ import annotations

import os
from collections.abc import Iterator

from app.library.sources.found import FoundModel
from app.library.sources.small_files import read_json_object, read_text, text_in
from app.library.sources.system import System
from app.library.sources.walk import Walk

HOMES = ("{home}/.lmstudio", "{home}/.cache/lm-studio")
"""The second until version 0.3.6. The same on every system."""
POINTER = "{home}/.lmstudio-home-pointer"
SETTINGS = ("settings.json", "{data}/LM Studio/settings.json")


def places(system: System) -> list[str]:
    pointed = read_text(system.place(POINTER)).strip()
    homes = [pointed] if os.path.isabs(pointed) else []
    homes += [system.place(home) for home in HOMES]
    found = []
    for home in homes:
        found.append(os.path.join(home, "models"))
        for name in SETTINGS:
            settings = read_json_object(os.path.join(home, system.place(name)))
            chosen = text_in(settings, "downloadsFolder")
            if os.path.isabs(chosen):
                found.append(chosen)
    return list(dict.fromkeys(found))


def find(folder: str, walk: Walk) -> Iterator[FoundModel]:
    for found in walk.models(folder):
        below = found.path.removeprefix(os.path.join(folder, "")).split(os.sep)
        if len(below) > 2 and found.fault is None:
            yield FoundModel(found.path, found.name, origin=f"{below[0]}/{below[1]}")
        else:
            yield found
